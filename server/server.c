/* SPDX-License-Identifier: MIT */
/*
 * The exit node's life: keys, ports, ready, serve, drain, end. A signal drains it: clients are told to
 * go, requests under way finish for up to --grace; a second one ends it at once.
 */
#include "server/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "loop/loop.h"
#include "loop/notify.h"
#include "loop/signals.h"
#include "rules/front.h"
#include "tls/tls.h"
#include "server/acme/acme.h"
#include "server/announce.h"
#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/admin_panel.h"
#include "server/accept/listeners.h"
#include "server/store/catalog.h"
#include "server/store/last_use.h"
#include "server/store/state_dir.h"
#include "server/store/store_access.h"
#include "server/control/enforce.h"
#include "server/control/sharing.h"
#include "server/front_file.h"
#include "server/link_events.h"
#include "server/reload.h"
#include "server/trace/tracer.h"
#include "server/base/worker.h"
#include "server/link/link_worker.h"
#include "server/workers.h"
#include "version.h"

#define DRAIN_LOOK (50 * CLOCK_MS) /* how often a draining server looks whether it is done */

enum server_state { SERVER_SERVING, SERVER_DRAINING, SERVER_ENDED };

struct server {
	const struct server_options *opts;
	enum server_state state;
	struct state_dir files;
	struct store_access store;
	struct catalog catalog;
	struct node node;
	struct registrar registrar;
	struct admin admin;
	struct admin_panel panel;
	struct loop *loop; /* of worker 0, on this thread */
	struct workers workers;
	struct certificates certificates;
	struct reload reload;
	struct listeners listeners;
	struct signals signals;
	struct loop_timer watchdog, drain;
	uint64_t drain_until;
	char address[ADVERTISE_SIZE];
	enum advertise_how how;
};

/* ---- Keys ---- */

/* The key of the token that it was given or made, or the one that everybody knows. */
static int server_derive(struct server *s, struct token_key *key, struct error *err)
{
	const struct server_options *o = s->opts;
	if (o->no_token) {
		token_key_open_mode(key);
		return 0;
	}
	struct secret *token = o->token ? secret_new(o->token, strlen(o->token)) : s->files.token;
	int r = token ? token_key_derive(token->bytes, token->n, s->files.salt, key) : -ENOMEM;
	if (o->token)
		secret_free(token);
	if (r == -EINVAL)
		return error_set(err, r, "the token is empty");
	return r < 0 ? error_set(err, r, "out of memory") : 0;
}

static int server_load_keys(struct server *s, struct error *err)
{
	const struct server_options *o = s->opts;
	bool own = !o->token && !o->no_token;
	int r = state_dir_open(&s->files, o->state_dir, own, err);
	if (r < 0)
		return r;
	bool kept = r != STATE_DIR_VOLATILE;
	if (!kept && !o->no_token)
		log_warn("%s; clients derive their key anew after each restart", err->text);
	r = store_access_open(&s->store, s->files.dir, kept ? NULL : err->text, s->files.salt,
		&s->catalog, err);
	if (r < 0)
		return r;
	struct token_key *key = token_key_new();
	r = key ? server_derive(s, key, err) : error_set(err, -ENOMEM, "out of memory");
	if (r == 0)
		r = catalog_add_token(&s->catalog, key, o->no_token, err);
	token_key_free(key);
	return r;
}

/* ---- What is said when it is ready ---- */

static void server_announce(struct server *s)
{
	char pin[TLS_PIN_TEXT];
	const struct tls_server *tls = s->node.workers[0]->tls;
	struct announce a = {.opts = s->opts,
		.files = &s->files,
		.address = s->address,
		.how = s->how,
		.tls = node_is_public_by_tls(&s->node)};
	/* Without a token nothing but the pin says who a self-signed certificate is. */
	if (tls && s->opts->auto_tls && s->opts->no_token) {
		tls_server_pin(tls, pin);
		a.pin = pin;
	}
	announce(&a);
	admin_panel_say(&s->panel, s->opts);
}

/* One line a port: "visitors 9090", "clients 9090" or "all 9090". Whole or not at all. */
static int server_write_ready_file(struct server *s, struct error *err)
{
	const char *path = s->opts->ready_file;
	if (!path)
		return 0;
	auto_free char *temporary = NULL;
	if (asprintf(&temporary, "%s.new", path) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	/* One that is there may be a link, to a file that is somebody's. */
	unlink(temporary);
	FILE *f = fopen(temporary, "wxe");
	if (!f)
		return file_error(err, -errno, path, FILE_WRITE, "cannot write --ready-file %s",
			path);
	for (size_t i = 0; i < s->listeners.n; i++) {
		const struct listeners_port *p = &s->listeners.ports[i];
		fprintf(f, "%s %u\n",
			!p->config.visits ? "clients"
			: p->config.links ? "all"
					  : "visitors",
			p->listener.port);
	}
	if (fclose(f) != 0 || rename(temporary, path) < 0)
		return error_set(err, -errno, "cannot write --ready-file %s: %s", path,
			strerror(errno));
	return 0;
}

static void server_say_ready(struct server *s)
{
	for (size_t i = 0; i < s->listeners.n; i++) {
		const struct listeners_port *p = &s->listeners.ports[i];
		log_info("listening on port %u for %s", p->listener.port,
			!p->config.visits ? "clients"
			: p->config.links ? "visitors and clients"
					  : "visitors");
	}
	if (s->opts->no_token)
		log_warn("running without a token: whoever reaches this port can publish here");
	if (s->opts->no_seal)
		log_warn("links whose client says --no-seal too are not encrypted");
	notify_send("READY=1");
	status_changed(&s->registrar.status);
}

/* ---- Its end ---- */

static void server_end(struct server *s)
{
	s->state = SERVER_ENDED;
	loop_stop(s->loop);
}

static bool server_busy(struct server *s)
{
	return limits_count(&s->node.limits, LIMITS_VISITOR) > 0 ||
	       limits_count(&s->node.limits, LIMITS_BRIDGES) > 0;
}

static void server_look(struct loop_timer *timer)
{
	struct server *s = container_of(timer, struct server, drain);
	uint64_t now = loop_now(s->loop);
	if (!server_busy(s)) {
		log_info("everything under way is finished");
		server_end(s);
	} else if (now >= s->drain_until) {
		log_warn("some requests did not finish within --grace and are cut off");
		server_end(s);
	} else {
		loop_timer_set(&s->drain, MIN(now + DRAIN_LOOK, s->drain_until));
	}
}

static void server_drain(struct server *s)
{
	s->state = SERVER_DRAINING;
	notify_send("STOPPING=1\nSTATUS=Finishing what is under way");
	log_info("shutting down: requests under way finish for up to %u s; a second signal ends "
		 "at once",
		(unsigned)(s->opts->grace / CLOCK_S));
	listeners_close(&s->listeners);
	registrar_drain(&s->registrar);
	workers_drain(&s->workers);
	s->drain_until = loop_now(s->loop) + s->opts->grace;
	loop_timer_set(&s->drain, loop_now(s->loop) + CLOCK_MS);
}

static void server_signal(struct signals *signals, int signo)
{
	struct server *s = container_of(signals, struct server, signals);
	if (signo == SIGHUP && !signals->hangup_ends)
		reload_start(&s->reload);
	else if (s->state == SERVER_SERVING)
		server_drain(s);
	else
		server_end(s);
}

static void server_watchdog(struct loop_timer *timer)
{
	struct server *s = container_of(timer, struct server, watchdog);
	notify_send("WATCHDOG=1");
	loop_timer_set(timer, loop_now(s->loop) + notify_watchdog_interval());
}

/* ---- Its threads ---- */

static int server_make_workers(struct server *s)
{
	struct node *n = &s->node;
	n->salt = s->files.salt;
	n->public_name = s->address;
	n->registrar = &s->registrar;
	n->link_ops = &link_events;
	n->started = clock_now();
	random_bytes(n->instance, sizeof(n->instance));
	pseudonym_make(n->pseudonym);
	int r = workers_init(&s->workers, n, s->opts);
	if (r < 0)
		return r;
	s->loop = n->workers[0]->loop;
	registrar_init(&s->registrar, n, &s->catalog);
	const struct admin_config config = {.tables = admin_api,
		.loop = s->loop,
		.catalog = &s->catalog,
		.store = &s->store,
		.node = n,
		.registrar = &s->registrar};
	r = admin_init(&s->admin, &config);
	if (r < 0)
		return r;
	n->admin = &s->admin;
	last_use_start(&s->store, s->loop);
	return enforce_init(&s->registrar);
}

/* No worker runs yet. The certificates that it kept are read with the others. */
static int server_make_acme(struct server *s, struct error *err)
{
	if (!s->opts->acme)
		return 0;
	if (!s->store.dir)
		return error_set(err, -EINVAL, "--acme keeps certificates: give it a --state-dir");
	s->node.acme = acme_new(&s->node, s->opts, s->files.dir, err);
	return s->node.acme ? 0 : -EINVAL;
}

static void server_acme_changed(void *arg)
{
	struct server *s = arg;
	certificates_ordered(&s->certificates);
}

static void server_acme_tell(void *arg, const char *name, const char *sentence)
{
	struct server *s = arg;
	sharing_warn(&s->registrar, name, sentence);
}

static const struct acme_ops server_acme_ops = {server_acme_changed, server_acme_tell};

/* No worker runs yet. */
static int server_read_front(struct server *s, struct error *err)
{
	int r = front_file_read(&s->node, s->opts, &s->node.front, err);
	for (unsigned i = 0; i < s->node.n_workers; i++)
		s->node.workers[i]->front = s->node.front;
	return r;
}

/* ---- Its life ---- */

/* Of the links, and what visitors are told where no client knows better. */
static int server_find_address(struct server *s, struct error *err)
{
	const struct server_options *o = s->opts;
	bool tls = s->node.workers[0]->tls;
	const char *option = o->advertise;
	uint16_t port = listeners_control_port(&s->listeners, tls);
	s->node.public_scheme = advertise_scheme(&option, &port);
	const char *bound = o->control_addr ? o->control_addr : o->bind_addr;
	if (!o->control_port.n && o->data_addr)
		bound = o->data_addr;
	int r = advertise_address(option, bound, port, s->address, &s->how, err);
	s->node.public_sure = s->how == ADVERTISE_TOLD;
	/* A proxy in front has one port for both, as far as anybody knows. */
	if (o->control_port.n && !s->node.public_scheme)
		s->node.visitors_port = listeners_visitors_port(&s->listeners, tls);
	return r;
}

static int server_start(struct server *s, struct error *err)
{
	int r = crypto_start();
	if (r < 0)
		return error_set(err, r, "cryptography is not to be had here: %s", strerror(-r));
	if (catalog_init(&s->catalog) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	r = server_load_keys(s, err);
	if (r < 0)
		return r;
	r = server_make_workers(s);
	if (r < 0)
		return error_set(err, r, "out of memory");
	if (s->opts->otlp) {
		s->node.tracer = tracer_new(s->opts, err);
		if (!s->node.tracer)
			return -EINVAL;
	}
	r = signals_init(&s->signals, s->loop, server_signal);
	if (r < 0)
		return error_set(err, r, "signals cannot be handled: %s", strerror(-r));
	r = server_make_acme(s, err);
	if (r < 0)
		return r;
	r = certificates_init(&s->certificates, &s->node, s->opts, s->files.dir, err);
	if (r < 0)
		return r;
	r = server_read_front(s, err);
	if (r < 0)
		return r;
	r = listeners_open(&s->listeners, &s->node, err);
	if (r < 0)
		return r;
	s->registrar.listeners = &s->listeners;
	r = server_find_address(s, err);
	if (r == 0)
		r = admin_panel_open(&s->panel, &s->admin, s->opts, s->files.dir, &s->certificates,
			err);
	s->certificates.changed = admin_panel_renew;
	s->certificates.changed_arg = &s->panel;
	/* Last: whoever waits for the file asks the socket next. */
	if (r == 0)
		r = server_write_ready_file(s, err);
	if (r < 0)
		return r;
	r = workers_run(&s->workers);
	if (r < 0)
		return error_set(err, r, "a thread cannot be started: %s", strerror(-r));
	server_say_ready(s);
	server_announce(s);
	if (s->node.acme)
		acme_start(s->node.acme, &server_acme_ops, s);
	return 0;
}

static void server_stop(struct server *s)
{
	listeners_close(&s->listeners);
	store_access_close(&s->store);
	admin_close(&s->admin);
	admin_panel_close(&s->panel);
	acme_stop(s->node.acme);
	workers_stop(&s->workers);
	certificates_deinit(&s->certificates);
	workers_close(&s->workers);
	front_release(s->reload.former_front);
	front_file_end(&s->node);
	enforce_deinit(&s->registrar);
	registrar_deinit(&s->registrar);
	if (s->loop) {
		signals_deinit(&s->signals);
		loop_timer_cancel(&s->watchdog);
		loop_timer_cancel(&s->drain);
	}
	workers_deinit(&s->workers);
	acme_free(s->node.acme);
	admin_panel_deinit(&s->panel);
	admin_deinit(&s->admin);
	tracer_free(s->node.tracer);
	node_limits_deinit(&s->node);
	catalog_deinit(&s->catalog);
	state_dir_deinit(&s->files);
}

int server_run(const struct server_options *opts, struct reloader *r)
{
	struct server s = {.opts = opts};
	struct error err;
	int status = EXIT_FAILURE;
	/* Its end takes them down however far the start came. */
	bool memory = node_limits_init(&s.node, opts, link_worker_evict) == 0;
	log_info("tunnel %s, exit node", TUNNEL_VERSION);
	if (!memory) {
		log_error("out of memory");
	} else if (server_start(&s, &err) < 0) {
		log_error("%s", err.text);
	} else {
		reload_init(&s.reload, &s.node, &s.certificates, opts, r);
		loop_timer_init(&s.drain, s.loop, server_look);
		loop_timer_init(&s.watchdog, s.loop, server_watchdog);
		if (notify_watchdog_interval())
			server_watchdog(&s.watchdog);
		loop_run(s.loop);
		status = EXIT_SUCCESS;
	}
	server_stop(&s);
	return status;
}
