/* SPDX-License-Identifier: MIT */
#include "client/session/client_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "tls/tls.h"

static struct client_link *client_link_of(struct link *l)
{
	return container_of(link_io_of(l), struct client_link, io);
}

static void link_salt(struct link *link, const uint8_t salt[HELLO_SALT])
{
	struct client_link *l = client_link_of(link);
	memcpy(l->salt, salt, sizeof(l->salt));
	l->ops->salt(l, salt);
}

static void link_up(struct link *link, const struct control *hello)
{
	struct client_link *l = client_link_of(link);
	l->up_at = loop_now(l->io.loop);
	l->ops->up(l, hello);
}

static void link_control(struct link *link, struct control *message)
{
	struct client_link *l = client_link_of(link);
	l->ops->control(l, message);
}

static struct stream *link_open(struct link *link, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct client_link *l = client_link_of(link);
	return l->ops->open(l, open, reason_out);
}

static void link_goaway(struct link *link, uint8_t reason)
{
	struct client_link *l = client_link_of(link);
	if (l->leaving)
		return;
	l->leaving = true;
	l->ops->goaway(l, reason);
}

static const struct link_ops link_ops = {
	.salt = link_salt,
	.up = link_up,
	.control = link_control,
	.open = link_open,
	.goaway = link_goaway,
	.wake = link_io_wake,
};

static void client_link_reap(struct loop_task *task)
{
	struct client_link *l = container_of(task, struct client_link, reap);
	link_io_deinit(&l->io);
	free(l);
}

static void client_link_ended(struct link_io *io)
{
	struct client_link *l = container_of(io, struct client_link, io);
	list_unlink(&l->link);
	loop_defer(io->loop, LOOP_PHASE_REAP, &l->reap);
	l->ops->closed(l);
}

/* What the connection can show of itself (rules 8 and 9). */
static void look_at_tls(struct client_link *l, const struct tls *tls, struct link_config *config)
{
	if (!tls)
		return;
	config->tls13 = tls_version(tls) == TLS_1_3;
	config->cb_given = tls_exporter(tls, config->cb);
	if (tls_verified(tls))
		return;
	snprintf(l->unverified, sizeof(l->unverified), "%s", tls_complaint(tls));
	config->unverified = l->unverified;
}

struct client_link *client_link_new(struct loop *loop, struct detached_conn detached,
	const struct link_config *given, const struct client_link_ops *ops, void *owner)
{
	struct link_config config = *given;
	struct client_link *l = calloc(1, sizeof(*l));
	if (!l) {
		detached_conn_close(&detached);
		return NULL;
	}
	l->ops = ops;
	l->owner = owner;
	l->up_at = CLOCK_NEVER;
	loop_task_init(&l->reap, client_link_reap);
	list_init(&l->link);
	look_at_tls(l, detached.tls, &config);
	if (link_io_start(&l->io, loop, detached, &link_ops, &config, client_link_ended) < 0) {
		free(l);
		return NULL;
	}
	return l;
}

int client_link_feed(struct client_link *l, const void *early, size_t n)
{
	return link_io_feed(&l->io, early, n);
}

void client_link_key(struct client_link *l, const uint8_t salt[HELLO_SALT],
	const struct token_key *key)
{
	if (l->io.link.state != LINK_KEY || memcmp(l->salt, salt, HELLO_SALT) != 0)
		return;
	if (key)
		link_key(&l->io.link, key, loop_now(l->io.loop));
	else
		client_link_close(l, "out of memory");
}

void client_link_close(struct client_link *l, const char *why)
{
	link_close(&l->io.link, LINK_END_LOCAL, "%s", why);
}

struct client_link *client_link_free(struct client_link *l)
{
	if (!l)
		return NULL;
	list_unlink(&l->link);
	link_io_deinit(&l->io);
	free(l);
	return NULL;
}
