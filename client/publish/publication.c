#include "client/publish/publication.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "client/upstream/first_answer.h"
#include "wire/alpn.h"
#include "wire/frame.h"

/* Every legal transition; anything else is a bug of ours. */
void publication_set_state(struct publication *publication, enum publication_state state)
{
	static const char *const names[] = {"idle", "offered", "granted", "refused", "leaving"};
	enum { LEAVING = 1 << PUBLICATION_LEAVING };
	static const uint8_t legal[] = {
		[PUBLICATION_IDLE] = 1 << PUBLICATION_OFFERED | LEAVING,
		[PUBLICATION_OFFERED] = 1 << PUBLICATION_IDLE | 1 << PUBLICATION_GRANTED |
					1 << PUBLICATION_REFUSED | LEAVING,
		[PUBLICATION_GRANTED] = 1 << PUBLICATION_IDLE | 1 << PUBLICATION_REFUSED | LEAVING,
		[PUBLICATION_REFUSED] = 1 << PUBLICATION_IDLE | 1 << PUBLICATION_GRANTED | LEAVING,
		[PUBLICATION_LEAVING] = 0,
	};
	char place[UPSTREAM_PLACE_SIZE];
	if (!(legal[publication->state] & 1 << state))
		abort();
	log_debug("service %u (%s): %s -> %s", publication->number,
		upstream_place(&publication->upstream, place), names[publication->state],
		names[state]);
	publication->state = state;
}

/* ---- What it is made of ---- */

static bool fill_in(struct publication *publication)
{
	const struct upstream *u = &publication->upstream;
	if (u->url.scheme == URL_HTTPS)
		upstream_tls_name(u, publication->server);
	if (!u->url.path.n)
		return true;
	publication->path = strndup(u->url.path.p, u->url.path.n);
	return publication->path;
}

struct publication *publication_new(const struct upstream *u, uint32_t number,
	struct tls_client *tls)
{
	struct publication *publication = calloc(1, sizeof(*publication));
	if (!publication)
		return NULL;
	fair_queue_service_init(&publication->dials);
	publication->users = 1;
	list_init(&publication->due);
	publication->number = number;
	publication->port = u->port;
	publication->tls = tls ? tls_client_ref(tls) : NULL;
	if (upstream_copy(&publication->upstream, u) < 0 || !fill_in(publication))
		return publication_unref(publication);
	return publication;
}

struct publication *publication_ref(struct publication *publication)
{
	publication->users++;
	return publication;
}

struct publication *publication_unref(struct publication *publication)
{
	if (!publication || --publication->users)
		return NULL;
	list_unlink(&publication->due);
	fair_queue_deinit(&publication->connections);
	tls_client_unref(publication->tls);
	upstream_deinit(&publication->upstream);
	free(publication->path);
	free(publication->answer);
	free(publication);
	return NULL;
}

bool publication_takes(const struct publication *publication, uint8_t kind)
{
	switch (publication->upstream.kind) {
	case CONTROL_HTTP:
		/* A request that may become something else has a stream of its own, of kind tcp. */
		return kind == FRAME_KIND_HTTP || kind == FRAME_KIND_TCP;
	case CONTROL_TCP:
		return kind == FRAME_KIND_TCP;
	case CONTROL_UDP:
		return kind == FRAME_KIND_UDP;
	case CONTROL_KIND_UNKNOWN:
		break;
	}
	return false;
}

struct str publication_alpn(const struct publication *publication, uint8_t alpn)
{
	if (alpn == FRAME_ALPN_HTTP11)
		return STR("http/1.1");
	if (alpn < FRAME_ALPN_LISTED || !publication->upstream.alpn)
		return STR_NULL;
	return alpn_at(str_from(publication->upstream.alpn), alpn - FRAME_ALPN_LISTED);
}

/* ---- How many connections it has ---- */

static size_t limit_of(uint64_t limit)
{
	return limit ? limit : SIZE_MAX;
}

bool publication_is_limited(const struct publication *publication)
{
	const struct upstream_limits *limits = &publication->upstream.limits;
	return publication->connections.admitted || limits->connections ||
	       limits->connections_per_visitor;
}

void publication_count(struct publication *publication,
	void (*admitted)(struct fair_queue *q, struct fair_slot *slot),
	void (*displaced)(struct fair_queue *q, struct fair_slot *slot))
{
	const struct upstream_limits *limits = &publication->upstream.limits;
	struct fair_queue *q = &publication->connections;
	if (q->admitted)
		return;
	fair_queue_init(q, limit_of(limits->connections), limit_of(limits->connections_per_visitor),
		admitted);
	q->displaced = displaced;
	q->waiting_max = PUBLICATION_QUEUE_MAX;
	q->waiting_max_per_visitor = PUBLICATION_QUEUE_PER_VISITOR_MAX;
}

void publication_set_limits(struct publication *publication, const struct upstream_limits *limits)
{
	publication->upstream.limits = *limits;
	if (publication->connections.admitted)
		fair_queue_set_max(&publication->connections, limit_of(limits->connections),
			limit_of(limits->connections_per_visitor));
}

void publication_crowded(struct publication *publication, const struct address *visitor,
	const char *why, uint64_t now)
{
	char peer[ADDRESS_TEXT_SIZE], more[LOG_LIMIT_MORE];
	if (!log_limit_pass(&publication->log_crowded, now, PUBLICATION_QUIET, 1, more))
		return;
	address_format_ip(visitor, peer);
	log_warn("visitor %s of the upstream %s was turned away: %s; it has %zu connections, and "
		 "%zu visitors wait (see --max-connections, --max-connections-per-visitor and "
		 "--tcp-idle)%s",
		peer, publication->upstream.text, why, publication->connections.inside,
		publication->connections.waiting, more);
}

/* ---- What is said to the exit node ---- */

/* For people on the other side, who need no more than a line of it, and whom a zone tells nothing. */
static void describe(const struct upstream *u, char out[CONTROL_TEXT + 1])
{
	const char *zone = *u->url.zone ? strchr(u->text, '%') : NULL;
	const char *rest = zone ? strchr(zone, ']') : u->text;
	int before = zone ? (int)(zone - u->text) : 0;
	snprintf(out, CONTROL_TEXT + 1, "%.*s%s", before, u->text, rest);
}

void publication_again(struct publication *publication, bool whole)
{
	publication->apart =
		(struct publication_apart){.begun = publication->apart.begun && !whole};
	if (publication->state != PUBLICATION_IDLE)
		publication_set_state(publication, PUBLICATION_IDLE);
}

/* All of it; or, `apart`, one port of a range, counted from its first. */
static int say_publish(const struct publication *publication, struct link *l, bool apart,
	unsigned at)
{
	const struct upstream *u = &publication->upstream;
	char text[CONTROL_TEXT + 1];
	describe(u, text);
	struct control message = {.type = CONTROL_PUBLISH};
	message.publish.service = publication->number + at;
	message.publish.kind = u->kind;
	message.publish.host = u->host;
	message.publish.upstream = text;
	message.publish.path = publication->path;
	message.publish.rewrite = u->rewrite;
	message.publish.port = publication->port + at;
	message.publish.ports = u->ports > 1 && !apart ? u->ports : 0;
	message.publish.port_given = u->port_given;
	message.publish.tls = u->tls;
	message.publish.alpn = u->alpn;
	message.publish.per_visitor = u->proxy_protocol != UPSTREAM_PROXY_OFF;
	message.publish.half_closed = u->half_closed;
	message.publish.exclusive = u->exclusive;
	if (u->kind == CONTROL_HTTP)
		message.publish.scheme =
			u->url.scheme == URL_HTTPS ? CONTROL_SCHEME_HTTPS : CONTROL_SCHEME_HTTP;
	message.publish.host_only = u->host_only;
	return link_send(l, &message);
}

void publication_publish(struct publication *publication, struct link *l)
{
	const struct upstream *u = &publication->upstream;
	struct publication_apart *apart = &publication->apart;
	char place[UPSTREAM_PLACE_SIZE];
	int r = 0;
	if (!apart->begun)
		r = say_publish(publication, l, false, 0);
	else if (!apart->said)
		*apart = (struct publication_apart){.begun = true};
	for (; apart->begun && apart->said < u->ports; apart->said++) {
		r = say_publish(publication, l, true, apart->said);
		if (r)
			break;
	}
	if (r == 0)
		publication_set_state(publication, PUBLICATION_OFFERED);
	else if (r == -EINVAL)
		log_warn("%s cannot be published: the path in %.100s… is too long or not text",
			upstream_place(u, place), u->text);
}

void publication_withdraw(struct publication *publication, struct link *l)
{
	unsigned n = publication->apart.begun ? publication_numbers(publication) : 1;
	int r = 0;
	for (unsigned i = 0; i < n && r == 0; i++) {
		struct control message = {.type = CONTROL_WITHDRAW,
			.withdraw = {publication->number + i}};
		r = link_send(l, &message);
	}
	publication->withdraw_said |= r == 0;
}

/* ---- What it says to us ---- */

/* An answer that is the same again is no news. */
static void note_answer(struct publication *publication, const char *text)
{
	if (publication->answer && strcmp(publication->answer, text) == 0)
		return;
	free(publication->answer);
	publication->answer = strdup(text);
	publication->told = false;
}

/* It granted the first port of a range alone: it knows of no ranges. */
static void publication_part(struct publication *publication)
{
	char place[UPSTREAM_PLACE_SIZE];
	log_info("the exit node is of an older version: it is asked for %s one by one",
		upstream_place(&publication->upstream, place));
	publication->apart = (struct publication_apart){.begun = true};
	publication_set_state(publication, PUBLICATION_IDLE);
}

/* One more port of a range was answered; whether that was the last one. */
static bool publication_count_answer(struct publication *publication, bool refused)
{
	struct publication_apart *apart = &publication->apart;
	apart->refused |= refused;
	if (++apart->heard < publication->upstream.ports)
		return false;
	publication_set_state(publication,
		apart->refused ? PUBLICATION_REFUSED : PUBLICATION_GRANTED);
	*apart = (struct publication_apart){.begun = true};
	return true;
}

void publication_granted(struct publication *publication, const struct control *message)
{
	const struct upstream *u = &publication->upstream;
	if (u->ports > 1 && !publication->apart.begun && message->granted.ports != u->ports) {
		publication_part(publication);
		return;
	}
	if (!publication->apart.begun)
		publication_set_state(publication, PUBLICATION_GRANTED);
	else if (!publication_count_answer(publication, false) ||
		 publication->state != PUBLICATION_GRANTED)
		return;
	publication->unguarded = u->exclusive && !message->granted.exclusive;
	/* Visitors know the port by now: it is asked for again when the session is lost. */
	if (u->ports == 1 && message->granted.port)
		publication->port = (uint16_t)message->granted.port;
	note_answer(publication, message->granted.address);
}

static const char *advice(const struct publication *publication, enum control_reason reason)
{
	bool port = publication->upstream.port_given;
	switch (reason) {
	case CONTROL_REASON_TAKEN:
		return port ? "choose another port, or stop who has it; asking again meanwhile"
			    : "choose another name, or stop the client that has it; asking again "
			      "meanwhile";
	case CONTROL_REASON_DENIED:
		return port ? "choose another port, or have the exit node's operator allow it; "
			      "asking again meanwhile"
			    : "the exit node's operator can allow it; asking again meanwhile";
	case CONTROL_REASON_INVALID:
		return port ? "correct the port" : "correct the name in --upstream";
	case CONTROL_REASON_UNSUPPORTED:
		return "the exit node may be of an older version";
	case CONTROL_REASON_LIMIT:
		return "publish less through one client; asking again meanwhile";
	case CONTROL_REASON_OTHER:
		break;
	}
	return "asking again meanwhile";
}

void publication_refused(struct publication *publication, const struct control *message)
{
	bool refused = publication->apart.refused; /* another port, for which that is said */
	publication->reason = message->refused.reason;
	if (publication->apart.begun)
		publication_count_answer(publication, true);
	else
		publication_set_state(publication, PUBLICATION_REFUSED);
	if (publication->port != publication->upstream.port) {
		/* Any port will do, and the one it had is gone: that is asked for at once. */
		publication->port = publication->upstream.port;
		publication_set_state(publication, PUBLICATION_IDLE);
		return;
	}
	if (!refused)
		note_answer(publication, message->refused.sentence);
}

void publication_tell(struct publication *publication, const char *more)
{
	char place[UPSTREAM_PLACE_SIZE];
	publication->told = true;
	if (publication->state == PUBLICATION_GRANTED)
		log_info("%s is published at %s%s%s", publication->upstream.text,
			publication->answer,
			publication->apart.begun ? ", and the ports of its range as well" : "",
			more);
	if (publication->state == PUBLICATION_GRANTED && publication->unguarded)
		log_warn("the exit node is of an older version that does not know --exclusive: "
			 "others can publish %s as well",
			upstream_place(&publication->upstream, place));
	if (publication->state != PUBLICATION_GRANTED)
		log_warn("the exit node does not publish %s (%s): %s; %s%s",
			upstream_place(&publication->upstream, place), publication->upstream.text,
			publication->answer, advice(publication, publication->reason), more);
}

/* The exit node's text will be pasted into a shell: nothing in it may mean more there than it says. */
static bool is_plain_url(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-./:";
	return strncmp(text, "http", 4) == 0 && !text[strspn(text, plain)];
}

bool publication_invite(const struct publication *publication)
{
	const struct upstream *u = &publication->upstream;
	char command[CONTROL_TEXT + 8];
	if (!log_has_reader() || publication->state != PUBLICATION_GRANTED ||
		u->kind != CONTROL_HTTP || !publication->answer ||
		!is_plain_url(publication->answer))
		return false;
	log_info("try it; Ctrl-C here ends the client:");
	snprintf(command, sizeof(command), "curl %s", publication->answer);
	log_command(command);
	return true;
}

void publication_failed(struct publication *publication, const char *why, uint64_t now)
{
	char more[LOG_LIMIT_MORE];
	if (log_limit_pass(&publication->log_failed, now, PUBLICATION_QUIET, 1, more))
		log_warn("the upstream %s cannot be reached: %s%s", publication->upstream.text, why,
			more);
}

void publication_heard(struct publication *publication, uint16_t port, const uint8_t *p, size_t n,
	uint64_t now)
{
	struct error err;
	char more[LOG_LIMIT_MORE];
	if (first_answer_wrong(&publication->upstream, port, p, n, &err) &&
		log_limit_pass(&publication->log_wrong, now, PUBLICATION_WRONG, 1, more))
		log_warn("the upstream %s %s%s", publication->upstream.text, err.text, more);
}

void publication_overrun(struct publication *publication, uint64_t n, uint64_t now)
{
	char more[LOG_LIMIT_MORE];
	publication->overrun += n;
	if (!log_limit_pass(&publication->log_overrun, now, PUBLICATION_QUIET, 1, more))
		return;
	log_warn("%llu datagrams of the upstream %s were lost: they came faster than they were "
		 "read, for a "
		 "receive buffer that net.core.rmem_max may limit",
		(unsigned long long)publication->overrun, publication->upstream.text);
	publication->overrun = 0;
}
