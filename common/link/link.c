#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "link/link_internal.h"

static const char *const state_names[] = {"waiting for the hello", "deriving the key",
	"handshaking", "confirming", "up", "closed"};

const char *link_state_name(enum link_state state)
{
	return state_names[state];
}

/* Every legal transition; LINK_CLOSED is reached from anywhere, once. */
void link_set_state(struct link *l, enum link_state state)
{
	static const uint8_t legal[] = {
		[LINK_HELLO] = 1 << LINK_KEY | 1 << LINK_CLOSED,
		[LINK_KEY] = 1 << LINK_HANDSHAKE | 1 << LINK_CLOSED,
		[LINK_HANDSHAKE] = 1 << LINK_CONFIRM | 1 << LINK_CLOSED,
		[LINK_CONFIRM] = 1 << LINK_UP | 1 << LINK_CLOSED,
		[LINK_UP] = 1 << LINK_CLOSED,
		[LINK_CLOSED] = 0,
	};
	if (!(legal[l->state] & 1 << state))
		abort();
	l->state = state;
}

static struct link *link_of(struct mux *m)
{
	return container_of(m, struct link, mux);
}

static struct stream *link_on_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct link *l = link_of(m);
	*reason_out = FRAME_RESET_PROTOCOL;
	/* A frame beside the hello but before it: nothing is allocated yet (rule 10). */
	return l->state == LINK_UP ? l->ops->open(l, open, reason_out) : NULL;
}

/* Parsing is what a peer can make this end do most of for a byte. False: it sent too many. */
static bool link_pay_control(struct link *l, size_t n)
{
	const uint64_t most = LINK_CONTROL_BURST * CLOCK_S / LINK_CONTROL_RATE;
	uint64_t now = l->last_heard, cost = MAX(n, LINK_CONTROL_LEAST);
	l->control_due = MAX(l->control_due, now) + cost * CLOCK_S / LINK_CONTROL_RATE;
	return l->control_due - now <= most;
}

static void link_on_control(struct mux *m, const uint8_t *json, size_t n)
{
	struct link *l = link_of(m);
	struct control message;
	struct error err;
	if (!link_pay_control(l, n)) {
		link_close(l, LINK_END_VIOLATION, "more control messages than it may send");
		return;
	}
	int r = control_decode(json, n, &err, &message);
	if (r == CONTROL_UNKNOWN)
		return; /* of a later version; whoever sent it can do without */
	if (r != 0) {
		link_close(l, LINK_END_VIOLATION, "%s", err.text);
		return;
	}
	link_message(l, &message);
	control_deinit(&message);
}

static void link_on_goaway(struct mux *m, uint8_t reason)
{
	struct link *l = link_of(m);
	if (l->state == LINK_UP)
		l->ops->goaway(l, reason);
	else
		link_close(l, LINK_END_VIOLATION, "GOAWAY before the hello");
}

static void link_on_wake(struct mux *m)
{
	link_of(m)->ops->wake(link_of(m));
}

static const struct mux_ops mux_ops = {
	.open = link_on_open,
	.control = link_on_control,
	.goaway = link_on_goaway,
	.wake = link_on_wake,
};

int link_init(struct link *l, const struct link_ops *ops, const struct link_config *config,
	uint64_t now)
{
	*l = (struct link){
		.ops = ops,
		.config = *config,
		.state = config->client ? LINK_HELLO : LINK_HANDSHAKE,
		.ws = {.masked = !config->client,
			.binary_only = true,
			.limit = WS_MESSAGE_MAX_UNPROVEN},
		.proof = {.tls = config->tls13 ? HELLO_TLS_13 : HELLO_TLS_NONE,
			.cb_present = config->tls13 && config->cb_given,
			.seal_waived = config->seal_waived},
		.output_max = LINK_OUTPUT_MAX,
		.began = now,
		.last_alive = now,
		.last_ping = now,
	};
	if (l->proof.cb_present)
		memcpy(l->proof.cb, config->cb, sizeof(l->proof.cb));
	mux_init(&l->mux, &mux_ops, &config->limits, config->budget, config->client);
	uint64_t key;
	random_bytes(&key, sizeof(key));
	mux_set_hash_key(&l->mux, key);
	budget_account_join(&l->mux.account, config->share);
	int r = 0;
	if (config->preface_size)
		r = buf_append(&l->out, config->preface, config->preface_size);
	if (r == 0 && !config->client)
		r = link_send_hello(l);
	return r;
}

void link_deinit(struct link *l)
{
	if (!l)
		return;
	mux_deinit(&l->mux);
	handshake_deinit(&l->handshake);
	seal_deinit(&l->send);
	seal_deinit(&l->recv);
	buf_deinit(&l->in);
	buf_deinit(&l->out);
}

void link_close(struct link *l, enum link_end end, const char *why, ...)
{
	if (l->state == LINK_CLOSED)
		return;
	va_list ap;
	va_start(ap, why);
	vsnprintf(l->why, sizeof(l->why), why, ap);
	va_end(ap);
	l->end = end;
	/* A close frame behind half a message of an unfinished write is still in order: buffers
	 * are. */
	if (!l->close_code)
		l->close_code = end == LINK_END_VIOLATION ? WS_CLOSE_PROTOCOL : WS_CLOSE_NORMAL;
	link_put_close(l, l->close_code);
	link_set_state(l, LINK_CLOSED);
	mux_close(&l->mux, FRAME_RESET_LINK_LOST);
	l->ops->wake(l);
}

int link_send(struct link *l, const struct control *message)
{
	if (l->state != LINK_UP)
		return -ENOTCONN;
	return link_put_control(l, message);
}

static bool unheard_since(const struct link *l, uint64_t at)
{
	return at && l->last_came <= at;
}

/* When a PING that is moving now should be answered: one that has stood in a queue does not count. */
static uint64_t answer_due(const struct link *l, uint64_t now)
{
	return now + MAX(LINK_SILENT_AFTER, LINK_SILENT_RTTS * mux_rtt(&l->mux));
}

void link_alive(struct link *l, bool under_way, uint64_t now)
{
	l->last_alive = now;
	if (!under_way)
		return;
	l->silent_at = answer_due(l, now);
	l->doubted = false;
}

bool link_expect(struct link *l, uint64_t now)
{
	if (unheard_since(l, l->expected_at) || l->state != LINK_UP)
		return false;
	l->expected_at = now;
	return true;
}

static void link_ask(struct link *l, uint64_t now)
{
	if (l->ops->silent && !unheard_since(l, l->asked_at)) {
		l->asked_at = now;
		l->silent_at = answer_due(l, now);
		l->doubted = false;
	}
	mux_ping(&l->mux, now);
}

static void link_set_silent(struct link *l, bool silent)
{
	l->silent = silent;
	l->ops->silent(l);
}

/* When a link that is quiet has to be asked, or was asked for long enough. */
static uint64_t quiet_deadline(const struct link *l)
{
	if (unheard_since(l, l->asked_at))
		return l->silent ? CLOCK_NEVER : l->silent_at;
	return unheard_since(l, l->expected_at) ? l->expected_at + LINK_ASK_AFTER : CLOCK_NEVER;
}

static void link_check_quiet(struct link *l, uint64_t now)
{
	uint64_t deadline = quiet_deadline(l);
	if (deadline == CLOCK_NEVER || now < deadline)
		return;
	if (!unheard_since(l, l->asked_at)) {
		link_ask(l, now);
	} else if (!l->doubted) {
		l->doubted = true;
		l->silent_at = now + LINK_DOUBT;
	} else {
		link_set_silent(l, true);
	}
}

void link_heard(struct link *l)
{
	if (l->silent && !unheard_since(l, l->asked_at))
		link_set_silent(l, false);
}

uint64_t link_deadline(const struct link *l)
{
	switch (l->state) {
	case LINK_CLOSED:
		return CLOCK_NEVER;
	case LINK_UP: {
		uint64_t at = MIN(l->last_alive + LINK_SILENCE_MAX, l->last_ping + LINK_PING_EVERY);
		at = clock_earlier(at, quiet_deadline(l));
		return link_may_rest(l) ? MIN(at, l->last_moved + LINK_REST) : at;
	}
	case LINK_HELLO:
	case LINK_KEY:
	case LINK_HANDSHAKE:
	case LINK_CONFIRM:
		break;
	}
	return l->began + LINK_HANDSHAKE_TIME;
}

int link_tick(struct link *l, uint64_t now)
{
	if (l->state == LINK_CLOSED)
		return -EPROTO;
	if (l->state != LINK_UP) {
		if (now - l->began < LINK_HANDSHAKE_TIME)
			return 0;
		link_close(l, LINK_END_SILENT, "no handshake within %d s (%s)",
			(int)(LINK_HANDSHAKE_TIME / CLOCK_S), state_names[l->state]);
		return -EPROTO;
	}
	if (now - l->last_alive >= LINK_SILENCE_MAX) {
		link_close(l, LINK_END_SILENT, "silent for %d s",
			(int)(LINK_SILENCE_MAX / CLOCK_S));
		return -EPROTO;
	}
	link_heard(l);
	link_check_quiet(l, now);
	if (now - l->last_ping >= LINK_PING_EVERY) {
		l->last_ping = now;
		link_ask(l, now);
		mux_tick(&l->mux, now);
	}
	if (now - l->last_moved >= LINK_REST)
		link_rest(l);
	return 0;
}
