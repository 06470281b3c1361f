#include "client/session/client_link.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/macros.h"
#include "client/session/client_session.h"
#include "client/upstream/upstream_conn.h"
#include "tls/tls.h"
#include "version.h"

static struct client_link *client_link_of(struct link *l)
{
	return container_of(link_io_of(l), struct client_link, io);
}

static void client_link_salt(struct link *l, const uint8_t salt[HELLO_SALT])
{
	uplink_salt(client_link_of(l)->uplink, client_link_of(l), salt);
}

static void client_link_up(struct link *l, const struct control *hello)
{
	struct client_link *c = client_link_of(l);
	c->up_at = loop_now(c->io.loop);
	uplink_up(c->uplink, c, hello);
}

static void client_link_control(struct link *l, struct control *message)
{
	struct client_link *c = client_link_of(l);
	client_session_control(c->uplink->session, c, message);
}

static struct stream *client_link_open(struct link *l, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	return upstream_conns_open(client_link_of(l)->uplink->session->upstream_conns, open,
		reason_out);
}

static void client_link_goaway(struct link *l, uint8_t reason)
{
	uplink_goaway(client_link_of(l)->uplink, client_link_of(l), reason);
}

static const struct link_ops client_link_ops = {
	.salt = client_link_salt,
	.up = client_link_up,
	.control = client_link_control,
	.open = client_link_open,
	.goaway = client_link_goaway,
	.wake = link_io_wake,
};

static void client_link_reap(struct loop_task *task)
{
	struct client_link *l = container_of(task, struct client_link, reap);
	link_io_deinit(&l->io);
	free(l);
}

static void client_link_ended(struct link_io *link_io)
{
	struct client_link *l = container_of(link_io, struct client_link, io);
	list_unlink(&l->link);
	loop_defer(l->uplink->session->loop, LOOP_PHASE_REAP, &l->reap);
	uplink_lost(l->uplink, l);
}

/* What the connection can show of itself (rules 8 and 9). */
static void client_link_look_at_tls(struct client_link *l, const struct tls *tls,
	struct link_config *config)
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

struct client_link *client_link_new(struct uplink *u, struct detached_conn detached,
	const void *early, size_t n)
{
	struct client_session *s = u->session;
	const struct client_options *o = s->options;
	struct client_link *l = calloc(1, sizeof(*l));
	if (!l) {
		detached_conn_close(&detached);
		return NULL;
	}
	l->uplink = u;
	l->joins = client_session_joinable(s);
	loop_task_init(&l->reap, client_link_reap);
	list_init(&l->link);
	list_append(&s->links, &l->link);
	struct link_config config = {
		.client = true,
		.seal_waived = o->no_seal,
		.limits = {.base_window = (uint32_t)o->base_window,
			.max_window = (uint32_t)o->max_window,
			.max_streams = (uint32_t)o->max_streams},
		.budget = &s->budget,
		.share = &s->share,
		.random = &s->random,
		.instance = s->instance,
		.resume = s->resume_given && !l->joins ? s->resume->bytes : NULL,
		.version = TUNNEL_VERSION,
		.remote = s->remote,
	};
	client_link_look_at_tls(l, detached.tls, &config);
	/* Early bytes are judged from within: the uplink has to know its link by then. */
	u->link = l;
	if (link_io_start(&l->io, s->loop, detached, &client_link_ops, &config, early, n,
		    client_link_ended) < 0) {
		u->link = NULL;
		list_unlink(&l->link);
		free(l);
		return NULL;
	}
	return l;
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
