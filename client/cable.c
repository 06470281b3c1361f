#include "client/cable.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/macros.h"
#include "client/bond.h"
#include "client/outlets.h"
#include "tls/tls.h"
#include "version.h"

static struct cable *cable_of(struct link *l)
{
	return container_of(link_io_of(l), struct cable, io);
}

static void cable_salt(struct link *l, const uint8_t salt[HELLO_SALT])
{
	uplink_salt(cable_of(l)->uplink, cable_of(l), salt);
}

static void cable_up(struct link *l, const struct control *hello)
{
	struct cable *c = cable_of(l);
	c->up_at = loop_now(c->io.loop);
	uplink_up(c->uplink, c, hello);
}

static void cable_control(struct link *l, struct control *message)
{
	struct cable *c = cable_of(l);
	bond_control(c->uplink->bond, c, message);
}

static struct stream *cable_open(struct link *l, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	return outlets_open(cable_of(l)->uplink->bond->outlets, open, reason_out);
}

static void cable_goaway(struct link *l, uint8_t reason)
{
	uplink_goaway(cable_of(l)->uplink, cable_of(l), reason);
}

static const struct link_ops cable_ops = {
	.salt = cable_salt,
	.up = cable_up,
	.control = cable_control,
	.open = cable_open,
	.goaway = cable_goaway,
	.wake = link_io_wake,
};

static void cable_reap(struct loop_task *task)
{
	struct cable *c = container_of(task, struct cable, reap);
	link_io_deinit(&c->io);
	free(c);
}

static void cable_ended(struct link_io *link_io)
{
	struct cable *c = container_of(link_io, struct cable, io);
	list_unlink(&c->link);
	loop_defer(c->uplink->bond->loop, LOOP_PHASE_REAP, &c->reap);
	uplink_lost(c->uplink, c);
}

/* What the connection can show of itself (rules 8 and 9). */
static void cable_look_at_tls(struct cable *c, const struct tls *tls, struct link_config *config)
{
	if (!tls)
		return;
	config->tls13 = tls_version(tls) == TLS_1_3;
	config->cb_given = tls_exporter(tls, config->cb);
	if (tls_verified(tls))
		return;
	snprintf(c->unverified, sizeof(c->unverified), "%s", tls_complaint(tls));
	config->unverified = c->unverified;
}

struct cable *cable_new(struct uplink *u, struct detached_conn detached, const void *early,
	size_t n)
{
	struct bond *b = u->bond;
	const struct client_options *o = b->options;
	struct cable *c = calloc(1, sizeof(*c));
	if (!c) {
		detached_conn_close(&detached);
		return NULL;
	}
	c->uplink = u;
	c->joins = bond_joinable(b);
	loop_task_init(&c->reap, cable_reap);
	list_init(&c->link);
	list_append(&b->cables, &c->link);
	struct link_config config = {
		.client = true,
		.seal_waived = o->no_seal,
		.limits = {.base_window = (uint32_t)o->base_window,
			.max_window = (uint32_t)o->max_window,
			.max_streams = (uint32_t)o->max_streams},
		.budget = &b->budget,
		.share = &b->share,
		.random = &b->random,
		.instance = b->instance,
		.resume = b->resume_given && !c->joins ? b->resume->bytes : NULL,
		.version = TUNNEL_VERSION,
		.remote = b->remote,
	};
	cable_look_at_tls(c, detached.tls, &config);
	/* Early bytes are judged from within: the uplink has to know its cable by then. */
	u->cable = c;
	if (link_io_start(&c->io, b->loop, detached, &cable_ops, &config, early, n, cable_ended) <
		0) {
		u->cable = NULL;
		list_unlink(&c->link);
		free(c);
		return NULL;
	}
	return c;
}

struct cable *cable_free(struct cable *c)
{
	if (!c)
		return NULL;
	list_unlink(&c->link);
	link_io_deinit(&c->io);
	free(c);
	return NULL;
}
