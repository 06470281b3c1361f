/* SPDX-License-Identifier: MIT */
#include "client/session/client_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/state.h"
#include "client/session/session_log.h"
#include "crypto/digest.h"
#include "version.h"

/* Every legal transition; anything else is a bug of ours. */
static void client_session_set_state(struct client_session *s, enum client_session_state state)
{
	static const char *const names[] = {"down", "opening", "open", "draining", "over"};
	enum { END = 1 << CLIENT_SESSION_DRAINING | 1 << CLIENT_SESSION_OVER };
	static const uint8_t legal[] = {
		[CLIENT_SESSION_DOWN] = 1 << CLIENT_SESSION_OPENING | END,
		[CLIENT_SESSION_OPENING] =
			1 << CLIENT_SESSION_OPEN | 1 << CLIENT_SESSION_DOWN | END,
		[CLIENT_SESSION_OPEN] = 1 << CLIENT_SESSION_DOWN | END,
		[CLIENT_SESSION_DRAINING] = 1 << CLIENT_SESSION_OVER,
		[CLIENT_SESSION_OVER] = 0,
	};
	static const struct state_table table = {"session", names, legal};
	state_step(&table, s->state, state);
	log_debug("client session: %s -> %s", names[s->state], names[state]);
	s->state = state;
}

/* A link that is up, or NULL: what concerns the session may be said on any. */
static struct link *client_session_link(struct client_session *s)
{
	struct link *l = NULL;
	for (size_t i = 0; i < s->n && !l; i++)
		l = uplink_link(&s->uplinks[i]);
	return l;
}

static void client_session_over(struct client_session *s, enum client_session_end end)
{
	for (size_t i = 0; i < s->n; i++)
		uplink_stop(&s->uplinks[i]);
	loop_timer_cancel(&s->timer);
	client_session_set_state(s, CLIENT_SESSION_OVER);
	s->ended(s, end);
}

/* ---- The key ---- */

static void key_cache_made(struct key_cache *k, const struct token_key *key)
{
	struct client_session *s = container_of(k, struct client_session, key_cache);
	for (size_t i = 0; i < s->n; i++)
		uplink_key(&s->uplinks[i], k->salt, key);
}

static void on_salt(struct uplink *u, const uint8_t salt[HELLO_SALT])
{
	struct client_session *s = u->owner;
	key_cache_ask(&s->key_cache, salt);
}

/* ---- Links come and go ---- */

static bool on_configure(struct uplink *u, struct link_config *config)
{
	struct client_session *s = u->owner;
	const struct client_options *o = s->options;
	bool joins = s->state == CLIENT_SESSION_OPEN;
	config->seal_waived = o->no_seal;
	config->limits.base_window = (uint32_t)o->base_window;
	config->limits.max_window = (uint32_t)o->max_window;
	config->limits.max_streams = (uint32_t)o->max_streams;
	config->budget = &s->budget;
	config->share = &s->share;
	config->streams = &s->streams;
	config->random = &s->random;
	config->instance = s->instance;
	config->resume = s->resume_given && !joins ? s->resume->bytes : NULL;
	config->version = TUNNEL_VERSION;
	config->remote = s->remote.name;
	config->features = CONTROL_FEATURE_PRIVATE;
	return joins;
}

static void client_session_join(struct client_session *s, struct link *l)
{
	struct control m = {.type = CONTROL_JOIN};
	memcpy(m.join.session, s->id, sizeof(m.join.session));
	mac_make(s->resume->bytes, handshake_hash(&l->handshake), HANDSHAKE_HASH_SIZE, m.join.mac);
	if (link_send(l, &m) != 0)
		link_close(l, LINK_END_LOCAL, "out of memory");
}

/* The exit node knows the session by its id and secret: the other links may come. */
static void client_session_opened(struct client_session *s)
{
	if (s->state != CLIENT_SESSION_OPENING)
		return;
	client_session_set_state(s, CLIENT_SESSION_OPEN);
	for (size_t i = 0; i < s->n; i++)
		uplink_start(&s->uplinks[i]);
}

/* Tells the exit node what it does not know yet of what is published and wanted. */
static void client_session_offer(struct client_session *s, struct link *l)
{
	publications_offer(s->publications, l);
	consumer_offer(s->consumer, l, s->publications->features.private);
}

/* All that it was to publish is refused for good, and there is nothing to use. */
static bool client_session_is_pointless(const struct client_session *s)
{
	return publications_refused_for_good(s->publications) && !consumer_lives(s->consumer);
}

static void client_session_set_id(struct client_session *s, const uint8_t id[CONTROL_SESSION])
{
	memcpy(s->id, id, sizeof(s->id));
	for (size_t i = 0; i < sizeof(s->id); i++)
		snprintf(s->name + 2 * i, 3, "%02x", id[i]);
}

static void client_session_close_left(struct client_session *s)
{
	for (size_t i = 0; i < s->n; i++)
		uplink_close_left(&s->uplinks[i]);
}

static void on_up(struct uplink *u, const struct control *hello)
{
	struct client_session *s = u->owner;
	log_debug("the exit node's version is %s", hello->hello.version);
	session_log_tls(s, u->link);
	client_session_close_left(s);
	s->accepted = true;
	u->link->may_open = !u->link->joins;
	if (u->link->joins) {
		client_session_join(s, uplink_link(u));
		return;
	}
	s->connected_logged = false;
	publications_begin(s->publications, hello->hello.features);
	client_session_set_state(s, CLIENT_SESSION_OPENING);
	client_session_offer(s, uplink_link(u));
	loop_timer_set(&s->timer, loop_now(s->loop) + PUBLICATIONS_RETRY);
	/* An exit node that names the session at once goes on with ours, under the secret that we know. */
	bool same = s->resume_given && hello->hello.session_given &&
		    memcmp(hello->hello.session, s->id, sizeof(s->id)) == 0;
	if (hello->hello.session_given)
		client_session_set_id(s, hello->hello.session);
	if (same)
		client_session_opened(s);
}

static bool on_down(struct uplink *u)
{
	struct client_session *s = u->owner;
	struct link *other = client_session_link(s);
	if (other) {
		/* What the lost link had no answer to yet is said again. */
		publications_unanswered(s->publications);
		consumer_unanswered(s->consumer);
		client_session_offer(s, other);
		return s->state == CLIENT_SESSION_OPEN;
	}
	if (s->state == CLIENT_SESSION_DOWN || s->state >= CLIENT_SESSION_DRAINING)
		return false;
	client_session_set_state(s, CLIENT_SESSION_DOWN);
	loop_timer_cancel(&s->timer);
	publications_withdrawn(s->publications);
	consumer_lost(s->consumer);
	for (size_t i = 0; i < s->n; i++)
		if (&s->uplinks[i] != u)
			uplink_rest(&s->uplinks[i]);
	return false;
}

static bool client_session_has_links(const struct client_session *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (!list_empty(&s->uplinks[i].links))
			return true;
	return false;
}

static void on_closed(struct uplink *u)
{
	struct client_session *s = u->owner;
	if (s->state == CLIENT_SESSION_DRAINING) {
		if (!client_session_has_links(s))
			client_session_over(s, CLIENT_SESSION_END_DRAINED);
	} else if (s->state != CLIENT_SESSION_OVER && client_session_is_pointless(s)) {
		log_error("%s refused every service; giving up", s->remote.authority);
		client_session_over(s, CLIENT_SESSION_END_REFUSED);
	}
}

/* Nobody has proved to be our exit node who says this; never believed of one that knew us before (rule 11). */
static const char *on_rejected(struct uplink *u, unsigned times, uint64_t lasted)
{
	struct client_session *s = u->owner;
	if (!s->accepted && times >= CLIENT_SESSION_REJECTIONS &&
		lasted >= CLIENT_SESSION_REJECTED_FOR) {
		session_log_rejected(s, times, lasted);
		client_session_over(s, CLIENT_SESSION_END_REJECTED);
		return NULL;
	}
	return s->options->no_token
		       ? "it wants a token, and this client has none: --token or --token-from"
		       : "it does not know the token: both ends need the same one";
}

static void on_changed(struct uplink *u)
{
	struct client_session *s = u->owner;
	status_changed(&s->status);
}

/* ---- What the exit node says ---- */

static struct stream *on_open(struct uplink *u, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct client_session *s = u->owner;
	return upstream_conns_open(s->upstream_conns, open, reason_out);
}

/* Also of a link that joined: the exit node has it among the others. */
static void client_session_named(struct client_session *s, struct uplink *u)
{
	client_session_opened(s);
	u->link->may_open = true;
	consumer_link_ready(s->consumer);
}

static void client_session_answered(struct client_session *s, struct link *l,
	const struct control *message)
{
	session_log_connected(s);
	if (message->type == CONTROL_GRANTED)
		publications_granted(s->publications, message, loop_now(s->loop));
	else
		publications_refused(s->publications, message, loop_now(s->loop));
	if (client_session_is_pointless(s))
		link_close(l, LINK_END_LOCAL, "nothing can be published");
	else
		publications_offer(s->publications, l);
}

static void on_control(struct uplink *u, const struct control *message, bool current)
{
	struct client_session *s = u->owner;
	status_changed(&s->status);
	switch (message->type) {
	case CONTROL_SESSION_GRANT:
		client_session_set_id(s, message->session.session);
		memcpy(s->resume->bytes, message->session.resume, CONTROL_SECRET);
		s->resume_given = true;
		if (current)
			client_session_named(s, u);
		break;
	case CONTROL_GRANTED:
	case CONTROL_REFUSED:
		/* A link that is being left answers about services that are published anew elsewhere. */
		if (current)
			client_session_answered(s, uplink_link(u), message);
		break;
	case CONTROL_NOTICE:
		session_log_notice(s, message);
		break;
	case CONTROL_ATTACHED:
	case CONTROL_DECLINED:
		if (current) {
			session_log_connected(s);
			consumer_answered(s->consumer, message);
		}
		break;
	case CONTROL_PENDING:
		pending_requests_heard(&s->pending, s->publications, message);
		break;
	case CONTROL_HELLO:
	case CONTROL_PUBLISH:
	case CONTROL_JOIN:
	case CONTROL_WITHDRAW:
	case CONTROL_ATTACH:
	case CONTROL_DETACH:
	case CONTROL_HEALTH:
	case CONTROL_TYPES:
		break; /* not for a client; a later version may know why */
	}
}

void client_session_published(struct client_session *s)
{
	struct link *l = client_session_link(s);
	status_changed(&s->status);
	if (l && s->state < CLIENT_SESSION_DRAINING)
		client_session_offer(s, l);
}

/* ---- What local programs open ---- */

/* The link with the fewest streams among those that may open one. */
static struct mux *pick(void *arg)
{
	struct client_session *s = arg;
	struct mux *best = NULL;
	for (size_t i = 0; i < s->n; i++) {
		struct mux *m = uplink_mux(&s->uplinks[i]);
		if (m && (!best || m->n_local + m->n_remote < best->n_local + best->n_remote))
			best = m;
	}
	return best;
}

static void consumer_due(void *arg)
{
	client_session_published(arg);
}

static const struct consumer_ops consumer_ops = {.pick = pick, .due = consumer_due};

/* ---- Draining ---- */

/* Looked at by the clock: a stream's last frame has to leave the mux before the link may close. */
static void client_session_settle(struct client_session *s)
{
	uint64_t now = loop_now(s->loop);
	bool late = now >= s->drain_until, left = false;
	size_t streams = 0;
	for (size_t i = 0; i < s->n; i++)
		streams += uplink_streams(&s->uplinks[i]);
	if (late && streams)
		log_warn("streams that did not finish within --grace, and are closed: %zu",
			streams);
	for (size_t i = 0; i < s->n; i++)
		left |= uplink_finish(&s->uplinks[i], late);
	if (!left)
		client_session_over(s, CLIENT_SESSION_END_DRAINED);
	else if (!late)
		loop_timer_set(&s->timer, now + CLIENT_SESSION_DRAIN_LOOK);
}

void client_session_drain(struct client_session *s, uint64_t until)
{
	if (s->state >= CLIENT_SESSION_DRAINING)
		return;
	for (size_t i = 0; i < s->n; i++)
		uplink_stop(&s->uplinks[i]);
	s->drain_until = until;
	client_session_set_state(s, CLIENT_SESSION_DRAINING);
	status_deinit(&s->status); /* the end has a line of its own */
	for (size_t i = 0; i < s->n; i++)
		uplink_goaway(&s->uplinks[i]);
	upstream_flows_end(&s->upstream_conns->flows);
	consumer_drain(s->consumer);
	loop_timer_set(&s->timer, loop_now(s->loop) + 1);
}

static void timer_fired(struct loop_timer *timer)
{
	struct client_session *s = container_of(timer, struct client_session, timer);
	if (s->state == CLIENT_SESSION_DRAINING) {
		client_session_settle(s);
		return;
	}
	client_session_close_left(s);
	publications_retry(s->publications, loop_now(s->loop));
	client_session_published(s);
	loop_timer_set(&s->timer, loop_now(s->loop) + PUBLICATIONS_RETRY);
}

/* ---- Beginning and end ---- */

static const struct uplink_ops uplink_ops = {
	.configure = on_configure,
	.salt = on_salt,
	.up = on_up,
	.control = on_control,
	.open = on_open,
	.down = on_down,
	.closed = on_closed,
	.rejected = on_rejected,
	.changed = on_changed,
};

int client_session_init(struct client_session *s, struct loop *loop, struct offload *offload,
	const struct client_options *options, struct publications *publications,
	struct upstream_conns *upstream_conns, struct consumer *consumer, struct error *err)
{
	*s = (struct client_session){.loop = loop,
		.options = options,
		.publications = publications,
		.upstream_conns = upstream_conns,
		.consumer = consumer};
	consumer_set_ops(consumer, &consumer_ops, s);
	loop_timer_init(&s->timer, loop, timer_fired);
	status_init(&s->status, loop, session_log_status);
	pending_requests_init(&s->pending, loop);
	budget_init(&s->budget, options->memory_budget);
	random_pool_init(&s->random);
	random_bytes(s->instance, sizeof(s->instance));
	int r = remote_init(&s->remote, loop, options, err);
	if (r)
		return r;
	const uint8_t none[CONTROL_SECRET] = {0};
	s->resume = secret_new(none, sizeof(none));
	s->uplinks = calloc(options->links, sizeof(*s->uplinks));
	if (!s->resume || !s->uplinks ||
		key_cache_init(&s->key_cache, loop, offload,
			options->no_token ? NULL : options->token, key_cache_made) < 0)
		return error_set(err, -ENOMEM, "no memory");
	s->n = options->links;
	for (size_t i = 0; i < s->n; i++)
		uplink_init(&s->uplinks[i], &s->remote, &uplink_ops, s, (unsigned)i + 1,
			(unsigned)s->n);
	return 0;
}

void client_session_deinit(struct client_session *s)
{
	if (!s->loop)
		return;
	loop_timer_cancel(&s->timer);
	status_deinit(&s->status);
	pending_requests_deinit(&s->pending);
	for (size_t i = 0; i < s->n; i++)
		uplink_deinit(&s->uplinks[i]);
	free(s->uplinks);
	key_cache_deinit(&s->key_cache);
	random_pool_deinit(&s->random);
	s->resume = secret_free(s->resume);
	remote_deinit(&s->remote);
	s->loop = NULL;
}

void client_session_start(struct client_session *s)
{
	session_log_connecting(s);
	uplink_start(&s->uplinks[0]);
}
