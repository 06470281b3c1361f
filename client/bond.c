#include "client/bond.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/client_link.h"
#include "client/uplink.h"
#include "crypto/digest.h"

/* Every legal transition; anything else is a bug of ours. */
static void bond_set_state(struct bond *b, enum bond_state state)
{
	static const char *const names[] = {"down", "opening", "open", "draining", "over"};
	enum { END = 1 << BOND_DRAINING | 1 << BOND_OVER };
	static const uint8_t legal[] = {
		[BOND_DOWN] = 1 << BOND_OPENING | END,
		[BOND_OPENING] = 1 << BOND_OPEN | 1 << BOND_DOWN | END,
		[BOND_OPEN] = 1 << BOND_DOWN | END,
		[BOND_DRAINING] = 1 << BOND_OVER,
		[BOND_OVER] = 0,
	};
	if (!(legal[b->state] & 1 << state))
		abort();
	log_debug("bond: %s -> %s", names[b->state], names[state]);
	b->state = state;
}

static void bond_describe(struct status *status, char text_out[STATUS_SIZE])
{
	const struct bond *b = container_of(status, struct bond, status);
	const char *where = b->uplinks[0].connector.authority, *why = "";
	size_t up = 0;
	for (size_t i = 0; i < b->n; i++) {
		up += b->uplinks[i].state == UPLINK_UP;
		if (b->uplinks[i].last_failure[0])
			why = b->uplinks[i].last_failure;
	}
	if (up) {
		int n = snprintf(text_out, STATUS_SIZE, "Connected to %.256s", where);
		if (b->n > 1)
			n += snprintf(text_out + n, STATUS_SIZE - (size_t)n, " by %zu of %zu links",
				up, b->n);
		n += snprintf(text_out + n, STATUS_SIZE - (size_t)n, "; ");
		services_describe(b->services, text_out + n, STATUS_SIZE - (size_t)n);
	} else if (why[0]) {
		snprintf(text_out, STATUS_SIZE, "Not connected to %.200s, trying again: %.200s",
			where, why);
	} else {
		snprintf(text_out, STATUS_SIZE, "Connecting to %s", where);
	}
}

void bond_tell(struct bond *b)
{
	status_changed(&b->status);
}

/* A link that is up: what concerns the session may be said on any. */
static struct link *bond_voice(struct bond *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->uplinks[i].state == UPLINK_UP)
			return client_link_base(b->uplinks[i].link);
	return NULL;
}

static size_t bond_streams(const struct bond *b)
{
	size_t n = 0;
	list_for_each (it, &b->links)
		n += client_link_streams(list_entry(it, struct client_link, link));
	return n;
}

void bond_over(struct bond *b, enum bond_end end)
{
	for (size_t i = 0; i < b->n; i++)
		uplink_stop(&b->uplinks[i]);
	loop_timer_cancel(&b->timer);
	bond_set_state(b, BOND_OVER);
	b->ended(b, end);
}

/* ---- The key ---- */

static void key_cache_made(struct key_cache *k, const struct token_key *key)
{
	struct bond *b = container_of(k, struct bond, key_cache);
	for (size_t i = 0; i < b->n; i++)
		uplink_key(&b->uplinks[i], k->salt, key);
}

void bond_ask_key(struct bond *b, const uint8_t salt[HELLO_SALT])
{
	key_cache_ask(&b->key_cache, salt);
}

/* ---- Links come and go ---- */

bool bond_joinable(const struct bond *b)
{
	return b->state == BOND_OPEN;
}

static void bond_join(struct bond *b, struct uplink *u)
{
	struct link *l = client_link_base(u->link);
	struct control m = {.type = CONTROL_JOIN};
	memcpy(m.join.session, b->id, sizeof(m.join.session));
	mac_make(b->resume->bytes, handshake_hash(&l->handshake), HANDSHAKE_HASH_SIZE, m.join.mac);
	if (link_send(l, &m) != 0)
		link_close(l, LINK_END_LOCAL, "out of memory");
}

/* The exit node knows the session by its id and secret: the other links may come. */
static void bond_opened(struct bond *b)
{
	if (b->state != BOND_OPENING)
		return;
	bond_set_state(b, BOND_OPEN);
	for (size_t i = 0; i < b->n; i++)
		uplink_start(&b->uplinks[i]);
}

static void bond_set_id(struct bond *b, const uint8_t id[CONTROL_SESSION])
{
	memcpy(b->id, id, sizeof(b->id));
	for (size_t i = 0; i < sizeof(b->id); i++)
		snprintf(b->name + 2 * i, 3, "%02x", id[i]);
}

/* Links that the exit node left are ours to close once they carry nothing any more. */
static void bond_sweep(struct bond *b)
{
	list_for_each (it, &b->links) {
		struct client_link *old = list_entry(it, struct client_link, link);
		if (old->leaving && !client_link_streams(old))
			link_close(client_link_base(old), LINK_END_LOCAL, "replaced by a new link");
	}
}

void bond_link_up(struct bond *b, struct uplink *u, const struct control *hello)
{
	log_debug("the exit node's version is %s", hello->hello.version);
	bond_sweep(b);
	b->accepted = true;
	if (u->link->joins) {
		bond_join(b, u);
		return;
	}
	b->announced = false;
	bond_set_state(b, BOND_OPENING);
	services_offer(b->services, client_link_base(u->link));
	loop_timer_set(&b->timer, loop_now(b->loop) + SERVICES_RETRY);
	/* Who says it at once goes on with the session that we had, under the secret that we know. */
	bool same = b->resume_given && hello->hello.session_given &&
		    memcmp(hello->hello.session, b->id, sizeof(b->id)) == 0;
	if (hello->hello.session_given)
		bond_set_id(b, hello->hello.session);
	if (same)
		bond_opened(b);
}

void bond_link_down(struct bond *b, struct uplink *u)
{
	struct link *other = bond_voice(b);
	if (other) {
		/* What the lost link had no answer to yet is said again. */
		services_unanswered(b->services);
		services_offer(b->services, other);
		return;
	}
	if (b->state == BOND_DOWN || b->state >= BOND_DRAINING)
		return;
	bond_set_state(b, BOND_DOWN);
	loop_timer_cancel(&b->timer);
	services_withdrawn(b->services);
	for (size_t i = 0; i < b->n; i++)
		if (&b->uplinks[i] != u)
			uplink_rest(&b->uplinks[i]);
}

/* ---- What the exit node says ---- */

/* Said with the first answer to what is published: before it no visitor gets anywhere. */
static void bond_announce(struct bond *b)
{
	if (b->announced)
		return;
	b->announced = true;
	const char *where = b->uplinks[0].connector.authority;
	if (b->name[0])
		log_info("connected to %s; session %s", where, b->name);
	else
		log_info("connected to %s", where);
}

static void bond_notice(struct bond *b, const struct control *message)
{
	char more[LOG_LIMIT_MORE];
	enum log_level level = message->notice.warning ? LOG_WARN : LOG_INFO;
	if (log_limit_pass(&b->log_notices, loop_now(b->loop), BOND_NOTICE_EVERY, BOND_NOTICE_BURST,
		    more))
		log_line(level, "the exit node says: %s%s", message->notice.sentence, more);
}

void bond_control(struct bond *b, struct client_link *l, const struct control *message)
{
	/* Of a link that is being left, services are no longer ours to count. */
	bool current = l == l->uplink->link;
	bond_tell(b);
	switch (message->type) {
	case CONTROL_SESSION_GRANT:
		bond_set_id(b, message->session.session);
		memcpy(b->resume->bytes, message->session.resume, CONTROL_SECRET);
		b->resume_given = true;
		if (current)
			bond_opened(b);
		break;
	case CONTROL_GRANTED:
		if (!current)
			break;
		bond_announce(b);
		services_granted(b->services, message, loop_now(b->loop));
		services_offer(b->services, client_link_base(l));
		break;
	case CONTROL_REFUSED:
		if (!current)
			break;
		bond_announce(b);
		services_refused(b->services, message, loop_now(b->loop));
		if (services_hopeless(b->services))
			link_close(client_link_base(l), LINK_END_LOCAL, "nothing can be published");
		else
			services_offer(b->services, client_link_base(l));
		break;
	case CONTROL_NOTICE:
		bond_notice(b, message);
		break;
	case CONTROL_HELLO:
	case CONTROL_PUBLISH:
	case CONTROL_JOIN:
	case CONTROL_WITHDRAW:
		break; /* not for a client; a later version may know why */
	}
}

void bond_services_changed(struct bond *b)
{
	struct link *l = bond_voice(b);
	bond_tell(b);
	if (l && b->state < BOND_DRAINING)
		services_offer(b->services, l);
}

/* ---- Draining ---- */

void bond_client_link_gone(struct bond *b)
{
	if (b->state == BOND_DRAINING && list_empty(&b->links))
		bond_over(b, BOND_END_DRAINED);
}

/* Looked at by the clock: a stream's last frame has to leave the mux before the link may close. */
static void bond_settle(struct bond *b)
{
	uint64_t now = loop_now(b->loop);
	bool late = now >= b->drain_until;
	if (late && bond_streams(b))
		log_warn("streams that did not finish in time: %zu", bond_streams(b));
	list_for_each (it, &b->links) {
		struct client_link *l = list_entry(it, struct client_link, link);
		if (late || (!client_link_streams(l) && !link_pending(client_link_base(l))))
			link_close(client_link_base(l), LINK_END_LOCAL, "the client ends");
	}
	if (list_empty(&b->links))
		bond_over(b, BOND_END_DRAINED);
	else if (!late)
		loop_timer_set(&b->timer, now + BOND_DRAIN_LOOK);
}

void bond_drain(struct bond *b, uint64_t until)
{
	if (b->state >= BOND_DRAINING)
		return;
	for (size_t i = 0; i < b->n; i++)
		uplink_stop(&b->uplinks[i]);
	b->drain_until = until;
	bond_set_state(b, BOND_DRAINING);
	status_deinit(&b->status); /* the end has a line of its own */
	list_for_each (it, &b->links)
		mux_goaway(&client_link_base(list_entry(it, struct client_link, link))->mux,
			FRAME_GOAWAY_SHUTDOWN);
	flows_end(&b->outlets->flows);
	loop_timer_set(&b->timer, loop_now(b->loop) + 1);
}

static void timer_fired(struct loop_timer *timer)
{
	struct bond *b = container_of(timer, struct bond, timer);
	if (b->state == BOND_DRAINING) {
		bond_settle(b);
		return;
	}
	bond_sweep(b);
	services_retry(b->services, loop_now(b->loop));
	bond_services_changed(b);
	loop_timer_set(&b->timer, loop_now(b->loop) + SERVICES_RETRY);
}

/* ---- Beginning and end ---- */

/* The exit node says no more than that it wants another one. */
static void bond_warn_of_dates(const struct tls_client *tls)
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
static int bond_init_tls(struct bond *b, struct error *err)
{
	const struct client_options *o = b->options;
	if (o->remote_url.scheme != URL_WSS)
		return 0;
	struct tls_client_config config = {
		.ca = o->tls_ca,
		.pin = o->tls_pin,
		.cert = o->tls_client_cert,
		.key = o->tls_client_key,
		.judge_later = !o->no_token && !o->tls_ca && !o->tls_pin,
	};
	b->tls = tls_client_new(&config, err);
	if (!b->tls)
		return -EIO;
	bond_warn_of_dates(b->tls);
	return 0;
}

/* The exit node may not know by which name and port it is reached, behind NAT or another proxy. */
static void bond_name_remote(struct bond *b)
{
	const struct url *u = &b->options->remote_url;
	char host[URL_AUTHORITY_SIZE];
	url_host_field(u, host);
	snprintf(b->remote, sizeof(b->remote), "%s://%s", u->scheme == URL_WSS ? "wss" : "ws",
		host);
}

int bond_init(struct bond *b, struct loop *loop, struct offload *offload,
	const struct client_options *options, struct services *services, struct outlets *outlets,
	struct error *err)
{
	*b = (struct bond){.loop = loop,
		.options = options,
		.services = services,
		.outlets = outlets};
	list_init(&b->links);
	loop_timer_init(&b->timer, loop, timer_fired);
	status_init(&b->status, loop, bond_describe);
	budget_init(&b->budget, options->memory_budget);
	random_pool_init(&b->random);
	random_bytes(b->instance, sizeof(b->instance));
	bond_name_remote(b);
	int r = proxy_choose(&b->proxy, options->proxy, &options->remote_url, err);
	if (!r)
		r = bond_init_tls(b, err);
	if (r)
		return r;
	const uint8_t none[CONTROL_SECRET] = {0};
	b->resume = secret_new(none, sizeof(none));
	b->uplinks = calloc(options->links, sizeof(*b->uplinks));
	b->resolver = resolver_new(loop, NULL);
	if (!b->resume || !b->uplinks || !b->resolver ||
		key_cache_init(&b->key_cache, loop, offload,
			options->no_token ? NULL : options->token, key_cache_made) < 0)
		return error_set(err, -ENOMEM, "no memory");
	b->n = options->links;
	for (size_t i = 0; i < b->n; i++)
		uplink_init(&b->uplinks[i], b, (unsigned)i + 1);
	return 0;
}

void bond_deinit(struct bond *b)
{
	if (!b->loop)
		return;
	loop_timer_cancel(&b->timer);
	status_deinit(&b->status);
	for (size_t i = 0; i < b->n; i++)
		uplink_deinit(&b->uplinks[i]);
	while (!list_empty(&b->links))
		client_link_free(list_entry(b->links.next, struct client_link, link));
	free(b->uplinks);
	b->resolver = resolver_free(b->resolver);
	key_cache_deinit(&b->key_cache);
	random_pool_deinit(&b->random);
	b->resume = secret_free(b->resume);
	b->tls = tls_client_unref(b->tls);
	proxy_deinit(&b->proxy);
	b->loop = NULL;
}

void bond_start(struct bond *b)
{
	const struct connector *c = &b->uplinks[0].connector;
	char note[CONNECTOR_PORT_NOTE_SIZE];
	connector_port_note(c, note);
	if (b->proxy.used)
		log_info("connecting to %s through the proxy %s%s", c->authority, b->proxy.name,
			note);
	else
		log_info("connecting to %s%s", c->authority, note);
	uplink_start(&b->uplinks[0]);
}
