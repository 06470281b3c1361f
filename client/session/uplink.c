/* SPDX-License-Identifier: MIT */
#include "client/session/uplink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/state.h"
#include "crypto/random.h"

static const char *const state_names[] = {"idle", "connecting", "handshaking", "up",
	"waiting to try again", "stopped"};

/* Every legal transition; anything else is a bug of ours. */
static void uplink_set_state(struct uplink *u, enum uplink_state state)
{
	enum { REST = 1 << UPLINK_IDLE | 1 << UPLINK_STOPPED };
	static const uint8_t legal[] = {
		[UPLINK_IDLE] = 1 << UPLINK_CONNECTING | 1 << UPLINK_STOPPED,
		[UPLINK_CONNECTING] = 1 << UPLINK_HANDSHAKING | 1 << UPLINK_BACKOFF | REST,
		[UPLINK_HANDSHAKING] = 1 << UPLINK_UP | 1 << UPLINK_BACKOFF | REST,
		[UPLINK_UP] = 1 << UPLINK_BACKOFF | 1 << UPLINK_STOPPED,
		[UPLINK_BACKOFF] = 1 << UPLINK_CONNECTING | REST,
		[UPLINK_STOPPED] = 0,
	};
	static const struct state_table table = {"uplink", state_names, legal};
	state_step(&table, u->state, state);
	log_debug("uplink %u: %s -> %s", u->number, state_names[u->state], state_names[state]);
	u->state = state;
	u->ops->changed(u);
}

static uint64_t now_of(const struct uplink *u)
{
	return loop_now(u->remote->loop);
}

/* "the connection" when there is but one link. */
static const char *name_of(const struct uplink *u, char text[32])
{
	if (u->of == 1)
		return "the connection";
	snprintf(text, 32, "link %u of %u", u->number, u->of);
	return text;
}

/* ---- Trying ---- */

static void uplink_attempt(struct uplink *u)
{
	uplink_set_state(u, UPLINK_CONNECTING);
	connector_start(&u->connector);
}

static void timer_fired(struct loop_timer *timer)
{
	uplink_attempt(container_of(timer, struct uplink, timer));
}

static void uplink_wait(struct uplink *u, uint64_t delay)
{
	uplink_set_state(u, UPLINK_BACKOFF);
	loop_timer_set(&u->timer, now_of(u) + delay);
}

static uint64_t uplink_next_delay(struct backoff *b)
{
	uint32_t random;
	random_bytes(&random, sizeof(random));
	return backoff_next(b, random);
}

/* What keeps failing in the same way is logged once in UPLINK_LOG_EVERY. */
static void uplink_fail(struct uplink *u, const char *why)
{
	uint64_t delay = uplink_next_delay(&u->backoff), now = now_of(u);
	char more[LOG_LIMIT_MORE], note[REMOTE_PORT_NOTE_SIZE];
	u->failures++;
	if (strncmp(u->last_failure, why, sizeof(u->last_failure) - 1) != 0)
		u->log_failure = (struct log_limit){0}; /* the back-off limits these */
	if (log_limit_pass(&u->log_failure, now, UPLINK_LOG_EVERY, 1, more)) {
		log_warn("cannot connect to %s%s: %s; trying again in %.1f s%s",
			u->remote->authority, remote_port_note(u->remote, note), why,
			(double)delay / CLOCK_S, more);
		snprintf(u->last_failure, sizeof(u->last_failure), "%s", why);
	}
	uplink_wait(u, delay);
}

static void connector_failed(struct connector *c, const char *why)
{
	struct uplink *u = container_of(c, struct uplink, connector);
	u->rejections = 0;
	uplink_fail(u, why);
}

void uplink_start(struct uplink *u)
{
	if (u->state == UPLINK_IDLE)
		uplink_attempt(u);
}

/* ---- The handshake ---- */

static void on_salt(struct client_link *l, const uint8_t salt[HELLO_SALT])
{
	struct uplink *u = l->owner;
	u->ops->salt(u, salt);
}

void uplink_key(struct uplink *u, const uint8_t salt[HELLO_SALT], const struct token_key *key)
{
	if (u->state == UPLINK_HANDSHAKING && u->link)
		client_link_key(u->link, salt, key);
}

static void on_up(struct client_link *l, const struct control *hello)
{
	struct uplink *u = l->owner;
	uplink_set_state(u, UPLINK_UP);
	u->ups++;
	u->rejections = 0;
	backoff_reset(&u->backoff);
	if (!u->unwelcome)
		u->last_failure[0] = '\0';
	if (l->joins && !u->unwelcome)
		log_info("link %u of %u to %s is up", u->number, u->of, u->remote->authority);
	u->ops->up(u, hello);
}

/* ---- A link that is up ---- */

static void on_control(struct client_link *l, const struct control *message)
{
	struct uplink *u = l->owner;
	u->ops->control(u, message, l == u->link);
}

static struct stream *on_open(struct client_link *l, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct uplink *u = l->owner;
	return u->ops->open(u, open, reason_out);
}

struct link *uplink_link(struct uplink *u)
{
	return u->state == UPLINK_UP ? &u->link->io.link : NULL;
}

struct mux *uplink_mux(struct uplink *u)
{
	bool may =
		u->state == UPLINK_UP && u->link->may_open && mux_may_open(&u->link->io.link.mux);
	return may ? &u->link->io.link.mux : NULL;
}

/* ---- The end of a link ---- */

/* After a link that was up: at once, unless links keep dying young. */
static uint64_t uplink_delay_after(struct uplink *u, const struct client_link *l)
{
	if (now_of(u) - l->up_at < UPLINK_STEADY)
		return uplink_next_delay(&u->young);
	backoff_reset(&u->young);
	return 0;
}

static const char *when(uint64_t delay, char text[32])
{
	if (!delay)
		return "at once";
	snprintf(text, 32, "in %.1f s", (double)delay / CLOCK_S);
	return text;
}

static void on_goaway(struct client_link *l, uint8_t reason)
{
	struct uplink *u = l->owner;
	if (u->state != UPLINK_UP || l != u->link)
		return;
	char text[32];
	uint64_t delay = uplink_delay_after(u, l);
	if (reason == FRAME_GOAWAY_IDS)
		log_info("the link to %s has had as many streams as it can; those that finish on "
			 "it: %zu; reconnecting %s",
			u->remote->authority, client_link_streams(l), when(delay, text));
	else
		log_warn("%s is going away (%s); streams that finish on the old link: %zu; "
			 "reconnecting %s",
			u->remote->authority, frame_goaway_name(reason), client_link_streams(l),
			when(delay, text));
	u->link = NULL;
	uplink_wait(u, delay);
	u->ops->down(u);
}

/*
 * Nobody has proved to be our exit node who rejects us; so it is for the session to say whether that is
 * believed (rule 11).
 */
static void uplink_rejected(struct uplink *u)
{
	if (!u->rejections++)
		u->rejected_since = now_of(u);
	const char *why = u->ops->rejected(u, u->rejections, now_of(u) - u->rejected_since);
	if (why)
		uplink_fail(u, why);
}

/* It never came up. */
static void uplink_not_opened(struct uplink *u, const struct link *l)
{
	if (l->end == LINK_END_REJECTED) {
		uplink_rejected(u);
		return;
	}
	struct error err;
	bool strange = l->end == LINK_END_VIOLATION;
	error_set(&err, 0, "%s%s", l->why, strange ? ": is a tunnel server there?" : "");
	u->rejections = 0;
	uplink_fail(u, err.text);
}

/* It was up. One that joined and soon ended was perhaps not wanted: that may go on for hours. */
static void uplink_broken(struct uplink *u, const struct client_link *l)
{
	const char *why = l->io.link.why;
	char text[32], name[32], more[LOG_LIMIT_MORE];
	u->losses++;
	uint64_t delay = uplink_delay_after(u, l);
	if (!u->unwelcome || strcmp(u->last_failure, why) != 0)
		u->log_failure = (struct log_limit){0};
	if (log_limit_pass(&u->log_failure, now_of(u), UPLINK_LOG_EVERY, 1, more))
		log_warn("lost %s to %s: %s; trying again %s%s", name_of(u, name),
			u->remote->authority, why, when(delay, text), more);
	uplink_wait(u, delay);
	u->unwelcome = u->ops->down(u) && l->joins && delay;
	snprintf(u->last_failure, sizeof(u->last_failure), "%s", u->unwelcome ? why : "");
}

static void on_closed(struct client_link *l)
{
	struct uplink *u = l->owner;
	bool current = l == u->link;
	if (current)
		u->link = NULL;
	else if (u->state != UPLINK_STOPPED)
		log_debug("a former link to %s is closed: %s", u->remote->authority,
			l->io.link.why);
	u->ops->closed(u);
	if (!current || u->state == UPLINK_STOPPED)
		return;
	if (l->up_at == CLOCK_NEVER)
		uplink_not_opened(u, &l->io.link);
	else
		uplink_broken(u, l);
}

/* ---- A new link ---- */

static const struct client_link_ops link_ops = {
	.salt = on_salt,
	.up = on_up,
	.control = on_control,
	.open = on_open,
	.goaway = on_goaway,
	.closed = on_closed,
};

static void connector_opened(struct connector *c, struct detached_conn detached, const void *early,
	size_t n)
{
	struct uplink *u = container_of(c, struct uplink, connector);
	struct link_config config = {.client = true};
	bool joins = u->ops->configure(u, &config);
	uplink_set_state(u, UPLINK_HANDSHAKING);
	u->link = client_link_new(u->remote->loop, detached, &config, &link_ops, u);
	if (u->link) {
		u->link->joins = joins;
		list_append(&u->links, &u->link->link);
	}
	if (!u->link || client_link_feed(u->link, early, n) < 0) {
		u->link = client_link_free(u->link);
		uplink_fail(u, "out of memory");
	}
}

/* ---- All its links ---- */

size_t uplink_streams(const struct uplink *u)
{
	size_t n = 0;
	list_for_each (it, &u->links)
		n += client_link_streams(list_entry(it, struct client_link, link));
	return n;
}

void uplink_close_left(struct uplink *u)
{
	list_for_each (it, &u->links) {
		struct client_link *l = list_entry(it, struct client_link, link);
		if (l->leaving && !client_link_streams(l))
			client_link_close(l, "replaced by a new link");
	}
}

void uplink_goaway(struct uplink *u)
{
	list_for_each (it, &u->links)
		mux_goaway(&list_entry(it, struct client_link, link)->io.link.mux,
			FRAME_GOAWAY_SHUTDOWN);
}

bool uplink_finish(struct uplink *u, bool all)
{
	list_for_each (it, &u->links) {
		struct client_link *l = list_entry(it, struct client_link, link);
		if (all || (!client_link_streams(l) && !link_pending(&l->io.link)))
			client_link_close(l, "the client ends");
	}
	return !list_empty(&u->links);
}

/* ---- Beginning and end ---- */

static void uplink_halt(struct uplink *u, enum uplink_state state)
{
	connector_cancel(&u->connector);
	loop_timer_cancel(&u->timer);
	if (u->state == UPLINK_HANDSHAKING)
		client_link_free(u->link);
	u->link = NULL;
	u->unwelcome = false;
	uplink_set_state(u, state);
}

void uplink_rest(struct uplink *u)
{
	if (u->state != UPLINK_IDLE && u->state != UPLINK_STOPPED)
		uplink_halt(u, UPLINK_IDLE);
}

void uplink_stop(struct uplink *u)
{
	if (u->state != UPLINK_STOPPED)
		uplink_halt(u, UPLINK_STOPPED);
}

void uplink_init(struct uplink *u, const struct remote *remote, const struct uplink_ops *ops,
	void *owner, unsigned number, unsigned of)
{
	*u = (struct uplink){.ops = ops,
		.owner = owner,
		.remote = remote,
		.number = number,
		.of = of};
	list_init(&u->links);
	loop_timer_init(&u->timer, remote->loop, timer_fired);
	connector_init(&u->connector, remote);
	u->connector.opened = connector_opened;
	u->connector.failed = connector_failed;
}

void uplink_deinit(struct uplink *u)
{
	if (!u->ops)
		return;
	loop_timer_cancel(&u->timer);
	connector_cancel(&u->connector);
	while (!list_empty(&u->links))
		client_link_free(list_entry(u->links.next, struct client_link, link));
	u->link = NULL;
}
