#include "client/uplink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/cable.h"
#include "crypto/random.h"
#include "net/notify.h"

static const char *const state_names[] = {"idle", "connecting", "handshaking", "up",
	"waiting to try again", "draining", "over"};

const char *uplink_state_name(enum uplink_state state)
{
	return state_names[state];
}

/* Every legal transition; anything else is a bug of ours. */
static void uplink_set_state(struct uplink *u, enum uplink_state state)
{
	static const uint8_t legal[] = {
		[UPLINK_IDLE] = 1 << UPLINK_CONNECTING | 1 << UPLINK_DRAINING,
		[UPLINK_CONNECTING] =
			1 << UPLINK_HANDSHAKING | 1 << UPLINK_BACKOFF | 1 << UPLINK_DRAINING,
		[UPLINK_HANDSHAKING] = 1 << UPLINK_UP | 1 << UPLINK_BACKOFF | 1 << UPLINK_DRAINING |
				       1 << UPLINK_OVER,
		[UPLINK_UP] = 1 << UPLINK_BACKOFF | 1 << UPLINK_DRAINING | 1 << UPLINK_OVER,
		[UPLINK_BACKOFF] = 1 << UPLINK_CONNECTING | 1 << UPLINK_DRAINING,
		[UPLINK_DRAINING] = 1 << UPLINK_OVER,
		[UPLINK_OVER] = 0,
	};
	if (!(legal[u->state] & 1 << state))
		abort();
	log_debug("uplink: %s -> %s", state_names[u->state], state_names[state]);
	u->state = state;
	notify_send("STATUS=%s: %s", u->knock.authority, state_names[state]);
}

static void uplink_over(struct uplink *u, enum uplink_end end)
{
	loop_timer_cancel(&u->timer);
	loop_timer_cancel(&u->reoffer);
	uplink_set_state(u, UPLINK_OVER);
	u->ended(u, end);
}

static void uplink_attempt(struct uplink *u)
{
	uplink_set_state(u, UPLINK_CONNECTING);
	knock_start(&u->knock);
}

static void uplink_wait(struct uplink *u, uint64_t delay)
{
	uplink_set_state(u, UPLINK_BACKOFF);
	loop_timer_set(&u->timer, loop_now(u->loop) + delay);
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
	uint64_t delay = uplink_next_delay(&u->backoff), now = loop_now(u->loop);
	bool same = strncmp(u->last_failure, why, sizeof(u->last_failure) - 1) == 0;
	if (!same || now - u->failure_told >= UPLINK_SAY_AGAIN) {
		log_info("cannot connect to %s: %s; trying again in %.1f s%s", u->knock.authority,
			why, (double)delay / CLOCK_S, same ? ", as before" : "");
		snprintf(u->last_failure, sizeof(u->last_failure), "%s", why);
		u->failure_told = now;
	}
	uplink_wait(u, delay);
}

static void knock_failed(struct knock *k, const char *why)
{
	struct uplink *u = container_of(k, struct uplink, knock);
	u->rejections = 0;
	uplink_fail(u, why);
}

static void knock_opened(struct knock *k, struct plug plug, const void *early, size_t n)
{
	struct uplink *u = container_of(k, struct uplink, knock);
	uplink_set_state(u, UPLINK_HANDSHAKING);
	if (!cable_new(u, plug, early, n))
		uplink_fail(u, "out of memory");
}

static void keymaker_made(struct keymaker *k, const struct token_key *key)
{
	struct uplink *u = container_of(k, struct uplink, keymaker);
	if (!u->cable)
		return;
	if (key)
		link_key(cable_link(u->cable), key, loop_now(u->loop));
	else
		link_close(cable_link(u->cable), LINK_END_LOCAL, "out of memory");
}

void uplink_salt(struct uplink *u, struct cable *c, const uint8_t salt[HELLO_SALT])
{
	keymaker_ask(&u->keymaker, salt);
}

static void uplink_name_session(struct uplink *u, const uint8_t id[CONTROL_SESSION])
{
	for (size_t i = 0; i < CONTROL_SESSION; i++)
		snprintf(u->session + 2 * i, 3, "%02x", id[i]);
}

/* Links that the exit node left are ours to close once they carry nothing any more. */
static void uplink_sweep(struct uplink *u)
{
	list_for_each (it, &u->cables) {
		struct cable *old = list_entry(it, struct cable, link);
		if (old->leaving && !cable_streams(old))
			link_close(cable_link(old), LINK_END_LOCAL, "replaced by a new link");
	}
}

void uplink_up(struct uplink *u, struct cable *c, const struct control *hello)
{
	log_debug("the exit node's version is %s", hello->hello.version);
	if (hello->hello.session_given)
		uplink_name_session(u, hello->hello.session);
	uplink_set_state(u, UPLINK_UP);
	u->accepted = true;
	u->rejections = 0;
	backoff_reset(&u->backoff);
	u->announced = false;
	u->last_failure[0] = '\0';
	uplink_sweep(u);
	services_offer(u->services, cable_link(c));
	loop_timer_set(&u->reoffer, loop_now(u->loop) + SERVICES_RETRY);
}

/* Said with the first answer to what is published: before it no visitor gets anywhere. */
static void uplink_announce(struct uplink *u)
{
	if (u->announced)
		return;
	u->announced = true;
	if (u->session[0])
		log_info("connected to %s; session %s", u->knock.authority, u->session);
	else
		log_info("connected to %s", u->knock.authority);
}

void uplink_control(struct uplink *u, struct cable *c, const struct control *message)
{
	/* Of a link that is being left, services are no longer ours to count. */
	bool current = c == u->cable;
	switch (message->type) {
	case CONTROL_SESSION_GRANT:
		uplink_name_session(u, message->session.session);
		memcpy(u->resume->bytes, message->session.resume, CONTROL_SECRET);
		u->resume_given = true;
		break;
	case CONTROL_GRANTED:
		if (!current)
			break;
		uplink_announce(u);
		services_granted(u->services, message);
		break;
	case CONTROL_REFUSED:
		if (!current)
			break;
		uplink_announce(u);
		services_refused(u->services, message);
		if (services_hopeless(u->services))
			link_close(cable_link(c), LINK_END_LOCAL, "nothing can be published");
		break;
	case CONTROL_NOTICE:
		log_info("the exit node says: %s", message->notice.sentence);
		break;
	case CONTROL_HELLO:
	case CONTROL_PUBLISH:
	case CONTROL_JOIN:
	case CONTROL_WITHDRAW:
		break; /* not for a client; a later version may know why */
	}
}

static void reoffer_fired(struct loop_timer *timer)
{
	struct uplink *u = container_of(timer, struct uplink, reoffer);
	if (u->state != UPLINK_UP)
		return;
	uplink_sweep(u);
	services_offer(u->services, cable_link(u->cable));
	loop_timer_set(&u->reoffer, loop_now(u->loop) + SERVICES_RETRY);
}

/* The cable is no longer the one that new streams come through. */
static void uplink_detach(struct uplink *u)
{
	u->cable = NULL;
	keymaker_forget(&u->keymaker);
	loop_timer_cancel(&u->reoffer);
	services_withdrawn(u->services);
}

/* After a link that was up: at once, unless links keep dying young. */
static uint64_t uplink_delay_after(struct uplink *u, const struct cable *c)
{
	if (loop_now(u->loop) - c->up_at < UPLINK_STEADY)
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

void uplink_goaway(struct uplink *u, struct cable *c, uint8_t reason)
{
	if (c->leaving)
		return;
	c->leaving = true;
	if (u->state != UPLINK_UP || c != u->cable)
		return;
	char text[32];
	uint64_t delay = uplink_delay_after(u, c);
	log_info("%s takes leave (%s); streams under way go on: %zu; trying again %s",
		u->knock.authority, frame_goaway_name(reason), cable_streams(c), when(delay, text));
	uplink_detach(u);
	uplink_wait(u, delay);
}

/*
 * Nobody has proved to be our exit node who rejects us; so it is believed only when it persists, and
 * never of one that knew us before (rule 11).
 */
static void uplink_rejected(struct uplink *u)
{
	uint64_t now = loop_now(u->loop);
	if (!u->rejections++)
		u->rejected_since = now;
	uint64_t lasted = now - u->rejected_since;
	if (!u->accepted && u->rejections >= UPLINK_REJECTIONS && lasted >= UPLINK_REJECTED_FOR) {
		log_error(
			"%s rejected the token %u times in %.0f s: give both ends the same token; "
			"giving up",
			u->knock.authority, u->rejections, (double)lasted / CLOCK_S);
		uplink_over(u, UPLINK_END_REJECTED);
		return;
	}
	uplink_fail(u, u->options->no_token ? "it wants a token, and this client has none"
					    : "it does not know the token");
}

void uplink_lost(struct uplink *u, struct cable *c)
{
	const struct link *l = cable_link(c);
	if (u->state == UPLINK_DRAINING) {
		if (list_empty(&u->cables))
			uplink_over(u, UPLINK_END_DRAINED);
		return;
	}
	if (c != u->cable) {
		log_debug("a former link to %s is closed: %s", u->knock.authority, l->why);
		return;
	}
	bool hopeless = services_hopeless(u->services);
	uplink_detach(u);
	if (hopeless) {
		log_error("%s publishes nothing of what it was asked to; giving up",
			u->knock.authority);
		uplink_over(u, UPLINK_END_HOPELESS);
	} else if (l->end == LINK_END_REJECTED) {
		uplink_rejected(u);
	} else if (c->up_at == CLOCK_NEVER) {
		struct error err;
		bool strange = l->end == LINK_END_VIOLATION;
		error_set(&err, 0, "%s%s", l->why, strange ? ": is a tunnel server there?" : "");
		u->rejections = 0;
		uplink_fail(u, err.text);
	} else {
		char text[32];
		uint64_t delay = uplink_delay_after(u, c);
		log_info("lost the connection to %s: %s; trying again %s", u->knock.authority,
			l->why, when(delay, text));
		uplink_wait(u, delay);
	}
}

static size_t uplink_streams(const struct uplink *u)
{
	size_t n = 0;
	list_for_each (it, &u->cables)
		n += cable_streams(list_entry(it, struct cable, link));
	return n;
}

/* Looked at by the clock: a stream's last frame has to leave the mux before the link may close. */
static void uplink_settle(struct uplink *u)
{
	uint64_t now = loop_now(u->loop);
	bool late = now >= u->drain_until;
	if (late && uplink_streams(u))
		log_warn("streams that did not finish in time: %zu", uplink_streams(u));
	list_for_each (it, &u->cables) {
		struct cable *c = list_entry(it, struct cable, link);
		if (late || (!cable_streams(c) && !link_pending(cable_link(c))))
			link_close(cable_link(c), LINK_END_LOCAL, "the client ends");
	}
	if (list_empty(&u->cables))
		uplink_over(u, UPLINK_END_DRAINED);
	else if (!late)
		loop_timer_set(&u->timer, now + UPLINK_DRAIN_LOOK);
}

static void timer_fired(struct loop_timer *timer)
{
	struct uplink *u = container_of(timer, struct uplink, timer);
	if (u->state == UPLINK_DRAINING)
		uplink_settle(u);
	else
		uplink_attempt(u);
}

int uplink_init(struct uplink *u, struct loop *loop, struct offload *offload,
	const struct client_options *options, struct services *services, struct outlets *outlets,
	struct error *err)
{
	*u = (struct uplink){.loop = loop,
		.options = options,
		.services = services,
		.outlets = outlets};
	list_init(&u->cables);
	loop_timer_init(&u->timer, loop, timer_fired);
	loop_timer_init(&u->reoffer, loop, reoffer_fired);
	budget_init(&u->budget, options->memory_budget);
	random_pool_init(&u->random);
	random_bytes(u->instance, sizeof(u->instance));
	knock_init(&u->knock, loop, offload, &options->remote_url, options->control_path,
		&u->proxy);
	u->knock.opened = knock_opened;
	u->knock.failed = knock_failed;
	int r = proxy_choose(&u->proxy, options->proxy, &options->remote_url, err);
	if (r)
		return r;
	const uint8_t none[CONTROL_SECRET] = {0};
	u->resume = secret_new(none, sizeof(none));
	r = u->resume ? keymaker_init(&u->keymaker, loop, offload,
				options->no_token ? NULL : options->token, keymaker_made)
		      : -ENOMEM;
	return r ? error_set(err, r, "no memory") : 0;
}

void uplink_deinit(struct uplink *u)
{
	if (!u->loop)
		return;
	loop_timer_cancel(&u->timer);
	loop_timer_cancel(&u->reoffer);
	knock_cancel(&u->knock);
	while (!list_empty(&u->cables))
		cable_free(list_entry(u->cables.next, struct cable, link));
	keymaker_deinit(&u->keymaker);
	random_pool_deinit(&u->random);
	u->resume = secret_free(u->resume);
	proxy_deinit(&u->proxy);
	u->loop = NULL;
}

void uplink_start(struct uplink *u)
{
	if (u->proxy.used)
		log_info("connecting to %s through the proxy %s", u->knock.authority,
			u->proxy.name);
	else
		log_info("connecting to %s", u->knock.authority);
	uplink_attempt(u);
}

void uplink_drain(struct uplink *u, uint64_t until)
{
	if (u->state == UPLINK_DRAINING || u->state == UPLINK_OVER)
		return;
	knock_cancel(&u->knock);
	loop_timer_cancel(&u->reoffer);
	if (u->state == UPLINK_HANDSHAKING)
		cable_free(u->cable);
	u->cable = NULL;
	u->drain_until = until;
	uplink_set_state(u, UPLINK_DRAINING);
	list_for_each (it, &u->cables)
		mux_goaway(&cable_link(list_entry(it, struct cable, link))->mux,
			FRAME_GOAWAY_SHUTDOWN);
	loop_timer_set(&u->timer, loop_now(u->loop) + 1);
}
