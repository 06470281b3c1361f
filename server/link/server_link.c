/* SPDX-License-Identifier: MIT */
#include "server/link/server_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/state.h"
#include "tls/tls.h"
#include "server/link/link_accept.h"
#include "server/link/link_lockout.h"
#include "server/link/link_rates.h"
#include "server/link/link_worker.h"
#include "server/link/session_shard.h"
#include "server/link/silence.h"
#include "version.h"

static struct server_link *server_link_of(struct link *l)
{
	return container_of(link_io_of(l), struct server_link, io);
}

static struct link *server_link_base(struct server_link *l)
{
	return &l->io.link;
}

static struct node *server_link_node(const struct server_link *l)
{
	return l->worker->node;
}

static const struct server_link_ops *server_link_ops(const struct server_link *l)
{
	return l->worker->node->link_ops;
}

void server_link_peer(const struct server_link *l, char text[ADDRESS_TEXT_SIZE])
{
	if (l->peer.port)
		address_format(&l->peer, text);
	else
		address_format_ip(&l->peer, text);
}

bool server_link_usable(const struct server_link *l)
{
	const struct link *link = &l->io.link;
	return l->state == SERVER_LINK_ESTABLISHED && link->state == LINK_UP &&
	       !link->mux.peer_draining && !mux_ids_low(&link->mux) &&
	       (!l->suspected_at || link->last_heard > l->suspected_at);
}

/* Other workers send nobody here for it any more. */
static void server_link_uncount(struct server_link *l)
{
	if (l->counted)
		atomic_fetch_sub_explicit(&l->session_shard->usable, 1, memory_order_relaxed);
	l->counted = false;
	silence_count(l);
}

static void server_link_set_state(struct server_link *l, enum server_link_state state)
{
	static const uint8_t legal[] = {
		[SERVER_LINK_HANDSHAKING] = 1 << SERVER_LINK_ESTABLISHED | 1 << SERVER_LINK_CLOSED,
		[SERVER_LINK_ESTABLISHED] = 1 << SERVER_LINK_DRAINING | 1 << SERVER_LINK_CLOSED,
		[SERVER_LINK_DRAINING] = 1 << SERVER_LINK_CLOSED,
		[SERVER_LINK_CLOSED] = 0,
	};
	static const char *const names[] = {"handshaking", "established", "draining", "closed"};
	static const struct state_table table = {"link", names, legal};
	state_step(&table, l->state, state);
	if (l->state == SERVER_LINK_HANDSHAKING) {
		half_open_leave(&server_link_node(l)->half_open, l->slot);
		l->slot = NULL;
	}
	log_debug_of(l->connection, "a link from a client: %s -> %s", names[l->state],
		names[state]);
	l->state = state;
	if (state != SERVER_LINK_ESTABLISHED)
		server_link_uncount(l);
}

void server_link_began(struct server_link *l)
{
	l->active++;
	session_shard_count(l->session_shard, 1);
	link_io_expect(&l->io);
}

void server_link_finished(struct server_link *l)
{
	l->active--;
	session_shard_count(l->session_shard, -1u);
}

static bool link_better(const struct server_link *a, const struct server_link *b)
{
	if (server_link_silent(a) != server_link_silent(b))
		return !server_link_silent(a);
	return a->active < b->active;
}

struct server_link *server_link_pick(const struct session_shard *shard)
{
	struct server_link *best = NULL;
	list_for_each (it, &shard->links) {
		struct server_link *l = list_entry(it, struct server_link, of_shard);
		if (server_link_usable(l) && (!best || link_better(l, best)))
			best = l;
	}
	return best;
}

static void server_link_log_full(const struct session_shard *shard)
{
	char more[LOG_LIMIT_MORE];
	struct server_link *l = list_first(&shard->links, struct server_link, of_shard);
	if (l && log_limit_pass(&l->worker->link->log_full, loop_now(l->worker->loop),
			 SERVER_LINK_SAY_AGAIN, 1, more))
		log_warn("%s has as many requests and connections at a time as it may "
			 "(--max-streams=%u): further visitors are refused%s",
			shard->session->identity->name,
			(unsigned)atomic_load(&shard->session->identity->max_streams), more);
}

static void server_link_count_full(const struct session_shard *shard)
{
	struct server_link *l = list_first(&shard->links, struct server_link, of_shard);
	if (l)
		counter_add(&l->worker->counts.limits[COUNTS_LIMIT_STREAMS], 1);
}

bool server_link_full(const struct session_shard *shard)
{
	if (!session_shard_full(shard))
		return false;
	server_link_count_full(shard);
	server_link_log_full(shard);
	return true;
}

struct server_link *server_link_pick_new(const struct session_shard *shard)
{
	return server_link_full(shard) ? NULL : server_link_pick(shard);
}

/* ---- What the link tells ---- */

static const uint8_t *server_link_on_find_psk(struct link *link, const uint8_t id[TOKEN_ID_SIZE])
{
	struct server_link *l = server_link_of(link);
	if (link_lockout_refuses(l, id))
		return NULL;
	const uint8_t *psk = keyring_find(l->worker->keyring, id, &l->credential);
	l->key_unknown = !l->credential;
	return psk;
}

/* In open mode everybody has proved what everybody knows. */
static void server_link_remember(const struct server_link *l)
{
	if (l->credential && !l->credential->identity->open)
		half_open_proved(&server_link_node(l)->half_open, &l->peer,
			loop_now(l->worker->loop));
}

static void server_link_on_up(struct link *link, const struct control *hello)
{
	struct server_link *l = server_link_of(link);
	server_link_set_state(l, SERVER_LINK_ESTABLISHED);
	counter_add(&l->worker->counts.handshakes[COUNTS_HANDSHAKE_OK], 1);
	link->mux.round_trips = &l->worker->counts.round_trips;
	server_link_remember(l);
	l->protection = link->sealed ? "sealed" : link->bound ? "inside TLS" : "not encrypted";
	server_link_ops(l)->up(l, hello);
	if (l->worker->draining)
		server_link_drain(l);
}

static void server_link_on_control(struct link *link, struct control *m)
{
	switch (m->type) {
	case CONTROL_PUBLISH:
	case CONTROL_WITHDRAW:
	case CONTROL_NOTICE:
	case CONTROL_JOIN:
	case CONTROL_ATTACH:
	case CONTROL_DETACH:
	case CONTROL_HEALTH:
		server_link_ops(server_link_of(link))->control(server_link_of(link), m);
		break;

	case CONTROL_HELLO:
	case CONTROL_GRANTED:
	case CONTROL_REFUSED:
	case CONTROL_SESSION_GRANT:
	case CONTROL_ATTACHED:
	case CONTROL_DECLINED:
	case CONTROL_PENDING:
	case CONTROL_TYPES:
		link_close(link, LINK_END_VIOLATION, "a client does not send \"%s\"",
			control_type_name(m->type));
		break;
	}
}

/* Clients ask the admin API, and use private services: all else is for visitors. */
static struct stream *server_link_on_open(struct link *link, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct server_link *l = server_link_of(link);
	if (open->kind == FRAME_KIND_ADMIN && !open->service)
		return server_link_ops(l)->admin(l, reason_out);
	if ((open->kind == FRAME_KIND_TCP || open->kind == FRAME_KIND_UDP) && l->session_shard)
		return server_link_ops(l)->open(l, open, reason_out);
	*reason_out =
		open->kind == FRAME_KIND_ADMIN ? FRAME_RESET_UNKNOWN_SERVICE : FRAME_RESET_DENIED;
	return NULL;
}

static void server_link_on_goaway(struct link *link, uint8_t reason)
{
	struct server_link *l = server_link_of(link);
	char more[LOG_LIMIT_MORE];
	if (log_limit_pass(&l->worker->link->log_leaving, loop_now(l->worker->loop),
		    SERVER_LINK_LEAVING_EVERY, SERVER_LINK_LEAVING_BURST, more))
		log_info_of(l->connection,
			"session %s: the client is going away (%s); its link gets no new streams%s",
			l->session_shard ? l->session_shard->session->name : "-",
			frame_goaway_name(reason), more);
	if (reason == FRAME_GOAWAY_SHUTDOWN)
		atomic_store_explicit(&l->leaving, true, memory_order_relaxed);
	if (l->state == SERVER_LINK_ESTABLISHED)
		server_link_set_state(l, SERVER_LINK_DRAINING);
	/* The client waits for its streams to end, and cannot tell which of them carry nothing. */
	server_link_ops(l)->leaving(l);
}

static void server_link_on_silent(struct link *link)
{
	silence_changed(server_link_of(link));
}

static const struct link_ops link_ops = {
	.find_psk = server_link_on_find_psk,
	.up = server_link_on_up,
	.control = server_link_on_control,
	.open = server_link_on_open,
	.goaway = server_link_on_goaway,
	.silent = server_link_on_silent,
	.wake = link_io_wake,
};

/* ---- Going ---- */

void server_link_free(struct server_link *l)
{
	loop_task_cancel(&l->reap);
	loop_timer_cancel(&l->suspect);
	link_io_deinit(&l->io);
	free(l->remote);
	free(l->ending_why);
	free(l);
}

static void server_link_reap(struct loop_task *task)
{
	server_link_free(container_of(task, struct server_link, reap));
}

/* What strangers come to is said once a second, or one of them could fill the disk. */
static void server_link_log_stranger(struct server_link *l)
{
	struct worker *w = l->worker;
	const struct link *link = server_link_base(l);
	char peer[ADDRESS_TEXT_SIZE], more[LOG_LIMIT_MORE];
	if (!log_limit_pass(&w->link->log_handshakes, loop_now(w->loop), SERVER_LINK_STRANGER_EVERY,
		    1, more))
		return;
	server_link_peer(l, peer);
	enum log_level level = link->end == LINK_END_REFUSED ? LOG_WARN : LOG_INFO;
	bool open = l->key_unknown && w->opts->no_token;
	log_line_of(l->connection, level, "client %s failed the handshake: %s%s%s", peer, link->why,
		open ? "; this server runs with --no-token: run the client with --no-token, or "
		       "both with a token"
		     : "",
		more);
}

static void server_link_count_stranger(struct server_link *l)
{
	bool refused = server_link_base(l)->end == LINK_END_REFUSED;
	counter_add(&l->worker->counts.handshakes[refused ? COUNTS_HANDSHAKE_REFUSED
							  : COUNTS_HANDSHAKE_FAILED],
		1);
}

/* Out of everything of this worker's. */
static void server_link_leave(struct server_link *l)
{
	struct node *n = server_link_node(l);
	loop_timer_cancel(&l->suspect);
	/* The time that it was up counts: its client may be back in a moment. */
	if (l->state != SERVER_LINK_HANDSHAKING)
		server_link_remember(l);
	server_link_set_state(l, SERVER_LINK_CLOSED);
	if (l->session_shard)
		budget_account_join(&server_link_base(l)->mux.account, NULL);
	list_for_each_safe (it, &l->admin_streams)
		list_unlink(it);
	link_rate_forget(l);
	list_unlink(&l->of_shard);
	list_unlink(&l->link);
	atomic_fetch_sub_explicit(&n->links[l->worker->index], 1, memory_order_relaxed);
	limits_release(&n->limits, LIMITS_LINK, &l->peer);
}

static void server_link_ended(struct link_io *io)
{
	struct server_link *l = container_of(io, struct server_link, io);
	bool known = l->state != SERVER_LINK_HANDSHAKING;
	if (!known)
		server_link_count_stranger(l);
	if (!known)
		server_link_log_stranger(l);
	if (!known && server_link_base(l)->end == LINK_END_REFUSED)
		link_lockout_failed(l);
	server_link_leave(l);
	if (known)
		server_link_ops(l)->gone(l);
	else
		loop_defer(l->worker->loop, LOOP_PHASE_REAP, &l->reap);
}

void server_link_discard(struct server_link *l)
{
	link_io_deinit(&l->io); /* ends the streams, and with them the pooled streams */
	server_link_leave(l);
	server_link_free(l);
}

void server_link_evict(struct server_link *l)
{
	link_close(server_link_base(l), LINK_END_LOCAL,
		"it had not proved its key when its place was needed");
}

void server_link_drain(struct server_link *l)
{
	if (server_link_base(l)->state == LINK_UP)
		mux_goaway(&server_link_base(l)->mux, FRAME_GOAWAY_SHUTDOWN);
	else
		link_close(server_link_base(l), LINK_END_LOCAL, "the server ends");
}

/* ---- From the registrar, by server/link/link_mail ---- */

void server_link_attach(struct server_link *l, struct session_shard *shard)
{
	if (l->state == SERVER_LINK_CLOSED) {
		atomic_fetch_sub_explicit(&shard->usable, 1, memory_order_relaxed);
		return;
	}
	l->session_shard = shard;
	budget_account_join(&server_link_base(l)->mux.account, &shard->share);
	list_append(&shard->links, &l->of_shard);
	link_rate_follow(l);
	l->counted = true;
	if (l->state != SERVER_LINK_ESTABLISHED)
		server_link_uncount(l);
	silence_count(l);
	server_link_ops(l)->usable(l);
}

void server_link_send(struct server_link *l, const struct control *message)
{
	if (l->state == SERVER_LINK_CLOSED)
		return;
	int r = link_send(server_link_base(l), message);
	if (r == -ENOBUFS || r == -ENOMEM)
		server_link_close(l, "it cannot be told what became of its services");
}

void server_link_close(struct server_link *l, const char *why)
{
	if (l->state != SERVER_LINK_CLOSED)
		link_close(server_link_base(l), LINK_END_LOCAL, "%s", why);
}

void server_link_deny(struct server_link *l, const char *why)
{
	if (l->state != SERVER_LINK_CLOSED)
		link_close_goaway(server_link_base(l), FRAME_GOAWAY_DENIED,
			loop_now(l->worker->loop), why);
}

static void server_link_suspect_expired(struct loop_timer *timer)
{
	struct server_link *l = container_of(timer, struct server_link, suspect);
	if (server_link_base(l)->last_heard <= l->suspected_at) {
		l->replaced = true;
		link_close(server_link_base(l), LINK_END_LOCAL,
			"it did not answer while another session claimed its names");
	}
	l->suspected_at = 0;
	server_link_ops(l)->usable(l);
}

void server_link_suspect(struct server_link *l)
{
	if (l->state == SERVER_LINK_CLOSED || l->suspected_at)
		return;
	l->suspected_at = loop_now(l->worker->loop);
	mux_ping(&server_link_base(l)->mux, l->suspected_at);
	loop_timer_set(&l->suspect, l->suspected_at + SERVER_LINK_SUSPECT_TIME);
}

void server_link_rest(struct server_link *l)
{
	if (l->state != SERVER_LINK_ESTABLISHED)
		return;
	server_link_set_state(l, SERVER_LINK_DRAINING);
	server_link_ops(l)->leaving(l);
}

void server_link_forget(struct server_link *l)
{
	loop_defer(l->worker->loop, LOOP_PHASE_REAP, &l->reap);
}

/* ---- Beginning ---- */

bool server_link_begin(struct server_link_offer *offer)
{
	struct worker *w = offer->worker;
	struct server_link *l = calloc(1, sizeof(*l));
	if (!l || !half_open_begin(&w->node->half_open, offer->slot, l, w->index)) {
		free(l);
		return false;
	}
	l->worker = w;
	l->peer = offer->peer;
	l->connection = offer->connection;
	l->slot = offer->slot;
	l->state = SERVER_LINK_HANDSHAKING;
	list_init(&l->of_shard);
	list_init(&l->of_session);
	list_init(&l->admin_streams);
	list_init(&l->link);
	list_append(&w->link->links, &l->link);
	loop_task_init(&l->reap, server_link_reap);
	loop_timer_init(&l->suspect, w->loop, server_link_suspect_expired);

	const struct server_options *o = w->opts;
	struct link_config config = {
		.seal_waived = o->no_seal,
		.limits = {.base_window = (uint32_t)o->base_window,
			.max_window = (uint32_t)o->max_window,
			.max_streams = (uint32_t)o->max_streams},
		.budget = &w->budget,
		.instance = w->node->instance,
		.version = TUNNEL_VERSION,
		.features =
			CONTROL_FEATURE_ADMIN "," CONTROL_FEATURE_PRIVATE "," CONTROL_FEATURE_GROUPS
					      "," CONTROL_FEATURE_H2 "," CONTROL_FEATURE_RULES,
		.preface = offer->response,
		.preface_size = offer->n,
	};
	memcpy(config.salt, w->node->salt, sizeof(config.salt));
	const struct tls *tls = offer->detached.tls;
	config.tls13 = tls && tls_version(tls) == TLS_1_3;
	config.cb_given = config.tls13 && tls_exporter(tls, config.cb);
	if (link_io_start(&l->io, w->loop, offer->detached, &link_ops, &config, server_link_ended) <
		0)
		server_link_discard(l);
	return true;
}
