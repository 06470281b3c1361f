#include "client/session/uplink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/session/client_session.h"
#include "client/session/client_link.h"
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
	if (!(legal[u->state] & 1 << state))
		abort();
	log_debug("uplink %u: %s -> %s", u->number, state_names[u->state], state_names[state]);
	u->state = state;
	client_session_tell(u->session);
}

static uint64_t now_of(const struct uplink *u)
{
	return loop_now(u->session->loop);
}

/* "the connection" when there is but one link. */
static const char *name_of(const struct uplink *u, char text[32])
{
	if (u->session->n == 1)
		return "the connection";
	snprintf(text, 32, "link %u of %zu", u->number, u->session->n);
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

/* What keeps failing in the same way is said once a minute. */
static void uplink_fail(struct uplink *u, const char *why)
{
	uint64_t delay = uplink_next_delay(&u->backoff), now = now_of(u);
	char more[LOG_LIMIT_MORE], note[CONNECTOR_PORT_NOTE_SIZE];
	if (strncmp(u->last_failure, why, sizeof(u->last_failure) - 1) != 0)
		u->log_failure = (struct log_limit){0}; /* the back-off limits these */
	if (log_limit_pass(&u->log_failure, now, UPLINK_SAY_AGAIN, 1, more)) {
		log_warn("cannot connect to %s%s: %s; trying again in %.1f s%s",
			u->connector.authority, connector_port_note(&u->connector, note), why,
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

static void connector_opened(struct connector *c, struct detached_conn detached, const void *early,
	size_t n)
{
	struct uplink *u = container_of(c, struct uplink, connector);
	uplink_set_state(u, UPLINK_HANDSHAKING);
	if (!client_link_new(u, detached, early, n))
		uplink_fail(u, "out of memory");
}

void uplink_start(struct uplink *u)
{
	if (u->state == UPLINK_IDLE)
		uplink_attempt(u);
}

/* ---- The handshake ---- */

void uplink_salt(struct uplink *u, struct client_link *l, const uint8_t salt[HELLO_SALT])
{
	memcpy(l->salt, salt, sizeof(l->salt));
	client_session_ask_key(u->session, salt);
}

void uplink_key(struct uplink *u, const uint8_t salt[HELLO_SALT], const struct token_key *key)
{
	if (u->state != UPLINK_HANDSHAKING || !u->link ||
		client_link_base(u->link)->state != LINK_KEY ||
		memcmp(u->link->salt, salt, HELLO_SALT) != 0)
		return;
	if (key)
		link_key(client_link_base(u->link), key, now_of(u));
	else
		link_close(client_link_base(u->link), LINK_END_LOCAL, "out of memory");
}

/* Rule 9: what the certificate was worth, and what TLS is. Once: it is the same for every link. */
static void uplink_tell_tls(struct uplink *u, const struct client_link *c)
{
	struct client_session *s = u->session;
	const struct link *l = &c->io.link;
	if (!s->tls || s->tls_told || s->options->no_token)
		return;
	s->tls_told = true;
	const char *sealed = l->sealed ? "the link is sealed end to end" : "the link is not sealed";
	if (c->unverified[0])
		log_info("the certificate of %s is not verified (%s), but the exit node proved by "
			 "the token that the connection ends there",
			u->connector.authority, c->unverified);
	else if (!l->bound && l->config.tls13)
		log_info("TLS to %s ends before the exit node; %s", u->connector.authority, sealed);
	else if (!l->bound)
		log_info("TLS 1.2 to %s cannot show whether it ends at the exit node; %s",
			u->connector.authority, sealed);
}

void uplink_up(struct uplink *u, struct client_link *l, const struct control *hello)
{
	uplink_set_state(u, UPLINK_UP);
	u->rejections = 0;
	backoff_reset(&u->backoff);
	uplink_tell_tls(u, l);
	if (!u->unwelcome)
		u->last_failure[0] = '\0';
	if (l->joins && !u->unwelcome)
		log_info("link %u of %zu to %s is up", u->number, u->session->n,
			u->connector.authority);
	client_session_link_up(u->session, u, hello);
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

void uplink_goaway(struct uplink *u, struct client_link *l, uint8_t reason)
{
	if (l->leaving)
		return;
	l->leaving = true;
	if (u->state != UPLINK_UP || l != u->link)
		return;
	char text[32];
	uint64_t delay = uplink_delay_after(u, l);
	log_warn("%s takes leave (%s); streams under way go on: %zu; trying again %s",
		u->connector.authority, frame_goaway_name(reason), client_link_streams(l),
		when(delay, text));
	u->link = NULL;
	uplink_wait(u, delay);
	client_session_link_down(u->session, u);
}

/*
 * Nobody has proved to be our exit node who rejects us; so it is believed only when it persists, and
 * never of one that knew us before (rule 11).
 */
static void uplink_rejected(struct uplink *u)
{
	struct client_session *s = u->session;
	uint64_t now = now_of(u);
	if (!u->rejections++)
		u->rejected_since = now;
	uint64_t lasted = now - u->rejected_since;
	if (!s->accepted && u->rejections >= UPLINK_REJECTIONS && lasted >= UPLINK_REJECTED_FOR) {
		log_error(
			"%s rejected the token %u times in %.0f s: give both ends the same token; "
			"giving up",
			u->connector.authority, u->rejections, (double)lasted / CLOCK_S);
		client_session_over(s, CLIENT_SESSION_END_REJECTED);
		return;
	}
	uplink_fail(u,
		s->options->no_token
			? "it wants a token, and this client has none: --token or --token-from"
			: "it does not know the token: both ends need the same one");
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
static void uplink_broken(struct uplink *u, const struct client_link *c)
{
	const struct link *l = &c->io.link;
	uint64_t now = now_of(u);
	char text[32], name[32], more[LOG_LIMIT_MORE];
	uint64_t delay = uplink_delay_after(u, c);
	if (!u->unwelcome || strcmp(u->last_failure, l->why) != 0)
		u->log_failure = (struct log_limit){0};
	if (log_limit_pass(&u->log_failure, now, UPLINK_SAY_AGAIN, 1, more))
		log_warn("lost %s to %s: %s; trying again %s%s", name_of(u, name),
			u->connector.authority, l->why, when(delay, text), more);
	uplink_wait(u, delay);
	client_session_link_down(u->session, u);
	u->unwelcome = c->joins && delay && client_session_joinable(u->session);
	snprintf(u->last_failure, sizeof(u->last_failure), "%s", u->unwelcome ? l->why : "");
}

void uplink_lost(struct uplink *u, struct client_link *c)
{
	struct client_session *s = u->session;
	const struct link *l = client_link_base(c);
	if (c != u->link) {
		if (u->state != UPLINK_STOPPED)
			log_debug("a former link to %s is closed: %s", u->connector.authority,
				l->why);
		client_session_client_link_gone(s);
		return;
	}
	u->link = NULL;
	if (publications_hopeless(s->publications)) {
		log_error("%s publishes nothing of what it was asked to; giving up",
			u->connector.authority);
		client_session_over(s, CLIENT_SESSION_END_HOPELESS);
	} else if (c->up_at == CLOCK_NEVER) {
		uplink_not_opened(u, l);
	} else {
		uplink_broken(u, c);
	}
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

void uplink_init(struct uplink *u, struct client_session *s, unsigned number)
{
	*u = (struct uplink){.session = s, .number = number};
	loop_timer_init(&u->timer, s->loop, timer_fired);
	connector_init(&u->connector, s->loop, s->resolver, &s->options->remote_url,
		s->options->control_path, &s->proxy, s->tls);
	u->connector.opened = connector_opened;
	u->connector.failed = connector_failed;
}

void uplink_deinit(struct uplink *u)
{
	loop_timer_cancel(&u->timer);
	connector_cancel(&u->connector);
}
