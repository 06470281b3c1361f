#include "server/trunk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "tls/tls.h"
#include "server/registrar.h"
#include "server/trunk_accept.h"
#include "server/silence.h"
#include "version.h"

static struct trunk *trunk_of(struct link *l)
{
	return container_of(link_io_of(l), struct trunk, io);
}

static struct link *trunk_link(struct trunk *t)
{
	return &t->io.link;
}

static struct node *trunk_node(const struct trunk *t)
{
	return t->worker->node;
}

void trunk_peer(const struct trunk *t, char text[ADDRESS_TEXT_SIZE])
{
	if (t->peer.port)
		address_format(&t->peer, text);
	else
		address_format_ip(&t->peer, text);
}

bool trunk_usable(const struct trunk *t)
{
	const struct link *l = &t->io.link;
	return t->state == TRUNK_ESTABLISHED && l->state == LINK_UP && !l->mux.peer_draining &&
	       !mux_ids_low(&l->mux) && (!t->suspected_at || l->last_heard > t->suspected_at);
}

/* Other workers send nobody here for it any more. */
static void trunk_uncount(struct trunk *t)
{
	if (t->counted)
		atomic_fetch_sub_explicit(&t->presence->usable, 1, memory_order_relaxed);
	t->counted = false;
	silence_count(t);
}

static void trunk_set_state(struct trunk *t, enum trunk_state state)
{
	static const uint8_t legal[] = {
		[TRUNK_HANDSHAKING] = 1 << TRUNK_ESTABLISHED | 1 << TRUNK_CLOSED,
		[TRUNK_ESTABLISHED] = 1 << TRUNK_DRAINING | 1 << TRUNK_CLOSED,
		[TRUNK_DRAINING] = 1 << TRUNK_CLOSED,
		[TRUNK_CLOSED] = 0,
	};
	static const char *const names[] = {"handshaking", "established", "draining", "closed"};
	if (!(legal[t->state] & 1 << state))
		abort();
	if (t->state == TRUNK_HANDSHAKING) {
		half_open_leave(&trunk_node(t)->half_open, t->slot);
		t->slot = NULL;
	}
	log_debug("a link from a client: %s -> %s", names[t->state], names[state]);
	t->state = state;
	if (state != TRUNK_ESTABLISHED)
		trunk_uncount(t);
}

/* Only this thread writes it; others read. */
static void presence_count(struct presence *p, unsigned change)
{
	unsigned load = atomic_load_explicit(&p->load, memory_order_relaxed);
	atomic_store_explicit(&p->load, load + change, memory_order_relaxed);
}

void trunk_began(struct trunk *t)
{
	t->active++;
	presence_count(t->presence, 1);
	link_io_expect(&t->io);
}

void trunk_finished(struct trunk *t)
{
	t->active--;
	presence_count(t->presence, -1u);
}

/* ---- What the link tells ---- */

static const struct token_key *trunk_on_find_key(struct link *l, const uint8_t id[TOKEN_ID_SIZE])
{
	struct trunk *t = trunk_of(l);
	t->identity = keyring_find(trunk_node(t)->keyring, id);
	t->key_unknown = !t->identity;
	return t->identity ? t->identity->key : NULL;
}

/* In open mode everybody has proved what everybody knows. */
static void trunk_remember(const struct trunk *t)
{
	if (t->identity && !t->identity->open)
		half_open_proved(&trunk_node(t)->half_open, &t->peer, loop_now(t->worker->loop));
}

static void trunk_on_up(struct link *l, const struct control *hello)
{
	struct trunk *t = trunk_of(l);
	trunk_set_state(t, TRUNK_ESTABLISHED);
	trunk_remember(t);
	t->protection = l->sealed ? "sealed" : l->bound ? "inside TLS" : "not encrypted";
	registrar_tell_up(t, hello);
	if (t->worker->draining)
		trunk_drain(t);
}

static void trunk_on_control(struct link *l, struct control *m)
{
	switch (m->type) {
	case CONTROL_PUBLISH:
	case CONTROL_WITHDRAW:
	case CONTROL_NOTICE:
	case CONTROL_JOIN:
		registrar_tell_control(trunk_of(l), m);
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
static struct stream *trunk_on_open(struct link *l, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	*reason_out = FRAME_RESET_DENIED;
	return NULL;
}

static void trunk_on_goaway(struct link *l, uint8_t reason)
{
	struct trunk *t = trunk_of(l);
	char more[LOG_LIMIT_MORE];
	if (log_limit_pass(&t->worker->log_leaving, loop_now(t->worker->loop), TRUNK_LEAVING_EVERY,
		    TRUNK_LEAVING_BURST, more))
		log_info("a link of session %s is about to leave (%s)%s",
			t->presence ? t->presence->session->name : "-", frame_goaway_name(reason),
			more);
	if (reason == FRAME_GOAWAY_SHUTDOWN)
		atomic_store_explicit(&t->leaving, true, memory_order_relaxed);
	if (t->state == TRUNK_ESTABLISHED)
		trunk_set_state(t, TRUNK_DRAINING);
	/* The client waits for its streams to end, and cannot tell which of them carry nothing. */
	worker_rest_streams(t->worker, t);
}

static void trunk_on_silent(struct link *l)
{
	silence_changed(trunk_of(l));
}

static const struct link_ops link_ops = {
	.find_key = trunk_on_find_key,
	.up = trunk_on_up,
	.control = trunk_on_control,
	.open = trunk_on_open,
	.goaway = trunk_on_goaway,
	.silent = trunk_on_silent,
	.wake = link_io_wake,
};

/* ---- Going ---- */

static void trunk_free(struct trunk *t)
{
	loop_task_cancel(&t->reap);
	loop_timer_cancel(&t->suspect);
	link_io_deinit(&t->io);
	free(t->remote);
	free(t);
}

static void trunk_reap(struct loop_task *task)
{
	trunk_free(container_of(task, struct trunk, reap));
}

/* What strangers come to is said once a second, or one of them could fill the disk. */
static void trunk_log_stranger(struct trunk *t)
{
	struct worker *w = t->worker;
	const struct link *l = trunk_link(t);
	char peer[ADDRESS_TEXT_SIZE], more[LOG_LIMIT_MORE];
	if (!log_limit_pass(&w->log_handshakes, loop_now(w->loop), TRUNK_STRANGER_EVERY, 1, more))
		return;
	trunk_peer(t, peer);
	enum log_level level = l->end == LINK_END_REFUSED ? LOG_WARN : LOG_INFO;
	bool open = t->key_unknown && w->opts->no_token;
	log_line(level, "a client from %s did not get in: %s%s%s", peer, l->why,
		open ? ", which runs with --no-token: run the client so, too, or both with a token"
		     : "",
		more);
}

/* Out of everything of this worker's. */
static void trunk_leave(struct trunk *t)
{
	struct node *n = trunk_node(t);
	loop_timer_cancel(&t->suspect);
	/* The time that it was up counts: its client may be back in a moment. */
	if (t->state != TRUNK_HANDSHAKING)
		trunk_remember(t);
	trunk_set_state(t, TRUNK_CLOSED);
	if (t->presence)
		budget_account_join(&trunk_link(t)->mux.account, NULL);
	list_unlink(&t->of_presence);
	list_unlink(&t->link);
	atomic_fetch_sub_explicit(&n->links[t->worker->index], 1, memory_order_relaxed);
	census_leave(&n->census, CENSUS_LINK, &t->peer);
}

static void trunk_ended(struct link_io *c)
{
	struct trunk *t = container_of(c, struct trunk, io);
	bool known = t->state != TRUNK_HANDSHAKING;
	if (!known)
		trunk_log_stranger(t);
	trunk_leave(t);
	if (known)
		registrar_tell_gone(t);
	else
		loop_defer(t->worker->loop, LOOP_PHASE_REAP, &t->reap);
}

void trunk_discard(struct trunk *t)
{
	link_io_deinit(&t->io); /* ends the streams, and with them the pooled streams */
	trunk_leave(t);
	trunk_free(t);
}

void trunk_evict(struct trunk *t)
{
	link_close(trunk_link(t), LINK_END_LOCAL,
		"it had not proved its key when its place was needed");
}

void trunk_drain(struct trunk *t)
{
	if (trunk_link(t)->state == LINK_UP)
		mux_goaway(&trunk_link(t)->mux, FRAME_GOAWAY_SHUTDOWN);
	else
		link_close(trunk_link(t), LINK_END_LOCAL, "the server ends");
}

/* ---- From the registrar ---- */

enum order { ORDER_ATTACH, ORDER_SEND, ORDER_CLOSE, ORDER_SUSPECT };

struct trunk_letter {
	struct mail mail;
	struct node *node;
	struct trunk *trunk; /* not freed before this is read: trunk_forget() comes behind it */
	enum order order;
	struct presence *presence;
	struct control message;
	char text[CONTROL_TEXT + 1]; /* what the message borrows, or why it is closed */
};

static void trunk_suspect_expired(struct loop_timer *timer)
{
	struct trunk *t = container_of(timer, struct trunk, suspect);
	if (trunk_link(t)->last_heard <= t->suspected_at)
		link_close(trunk_link(t), LINK_END_LOCAL,
			"it did not answer while another session claimed its names");
	t->suspected_at = 0;
	waiting_wake(&t->worker->waiting);
}

static void trunk_obey(struct trunk *t, const struct trunk_letter *letter)
{
	switch (letter->order) {
	case ORDER_ATTACH:
		t->presence = letter->presence;
		budget_account_join(&trunk_link(t)->mux.account, &t->presence->share);
		list_append(&t->presence->trunks, &t->of_presence);
		t->counted = true;
		if (t->state != TRUNK_ESTABLISHED)
			trunk_uncount(t);
		silence_count(t);
		waiting_wake(&t->worker->waiting);
		break;
	case ORDER_SEND: {
		int r = link_send(trunk_link(t), &letter->message);
		if (r == -ENOBUFS || r == -ENOMEM)
			link_close(trunk_link(t), LINK_END_LOCAL,
				"it cannot be told what became of its services");
		break;
	}
	case ORDER_CLOSE:
		link_close(trunk_link(t), LINK_END_LOCAL, "%s", letter->text);
		break;
	case ORDER_SUSPECT:
		if (t->suspected_at)
			break;
		t->suspected_at = loop_now(t->worker->loop);
		mux_ping(&trunk_link(t)->mux, t->suspected_at);
		loop_timer_set(&t->suspect, t->suspected_at + TRUNK_SUSPECT_TIME);
		break;
	}
}

static void trunk_letter_deliver(struct mail *mail)
{
	struct trunk_letter *letter = container_of(mail, struct trunk_letter, mail);
	if (letter->node->over)
		;
	else if (letter->trunk->state != TRUNK_CLOSED)
		trunk_obey(letter->trunk, letter);
	else if (letter->order == ORDER_ATTACH)
		atomic_fetch_sub_explicit(&letter->presence->usable, 1, memory_order_relaxed);
	free(letter);
}

static struct trunk_letter *letter_new(struct trunk *t, enum order order)
{
	struct trunk_letter *letter = calloc(1, sizeof(*letter));
	if (!letter)
		return NULL;
	letter->mail.deliver = trunk_letter_deliver;
	letter->node = trunk_node(t);
	letter->trunk = t;
	letter->order = order;
	return letter;
}

static void letter_post(struct trunk_letter *letter)
{
	node_post(letter->node, letter->trunk->worker->index, &letter->mail);
}

int trunk_attach(struct trunk *t, struct presence *p)
{
	struct trunk_letter *letter = letter_new(t, ORDER_ATTACH);
	if (!letter)
		return -ENOMEM;
	letter->presence = p;
	letter_post(letter);
	/* Behind the letter: who is sent there on the strength of this comes behind it too. */
	atomic_fetch_add_explicit(&p->usable, 1, memory_order_release);
	return 0;
}

/* One text a message is all that the registrar sends. */
static void letter_hold(struct trunk_letter *letter, const char **text)
{
	if (!*text)
		return;
	snprintf(letter->text, sizeof(letter->text), "%s", *text);
	*text = letter->text;
}

void trunk_send(struct trunk *t, const struct control *message)
{
	struct trunk_letter *letter = letter_new(t, ORDER_SEND);
	if (!letter)
		return;
	letter->message = *message;
	if (message->type == CONTROL_GRANTED)
		letter_hold(letter, &letter->message.granted.address);
	else if (message->type == CONTROL_REFUSED)
		letter_hold(letter, &letter->message.refused.sentence);
	else if (message->type == CONTROL_NOTICE)
		letter_hold(letter, &letter->message.notice.sentence);
	letter_post(letter);
}

void trunk_close(struct trunk *t, const char *why)
{
	struct trunk_letter *letter = letter_new(t, ORDER_CLOSE);
	if (!letter)
		return;
	letter_hold(letter, &why);
	letter_post(letter);
}

void trunk_suspect(struct trunk *t)
{
	struct trunk_letter *letter = letter_new(t, ORDER_SUSPECT);
	if (letter)
		letter_post(letter);
}

static void trunk_forgotten(struct mail *mail)
{
	struct trunk *t = container_of(mail, struct trunk, gone);
	if (trunk_node(t)->over)
		trunk_free(t);
	else
		loop_defer(t->worker->loop, LOOP_PHASE_REAP, &t->reap);
}

void trunk_forget(struct trunk *t)
{
	t->gone.deliver = trunk_forgotten;
	if (trunk_node(t)->over)
		trunk_free(t); /* nobody delivers any more */
	else
		node_post(trunk_node(t), t->worker->index, &t->gone);
}

/* ---- Beginning ---- */

bool trunk_begin(struct trunk_offer *offer)
{
	struct worker *w = offer->worker;
	struct trunk *t = calloc(1, sizeof(*t));
	if (!t || !half_open_begin(&w->node->half_open, offer->slot, t, w->index)) {
		free(t);
		return false;
	}
	t->worker = w;
	t->peer = offer->peer;
	t->slot = offer->slot;
	t->state = TRUNK_HANDSHAKING;
	list_init(&t->of_presence);
	list_init(&t->of_session);
	list_init(&t->link);
	list_append(&w->trunks, &t->link);
	loop_task_init(&t->reap, trunk_reap);
	loop_timer_init(&t->suspect, w->loop, trunk_suspect_expired);

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
	if (link_io_start(&t->io, w->loop, offer->detached, &link_ops, &config, NULL, 0,
		    trunk_ended) < 0)
		trunk_discard(t);
	return true;
}
