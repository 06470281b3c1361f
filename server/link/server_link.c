#include "server/link/server_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "tls/tls.h"
#include "server/control/registrar.h"
#include "server/http/http_worker.h"
#include "server/link/link_accept.h"
#include "server/link/link_worker.h"
#include "server/route/routing.h"
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

void server_link_peer(const struct server_link *l, char text[ADDRESS_TEXT_SIZE])
{
	if (l->peer.port)
		address_format(&l->peer, text);
	else
		address_format_ip(&l->peer, text);
}

bool server_link_usable(const struct server_link *t)
{
	const struct link *l = &t->io.link;
	return t->state == SERVER_LINK_ESTABLISHED && l->state == LINK_UP &&
	       !l->mux.peer_draining && !mux_ids_low(&l->mux) &&
	       (!t->suspected_at || l->last_heard > t->suspected_at);
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
	if (!(legal[l->state] & 1 << state))
		abort();
	if (l->state == SERVER_LINK_HANDSHAKING) {
		half_open_leave(&server_link_node(l)->half_open, l->slot);
		l->slot = NULL;
	}
	log_debug("a link from a client: %s -> %s", names[l->state], names[state]);
	l->state = state;
	if (state != SERVER_LINK_ESTABLISHED)
		server_link_uncount(l);
}

/* Only this thread writes it; others read. */
static void session_shard_count(struct session_shard *p, unsigned change)
{
	unsigned load = atomic_load_explicit(&p->load, memory_order_relaxed);
	atomic_store_explicit(&p->load, load + change, memory_order_relaxed);
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

/* ---- What the link tells ---- */

static const struct token_key *server_link_on_find_key(struct link *l,
	const uint8_t id[TOKEN_ID_SIZE])
{
	struct server_link *t = server_link_of(l);
	t->identity = keyring_find(server_link_node(t)->keyring, id);
	t->key_unknown = !t->identity;
	return t->identity ? t->identity->key : NULL;
}

/* In open mode everybody has proved what everybody knows. */
static void server_link_remember(const struct server_link *l)
{
	if (l->identity && !l->identity->open)
		half_open_proved(&server_link_node(l)->half_open, &l->peer,
			loop_now(l->worker->loop));
}

static void server_link_on_up(struct link *l, const struct control *hello)
{
	struct server_link *t = server_link_of(l);
	server_link_set_state(t, SERVER_LINK_ESTABLISHED);
	server_link_remember(t);
	t->protection = l->sealed ? "sealed" : l->bound ? "inside TLS" : "not encrypted";
	registrar_tell_up(t, hello);
	if (t->worker->draining)
		server_link_drain(t);
}

static void server_link_on_control(struct link *l, struct control *m)
{
	switch (m->type) {
	case CONTROL_PUBLISH:
	case CONTROL_WITHDRAW:
	case CONTROL_NOTICE:
	case CONTROL_JOIN:
		registrar_tell_control(server_link_of(l), m);
		break;
	case CONTROL_HELLO:
	case CONTROL_GRANTED:
	case CONTROL_REFUSED:
	case CONTROL_SESSION_GRANT:
		link_close(l, LINK_END_VIOLATION, "a client does not send \"%s\"",
			control_type_name(m->type));
		break;
	}
}

/* Nothing of this part is opened by clients. */
static struct stream *server_link_on_open(struct link *l, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	*reason_out = FRAME_RESET_DENIED;
	return NULL;
}

static void server_link_on_goaway(struct link *l, uint8_t reason)
{
	struct server_link *t = server_link_of(l);
	char more[LOG_LIMIT_MORE];
	if (log_limit_pass(&t->worker->link->log_leaving, loop_now(t->worker->loop),
		    SERVER_LINK_LEAVING_EVERY, SERVER_LINK_LEAVING_BURST, more))
		log_info("a link of session %s is about to leave (%s)%s",
			t->session_shard ? t->session_shard->session->name : "-",
			frame_goaway_name(reason), more);
	if (reason == FRAME_GOAWAY_SHUTDOWN)
		atomic_store_explicit(&t->leaving, true, memory_order_relaxed);
	if (t->state == SERVER_LINK_ESTABLISHED)
		server_link_set_state(t, SERVER_LINK_DRAINING);
	/* The client waits for its streams to end, and cannot tell which of them carry nothing. */
	http_worker_rest_streams(t->worker, t);
}

static void server_link_on_silent(struct link *l)
{
	silence_changed(server_link_of(l));
}

static const struct link_ops link_ops = {
	.find_key = server_link_on_find_key,
	.up = server_link_on_up,
	.control = server_link_on_control,
	.open = server_link_on_open,
	.goaway = server_link_on_goaway,
	.silent = server_link_on_silent,
	.wake = link_io_wake,
};

/* ---- Going ---- */

static void server_link_free(struct server_link *l)
{
	loop_task_cancel(&l->reap);
	loop_timer_cancel(&l->suspect);
	link_io_deinit(&l->io);
	free(l->remote);
	free(l);
}

static void server_link_reap(struct loop_task *task)
{
	server_link_free(container_of(task, struct server_link, reap));
}

/* What strangers come to is said once a second, or one of them could fill the disk. */
static void server_link_log_stranger(struct server_link *t)
{
	struct worker *w = t->worker;
	const struct link *l = server_link_base(t);
	char peer[ADDRESS_TEXT_SIZE], more[LOG_LIMIT_MORE];
	if (!log_limit_pass(&w->link->log_handshakes, loop_now(w->loop), SERVER_LINK_STRANGER_EVERY,
		    1, more))
		return;
	server_link_peer(t, peer);
	enum log_level level = l->end == LINK_END_REFUSED ? LOG_WARN : LOG_INFO;
	bool open = t->key_unknown && w->opts->no_token;
	log_line(level, "a client from %s did not get in: %s%s%s", peer, l->why,
		open ? ", which runs with --no-token: run the client so, too, or both with a token"
		     : "",
		more);
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
	list_unlink(&l->of_session_shard);
	list_unlink(&l->link);
	atomic_fetch_sub_explicit(&n->links[l->worker->index], 1, memory_order_relaxed);
	limits_release(&n->limits, LIMITS_LINK, &l->peer);
}

static void server_link_ended(struct link_io *c)
{
	struct server_link *l = container_of(c, struct server_link, io);
	bool known = l->state != SERVER_LINK_HANDSHAKING;
	if (!known)
		server_link_log_stranger(l);
	server_link_leave(l);
	if (known)
		registrar_tell_gone(l);
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

/* ---- From the registrar ---- */

enum link_command_kind {
	LINK_COMMAND_ATTACH,
	LINK_COMMAND_SEND,
	LINK_COMMAND_CLOSE,
	LINK_COMMAND_SUSPECT
};

struct link_command {
	struct mail mail;
	struct node *node;
	struct server_link *
		server_link; /* not freed before this is read: server_link_forget() comes behind it */
	enum link_command_kind kind;
	struct session_shard *session_shard;
	struct control message;
	char text[CONTROL_TEXT + 1]; /* what the message borrows, or why it is closed */
};

static void server_link_suspect_expired(struct loop_timer *timer)
{
	struct server_link *l = container_of(timer, struct server_link, suspect);
	if (server_link_base(l)->last_heard <= l->suspected_at)
		link_close(server_link_base(l), LINK_END_LOCAL,
			"it did not answer while another session claimed its names");
	l->suspected_at = 0;
	wait_queue_wake(&l->worker->routing->wait_queue);
}

static void link_execute(struct server_link *l, const struct link_command *command)
{
	switch (command->kind) {
	case LINK_COMMAND_ATTACH:
		l->session_shard = command->session_shard;
		budget_account_join(&server_link_base(l)->mux.account, &l->session_shard->share);
		list_append(&l->session_shard->links, &l->of_session_shard);
		l->counted = true;
		if (l->state != SERVER_LINK_ESTABLISHED)
			server_link_uncount(l);
		silence_count(l);
		wait_queue_wake(&l->worker->routing->wait_queue);
		break;
	case LINK_COMMAND_SEND: {
		int r = link_send(server_link_base(l), &command->message);
		if (r == -ENOBUFS || r == -ENOMEM)
			link_close(server_link_base(l), LINK_END_LOCAL,
				"it cannot be told what became of its services");
		break;
	}
	case LINK_COMMAND_CLOSE:
		link_close(server_link_base(l), LINK_END_LOCAL, "%s", command->text);
		break;
	case LINK_COMMAND_SUSPECT:
		if (l->suspected_at)
			break;
		l->suspected_at = loop_now(l->worker->loop);
		mux_ping(&server_link_base(l)->mux, l->suspected_at);
		loop_timer_set(&l->suspect, l->suspected_at + SERVER_LINK_SUSPECT_TIME);
		break;
	}
}

static void link_command_deliver(struct mail *mail)
{
	struct link_command *command = container_of(mail, struct link_command, mail);
	if (command->node->over)
		;
	else if (command->server_link->state != SERVER_LINK_CLOSED)
		link_execute(command->server_link, command);
	else if (command->kind == LINK_COMMAND_ATTACH)
		atomic_fetch_sub_explicit(&command->session_shard->usable, 1, memory_order_relaxed);
	free(command);
}

static struct link_command *link_command_new(struct server_link *l, enum link_command_kind kind)
{
	struct link_command *command = calloc(1, sizeof(*command));
	if (!command)
		return NULL;
	command->mail.deliver = link_command_deliver;
	command->node = server_link_node(l);
	command->server_link = l;
	command->kind = kind;
	return command;
}

static void link_command_post(struct link_command *command)
{
	node_post(command->node, command->server_link->worker->index, &command->mail);
}

int server_link_attach(struct server_link *l, struct session_shard *p)
{
	struct link_command *command = link_command_new(l, LINK_COMMAND_ATTACH);
	if (!command)
		return -ENOMEM;
	command->session_shard = p;
	link_command_post(command);
	/* Behind the command: who is sent there on the strength of this comes behind it too. */
	atomic_fetch_add_explicit(&p->usable, 1, memory_order_release);
	return 0;
}

/* One text a message is all that the registrar sends. */
static void link_command_hold(struct link_command *command, const char **text)
{
	if (!*text)
		return;
	snprintf(command->text, sizeof(command->text), "%s", *text);
	*text = command->text;
}

void server_link_send(struct server_link *l, const struct control *message)
{
	struct link_command *command = link_command_new(l, LINK_COMMAND_SEND);
	if (!command)
		return;
	command->message = *message;
	if (message->type == CONTROL_GRANTED)
		link_command_hold(command, &command->message.granted.address);
	else if (message->type == CONTROL_REFUSED)
		link_command_hold(command, &command->message.refused.sentence);
	else if (message->type == CONTROL_NOTICE)
		link_command_hold(command, &command->message.notice.sentence);
	link_command_post(command);
}

void server_link_close(struct server_link *l, const char *why)
{
	struct link_command *command = link_command_new(l, LINK_COMMAND_CLOSE);
	if (!command)
		return;
	link_command_hold(command, &why);
	link_command_post(command);
}

void server_link_suspect(struct server_link *l)
{
	struct link_command *command = link_command_new(l, LINK_COMMAND_SUSPECT);
	if (command)
		link_command_post(command);
}

static void server_link_forgotten(struct mail *mail)
{
	struct server_link *l = container_of(mail, struct server_link, gone);
	if (server_link_node(l)->over)
		server_link_free(l);
	else
		loop_defer(l->worker->loop, LOOP_PHASE_REAP, &l->reap);
}

void server_link_forget(struct server_link *l)
{
	l->gone.deliver = server_link_forgotten;
	if (server_link_node(l)->over)
		server_link_free(l); /* nobody delivers any more */
	else
		node_post(server_link_node(l), l->worker->index, &l->gone);
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
	l->slot = offer->slot;
	l->state = SERVER_LINK_HANDSHAKING;
	list_init(&l->of_session_shard);
	list_init(&l->of_session);
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
		.preface = offer->response,
		.preface_size = offer->n,
	};
	memcpy(config.salt, w->node->salt, sizeof(config.salt));
	const struct tls *tls = offer->detached.tls;
	config.tls13 = tls && tls_version(tls) == TLS_1_3;
	config.cb_given = config.tls13 && tls_exporter(tls, config.cb);
	if (link_io_start(&l->io, w->loop, offer->detached, &link_ops, &config, NULL, 0,
		    server_link_ended) < 0)
		server_link_discard(l);
	return true;
}
