#include "client/session/client_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/session/client_link.h"
#include "client/session/uplink.h"
#include "crypto/digest.h"

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
	if (!(legal[s->state] & 1 << state))
		abort();
	log_debug("bond: %s -> %s", names[s->state], names[state]);
	s->state = state;
}

static void client_session_describe(struct status *status, char text_out[STATUS_SIZE])
{
	const struct client_session *s = container_of(status, struct client_session, status);
	const char *where = s->uplinks[0].connector.authority, *why = "";
	size_t up = 0;
	for (size_t i = 0; i < s->n; i++) {
		up += s->uplinks[i].state == UPLINK_UP;
		if (s->uplinks[i].last_failure[0])
			why = s->uplinks[i].last_failure;
	}
	if (up) {
		int n = snprintf(text_out, STATUS_SIZE, "Connected to %.256s", where);
		if (s->n > 1)
			n += snprintf(text_out + n, STATUS_SIZE - (size_t)n, " by %zu of %zu links",
				up, s->n);
		n += snprintf(text_out + n, STATUS_SIZE - (size_t)n, "; ");
		publications_describe(s->publications, text_out + n, STATUS_SIZE - (size_t)n);
	} else if (why[0]) {
		snprintf(text_out, STATUS_SIZE, "Not connected to %.200s, trying again: %.200s",
			where, why);
	} else {
		snprintf(text_out, STATUS_SIZE, "Connecting to %s", where);
	}
}

void client_session_tell(struct client_session *s)
{
	status_changed(&s->status);
}

/* A link that is up: what concerns the session may be said on any. */
static struct link *client_session_voice(struct client_session *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->uplinks[i].state == UPLINK_UP)
			return client_link_base(s->uplinks[i].link);
	return NULL;
}

static size_t client_session_streams(const struct client_session *s)
{
	size_t n = 0;
	list_for_each (it, &s->links)
		n += client_link_streams(list_entry(it, struct client_link, link));
	return n;
}

void client_session_over(struct client_session *s, enum client_session_end end)
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

void client_session_ask_key(struct client_session *s, const uint8_t salt[HELLO_SALT])
{
	key_cache_ask(&s->key_cache, salt);
}

/* ---- Links come and go ---- */

bool client_session_joinable(const struct client_session *s)
{
	return s->state == CLIENT_SESSION_OPEN;
}

static void client_session_join(struct client_session *s, struct uplink *u)
{
	struct link *l = client_link_base(u->link);
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

static void client_session_set_id(struct client_session *s, const uint8_t id[CONTROL_SESSION])
{
	memcpy(s->id, id, sizeof(s->id));
	for (size_t i = 0; i < sizeof(s->id); i++)
		snprintf(s->name + 2 * i, 3, "%02x", id[i]);
}

/* Links that the exit node left are ours to close once they carry nothing any more. */
static void client_session_sweep(struct client_session *s)
{
	list_for_each (it, &s->links) {
		struct client_link *old = list_entry(it, struct client_link, link);
		if (old->leaving && !client_link_streams(old))
			link_close(client_link_base(old), LINK_END_LOCAL, "replaced by a new link");
	}
}

void client_session_link_up(struct client_session *s, struct uplink *u, const struct control *hello)
{
	log_debug("the exit node's version is %s", hello->hello.version);
	client_session_sweep(s);
	s->accepted = true;
	if (u->link->joins) {
		client_session_join(s, u);
		return;
	}
	s->announced = false;
	client_session_set_state(s, CLIENT_SESSION_OPENING);
	publications_offer(s->publications, client_link_base(u->link));
	loop_timer_set(&s->timer, loop_now(s->loop) + PUBLICATIONS_RETRY);
	/* Who says it at once goes on with the session that we had, under the secret that we know. */
	bool same = s->resume_given && hello->hello.session_given &&
		    memcmp(hello->hello.session, s->id, sizeof(s->id)) == 0;
	if (hello->hello.session_given)
		client_session_set_id(s, hello->hello.session);
	if (same)
		client_session_opened(s);
}

void client_session_link_down(struct client_session *s, struct uplink *u)
{
	struct link *other = client_session_voice(s);
	if (other) {
		/* What the lost link had no answer to yet is said again. */
		publications_unanswered(s->publications);
		publications_offer(s->publications, other);
		return;
	}
	if (s->state == CLIENT_SESSION_DOWN || s->state >= CLIENT_SESSION_DRAINING)
		return;
	client_session_set_state(s, CLIENT_SESSION_DOWN);
	loop_timer_cancel(&s->timer);
	publications_withdrawn(s->publications);
	for (size_t i = 0; i < s->n; i++)
		if (&s->uplinks[i] != u)
			uplink_rest(&s->uplinks[i]);
}

/* ---- What the exit node says ---- */

/* Said with the first answer to what is published: before it no visitor gets anywhere. */
static void client_session_announce(struct client_session *s)
{
	if (s->announced)
		return;
	s->announced = true;
	const char *where = s->uplinks[0].connector.authority;
	if (s->name[0])
		log_info("connected to %s; session %s", where, s->name);
	else
		log_info("connected to %s", where);
}

static void client_session_notice(struct client_session *s, const struct control *message)
{
	char more[LOG_LIMIT_MORE];
	enum log_level level = message->notice.warning ? LOG_WARN : LOG_INFO;
	if (log_limit_pass(&s->log_notices, loop_now(s->loop), CLIENT_SESSION_NOTICE_EVERY,
		    CLIENT_SESSION_NOTICE_BURST, more))
		log_line(level, "the exit node says: %s%s", message->notice.sentence, more);
}

void client_session_control(struct client_session *s, struct client_link *l,
	const struct control *message)
{
	/* Of a link that is being left, services are no longer ours to count. */
	bool current = l == l->uplink->link;
	client_session_tell(s);
	switch (message->type) {
	case CONTROL_SESSION_GRANT:
		client_session_set_id(s, message->session.session);
		memcpy(s->resume->bytes, message->session.resume, CONTROL_SECRET);
		s->resume_given = true;
		if (current)
			client_session_opened(s);
		break;
	case CONTROL_GRANTED:
		if (!current)
			break;
		client_session_announce(s);
		publications_granted(s->publications, message, loop_now(s->loop));
		publications_offer(s->publications, client_link_base(l));
		break;
	case CONTROL_REFUSED:
		if (!current)
			break;
		client_session_announce(s);
		publications_refused(s->publications, message, loop_now(s->loop));
		if (publications_hopeless(s->publications))
			link_close(client_link_base(l), LINK_END_LOCAL, "nothing can be published");
		else
			publications_offer(s->publications, client_link_base(l));
		break;
	case CONTROL_NOTICE:
		client_session_notice(s, message);
		break;
	case CONTROL_HELLO:
	case CONTROL_PUBLISH:
	case CONTROL_JOIN:
	case CONTROL_WITHDRAW:
		break; /* not for a client; a later version may know why */
	}
}

void client_session_published(struct client_session *s)
{
	struct link *l = client_session_voice(s);
	client_session_tell(s);
	if (l && s->state < CLIENT_SESSION_DRAINING)
		publications_offer(s->publications, l);
}

/* ---- Draining ---- */

void client_session_client_link_gone(struct client_session *s)
{
	if (s->state == CLIENT_SESSION_DRAINING && list_empty(&s->links))
		client_session_over(s, CLIENT_SESSION_END_DRAINED);
}

/* Looked at by the clock: a stream's last frame has to leave the mux before the link may close. */
static void client_session_settle(struct client_session *s)
{
	uint64_t now = loop_now(s->loop);
	bool late = now >= s->drain_until;
	if (late && client_session_streams(s))
		log_warn("streams that did not finish in time: %zu", client_session_streams(s));
	list_for_each (it, &s->links) {
		struct client_link *l = list_entry(it, struct client_link, link);
		if (late || (!client_link_streams(l) && !link_pending(client_link_base(l))))
			link_close(client_link_base(l), LINK_END_LOCAL, "the client ends");
	}
	if (list_empty(&s->links))
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
	list_for_each (it, &s->links)
		mux_goaway(&client_link_base(list_entry(it, struct client_link, link))->mux,
			FRAME_GOAWAY_SHUTDOWN);
	upstream_flows_end(&s->upstream_conns->flows);
	loop_timer_set(&s->timer, loop_now(s->loop) + 1);
}

static void timer_fired(struct loop_timer *timer)
{
	struct client_session *s = container_of(timer, struct client_session, timer);
	if (s->state == CLIENT_SESSION_DRAINING) {
		client_session_settle(s);
		return;
	}
	client_session_sweep(s);
	publications_retry(s->publications, loop_now(s->loop));
	client_session_published(s);
	loop_timer_set(&s->timer, loop_now(s->loop) + PUBLICATIONS_RETRY);
}

/* ---- Beginning and end ---- */

/* The exit node says no more than that it wants another one. */
static void client_session_warn_of_dates(const struct tls_client *tls)
{
	struct tls_dates d;
	char then[TLS_MOMENT_SIZE], here[TLS_MOMENT_SIZE];
	int64_t now = (int64_t)time(NULL);
	if (!tls_client_dates(tls, &d) || (now >= d.from && now <= d.to))
		return;
	log_warn(
		"the certificate of --tls-client-cert (%s) %s on %s, and the exit node refuses it; "
		"the clock here says %s",
		d.names, now > d.to ? "ended" : "begins",
		tls_moment(now > d.to ? d.to : d.from, then), tls_moment(now, here));
}

/*
 * A certificate that nobody vouches for is judged behind the handshake (rule 9), but not in open mode,
 * whose handshake proves nothing, nor when somebody said what it must be: of a team that shares a
 * token, each member could pass for the exit node (rule 13).
 */
static int client_session_init_tls(struct client_session *s, struct error *err)
{
	const struct client_options *o = s->options;
	if (o->remote_url.scheme != URL_WSS)
		return 0;
	struct tls_client_config config = {
		.ca = o->tls_ca,
		.pin = o->tls_pin,
		.cert = o->tls_client_cert,
		.key = o->tls_client_key,
		.verify_later = !o->no_token && !o->tls_ca && !o->tls_pin,
	};
	s->tls = tls_client_new(&config, err);
	if (!s->tls)
		return -EIO;
	client_session_warn_of_dates(s->tls);
	return 0;
}

/* The exit node may not know by which name and port it is reached, behind NAT or another proxy. */
static void client_session_name_remote(struct client_session *s)
{
	const struct url *u = &s->options->remote_url;
	char host[URL_AUTHORITY_SIZE];
	url_host_field(u, host);
	snprintf(s->remote, sizeof(s->remote), "%s://%s", u->scheme == URL_WSS ? "wss" : "ws",
		host);
}

int client_session_init(struct client_session *s, struct loop *loop, struct offload *offload,
	const struct client_options *options, struct publications *publications,
	struct upstream_conns *upstream_conns, struct error *err)
{
	*s = (struct client_session){.loop = loop,
		.options = options,
		.publications = publications,
		.upstream_conns = upstream_conns};
	list_init(&s->links);
	loop_timer_init(&s->timer, loop, timer_fired);
	status_init(&s->status, loop, client_session_describe);
	budget_init(&s->budget, options->memory_budget);
	random_pool_init(&s->random);
	random_bytes(s->instance, sizeof(s->instance));
	client_session_name_remote(s);
	int r = proxy_choose(&s->proxy, options->proxy, &options->remote_url, err);
	if (!r)
		r = client_session_init_tls(s, err);
	if (r)
		return r;
	const uint8_t none[CONTROL_SECRET] = {0};
	s->resume = secret_new(none, sizeof(none));
	s->uplinks = calloc(options->links, sizeof(*s->uplinks));
	s->resolver = resolver_new(loop, NULL);
	if (!s->resume || !s->uplinks || !s->resolver ||
		key_cache_init(&s->key_cache, loop, offload,
			options->no_token ? NULL : options->token, key_cache_made) < 0)
		return error_set(err, -ENOMEM, "no memory");
	s->n = options->links;
	for (size_t i = 0; i < s->n; i++)
		uplink_init(&s->uplinks[i], s, (unsigned)i + 1);
	return 0;
}

void client_session_deinit(struct client_session *s)
{
	if (!s->loop)
		return;
	loop_timer_cancel(&s->timer);
	status_deinit(&s->status);
	for (size_t i = 0; i < s->n; i++)
		uplink_deinit(&s->uplinks[i]);
	while (!list_empty(&s->links))
		client_link_free(list_entry(s->links.next, struct client_link, link));
	free(s->uplinks);
	s->resolver = resolver_free(s->resolver);
	key_cache_deinit(&s->key_cache);
	random_pool_deinit(&s->random);
	s->resume = secret_free(s->resume);
	s->tls = tls_client_unref(s->tls);
	proxy_deinit(&s->proxy);
	s->loop = NULL;
}

void client_session_start(struct client_session *s)
{
	const struct connector *c = &s->uplinks[0].connector;
	char note[CONNECTOR_PORT_NOTE_SIZE];
	connector_port_note(c, note);
	if (s->proxy.used)
		log_info("connecting to %s through the proxy %s%s", c->authority, s->proxy.name,
			note);
	else
		log_info("connecting to %s%s", c->authority, note);
	uplink_start(&s->uplinks[0]);
}
