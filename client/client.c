/* SPDX-License-Identifier: MIT */
#include "client/client.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/exit_status.h"
#include "base/log.h"
#include "base/macros.h"
#include "client/admin/client_admin.h"
#include "client/admin/client_api.h"
#include "client/admin/client_panel.h"
#include "client/admin/client_socket.h"
#include "client/keys/client_keys.h"
#include "client/session/client_session.h"
#include "client/upstream/probe.h"
#include "config/log_rooms.h"
#include "crypto/crypto.h"
#include "loop/notify.h"
#include "loop/signals.h"

struct client {
	const struct client_options *options; /* of the start: what cannot change */
	struct reloader *reloader;
	void *running; /* the options that were read last */
	struct loop *loop;
	struct offload *offload;   /* for the key alone: look-ups may hang */
	struct resolver *resolver; /* of the upstreams */
	struct signals signals;
	struct client_keys keys;
	struct publications publications;
	struct upstream_conns upstream_conns;
	struct inspector inspector;      /* zero where nobody could look at what it has */
	struct upstream_replays replays; /* of it */
	struct probes probes;
	struct consumer consumer;
	struct client_session session;
	struct client_admin admin;
	struct client_socket socket;
	struct client_panel panel;
	struct loop_timer watchdog;
	bool ending;
	int status; /* to end with */
};

static void client_stop(struct client *c, int status)
{
	c->status = status;
	loop_stop(c->loop);
}

/* Ends in order, with links closed and not lost. */
static void client_finish(struct client *c, int status)
{
	if (c->ending)
		return;
	c->ending = true;
	c->status = status;
	client_session_drain(&c->session, loop_now(c->loop));
}

static void consumer_ended(struct consumer *consumer, enum consumer_end end)
{
	struct client *c = container_of(consumer, struct client, consumer);
	const struct client_options *o = c->running;
	switch (end) {
	case CONSUMER_END_DONE:
		client_finish(c, STATUS_OK);
		break;
	case CONSUMER_END_BROKEN:
		/* What is under way must not pass for whole: the link is lost, and no end is sent. */
		client_stop(c, STATUS_FAILED);
		break;
	case CONSUMER_END_WAITED:
		client_finish(c, STATUS_TIMEOUT);
		break;
	case CONSUMER_END_DISCONNECTED:
		if (!o->upstreams.n)
			client_finish(c, STATUS_FAILED);
		break;
	}
}

static void health_changed(void *arg)
{
	struct client *c = arg;
	client_session_published(&c->session);
}

static void client_session_ended(struct client_session *session, enum client_session_end end)
{
	struct client *c = container_of(session, struct client, session);
	switch (end) {
	case CLIENT_SESSION_END_DRAINED:
		client_stop(c, c->status);
		break;
	case CLIENT_SESSION_END_REJECTED:
		client_stop(c, STATUS_REJECTED);
		break;
	case CLIENT_SESSION_END_REFUSED:
		client_stop(c, STATUS_FAILED);
		break;
	}
}

static void on_difference(void *arg, const struct reload_difference *d)
{
	if (!d->reloadable)
		log_warn("--%s changed: that takes effect at the next start", d->name);
	else
		log_debug("%s changed", d->name);
}

struct client_change {
	struct publications_change published;
	struct client_endpoints_change wanted;
};

static void log_change(const struct client_change *change)
{
	const struct publications_change *p = &change->published;
	const struct client_endpoints_change *w = &change->wanted;
	log_info("reloaded; services added: %zu, removed: %zu, unchanged: %zu", p->added,
		p->removed, p->kept);
	if (w->added || w->removed || w->kept)
		log_info("private services to use added: %zu, removed: %zu, unchanged: %zu",
			w->added, w->removed, w->kept);
}

/* 0, or -errno with a sentence. */
static int client_load_keys(struct client *c, const struct client_options *o, struct error *err)
{
	int r = client_keys_load(&c->keys, c->loop, c->offload, o, err);
	if (c->keys.has_own)
		c->publications.own = &c->keys.own;
	return r;
}

/*
 * Takes all of the new configuration, or nothing of it when it is wrong; where memory runs out between the two, what
 * is published is new and what is wanted is not.
 */
static int client_take(struct client *c, struct client_change *change, struct error *err)
{
	void *read;
	int r = reloader_load(c->reloader, c->running, on_difference, c, &read, err);
	if (r)
		return r;
	const struct client_options *o = read;
	r = client_load_keys(c, o, err);
	if (!r)
		r = publications_set(&c->publications, &o->upstreams, err, &change->published);
	if (!r)
		r = consumer_set(&c->consumer, &o->local_services, err, &change->wanted);
	if (r) {
		reloader_free(c->reloader, read);
		return r;
	}
	upstream_conns_limits_changed(&c->upstream_conns);
	reloader_free(c->reloader, c->running);
	c->running = read;
	log_rooms_apply((enum log_level)o->log_level, &o->log_rooms);
	return 0;
}

static void client_reload(struct client *c)
{
	struct error err;
	struct client_change change;
	notify_send("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_now());
	if (client_take(c, &change, &err)) {
		log_error("nothing was reloaded: %s", err.text);
	} else {
		log_change(&change);
		probes_set(&c->probes);
		client_session_published(&c->session);
	}
	notify_send("READY=1");
}

static void caught(struct signals *signals, int signo)
{
	struct client *c = container_of(signals, struct client, signals);
	if (signo == SIGHUP && !signals->hangup_ends) {
		if (!c->ending)
			client_reload(c);
		return;
	}
	if (c->ending) {
		log_info("a second signal: ending at once");
		client_stop(c, STATUS_OK);
		return;
	}
	if (local_services_stdio(&c->options->local_services)) {
		client_stop(c, STATUS_FAILED); /* nobody is left who could end it in order */
		return;
	}
	c->ending = true;
	notify_send("STOPPING=1\nSTATUS=Finishing what is under way");
	size_t streams = c->upstream_conns.n + c->consumer.conns.n;
	if (streams)
		log_info("ending; streams under way: %zu, for at most %.0f s; a second signal ends "
			 "at once",
			streams, (double)c->options->grace / CLOCK_S);
	else
		log_info("ending");
	client_session_drain(&c->session, loop_now(c->loop) + c->options->grace);
}

/*
 * Whoever has pages wants to see on them what came before he looked, and on a terminal there is a line for each
 * request; a client that nobody looks at pays for nothing. 0, or -ENOMEM with a sentence.
 */
static int client_inspect(struct client *c, struct error *err)
{
	const struct client_options *o = c->options;
	const struct inspector_options options = {.size = o->inspect.size,
		.body_max = o->inspect.body,
		.mask = &o->inspect.mask,
		.forget = o->inspect.forget};
	if (!o->inspect.size || !(c->panel.open || log_has_reader()))
		return 0;
	if (inspector_init(&c->inspector, c->loop, &options) < 0)
		return error_set(err, -ENOMEM, "--inspect: there is not so much memory");
	upstream_replays_init(&c->replays, &c->upstream_conns);
	c->upstream_conns.inspector = &c->inspector;
	c->admin.requests = (struct requests_api){&c->inspector, &c->replays, &c->publications};
	return 0;
}

static void watchdog_fired(struct loop_timer *timer)
{
	notify_send("WATCHDOG=1");
	loop_timer_set(timer, loop_now(timer->loop) + notify_watchdog_interval());
}

/* Exit status 0, or another after saying why. */
static int client_init(struct client *c)
{
	const struct client_options *o = c->options;
	struct error err;
	if (crypto_start() < 0) {
		log_error("the system's cryptography cannot be used: OpenSSL must offer "
			  "ChaCha20-Poly1305 and AES-256-GCM");
		return STATUS_FAILED;
	}
	c->loop = loop_new();
	c->offload = offload_new(OFFLOAD_THREADS);
	c->resolver = c->loop ? resolver_new(c->loop, NULL) : NULL;
	if (!c->resolver || !c->offload || signals_init(&c->signals, c->loop, caught) < 0 ||
		upstream_conns_init(&c->upstream_conns, c->loop, c->resolver, &c->publications, o) <
			0) {
		log_error("the client cannot start: out of memory or descriptors");
		return STATUS_FAILED;
	}
	loop_timer_init(&c->watchdog, c->loop, watchdog_fired);
	c->upstream_conns.keys = &c->keys;
	int r = client_load_keys(c, o, &err);
	if (!r)
		r = publications_set(&c->publications, &o->upstreams, &err, NULL);
	if (!r)
		r = consumer_init(&c->consumer, c->loop, c->offload, o, &err);
	if (!r) {
		consumer_set_keys(&c->consumer, &c->keys);
		r = consumer_probe(&c->consumer, &err);
	}
	if (!r)
		r = client_session_init(&c->session, c->loop, c->offload, o, &c->publications,
			&c->upstream_conns, &c->consumer, &err);
	if (r) {
		log_error("%s", err.text);
		return r == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
	}
	client_admin_init(&c->admin, client_api, c->loop,
		(const struct client_options *const *)&c->running, &c->session);
	if (client_socket_open(&c->socket, &c->admin.api, o, &err) ||
		client_panel_open(&c->panel, &c->socket, o, &err)) {
		log_error("%s", err.text);
		return STATUS_FAILED;
	}
	if (client_inspect(c, &err)) {
		log_error("%s", err.text);
		return STATUS_FAILED;
	}
	probes_init(&c->probes, &c->upstream_conns, health_changed, c);
	probes_set(&c->probes);
	c->session.ended = client_session_ended;
	c->consumer.ended = consumer_ended;
	/* ssh ends its ProxyCommand so. */
	c->signals.hangup_ends |= local_services_stdio(&o->local_services);
	return STATUS_OK;
}

static void client_deinit(struct client *c)
{
	client_socket_close(&c->socket);
	client_admin_close(&c->admin);
	upstream_replays_deinit(&c->replays);
	probes_deinit(&c->probes);
	client_session_deinit(&c->session);
	consumer_deinit(&c->consumer);
	upstream_conns_deinit(&c->upstream_conns);
	inspector_deinit(&c->inspector);
	client_keys_deinit(&c->keys);
	if (c->loop) {
		signals_deinit(&c->signals);
		loop_timer_cancel(&c->watchdog);
	}
	resolver_free(c->resolver);
	offload_free(c->offload);
	loop_free(c->loop);
	client_socket_deinit(&c->socket);
	client_panel_deinit(&c->panel);
	publications_deinit(&c->publications);
}

static void client_warn(const struct client_options *o)
{
	if (o->no_token)
		log_warn("--no-token: the exit node is not authenticated, and it takes every "
			 "client");
	if (o->no_seal)
		log_warn("--no-seal: if the exit node has it, too, traffic is not encrypted: "
			 "anyone on "
			 "the path can read and change it");
}

int client_run(const struct client_options *opts, struct reloader *r)
{
	struct client c = {.options = opts, .reloader = r, .running = (void *)(uintptr_t)opts};
	int status = client_init(&c);
	if (status == STATUS_OK) {
		client_warn(opts);
		client_session_start(&c.session);
		consumer_start(&c.consumer);
		/* A client that tries is ready: the exit node may come up later, and systemd's start
		   timeout must not end a client that waits for it. */
		notify_send("READY=1");
		if (notify_watchdog_interval())
			watchdog_fired(&c.watchdog);
		loop_run(c.loop);
		status = c.status;
	}
	client_deinit(&c);
	return status;
}
