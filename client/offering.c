#include "client/offering.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "client/first_answer.h"
#include "wire/alpn.h"
#include "wire/frame.h"

/* Every legal transition; anything else is a bug of ours. */
void offering_set_state(struct offering *offering, enum offering_state state)
{
	static const char *const names[] = {"idle", "offered", "granted", "refused", "leaving"};
	enum { LEAVING = 1 << OFFERING_LEAVING };
	static const uint8_t legal[] = {
		[OFFERING_IDLE] = 1 << OFFERING_OFFERED | LEAVING,
		[OFFERING_OFFERED] = 1 << OFFERING_IDLE | 1 << OFFERING_GRANTED |
				     1 << OFFERING_REFUSED | LEAVING,
		[OFFERING_GRANTED] = 1 << OFFERING_IDLE | 1 << OFFERING_REFUSED | LEAVING,
		[OFFERING_REFUSED] = 1 << OFFERING_IDLE | 1 << OFFERING_GRANTED | LEAVING,
		[OFFERING_LEAVING] = 0,
	};
	char place[UPSTREAM_PLACE_SIZE];
	if (!(legal[offering->state] & 1 << state))
		abort();
	log_debug("service %u (%s): %s -> %s", offering->number,
		upstream_place(&offering->upstream, place), names[offering->state], names[state]);
	offering->state = state;
}

/* ---- What it is made of ---- */

static bool fill_in(struct offering *offering)
{
	const struct upstream *u = &offering->upstream;
	if (u->url.scheme == URL_HTTPS)
		upstream_tls_name(u, offering->server);
	if (!u->url.path.n)
		return true;
	offering->path = strndup(u->url.path.p, u->url.path.n);
	return offering->path;
}

struct offering *offering_new(const struct upstream *u, uint32_t number, struct tls_client *tls)
{
	struct offering *offering = calloc(1, sizeof(*offering));
	if (!offering)
		return NULL;
	turnstile_service_init(&offering->dials);
	offering->users = 1;
	list_init(&offering->due);
	offering->number = number;
	offering->port = u->port;
	offering->tls = tls ? tls_client_ref(tls) : NULL;
	if (upstream_copy(&offering->upstream, u) < 0 || !fill_in(offering))
		return offering_unref(offering);
	return offering;
}

struct offering *offering_ref(struct offering *offering)
{
	offering->users++;
	return offering;
}

struct offering *offering_unref(struct offering *offering)
{
	if (!offering || --offering->users)
		return NULL;
	list_unlink(&offering->due);
	turnstile_deinit(&offering->connections);
	tls_client_unref(offering->tls);
	upstream_deinit(&offering->upstream);
	free(offering->path);
	free(offering->answer);
	free(offering);
	return NULL;
}

bool offering_takes(const struct offering *offering, uint8_t kind)
{
	switch (offering->upstream.kind) {
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

struct str offering_alpn(const struct offering *offering, uint8_t alpn)
{
	if (alpn == FRAME_ALPN_HTTP11)
		return STR("http/1.1");
	if (alpn < FRAME_ALPN_LISTED || !offering->upstream.alpn)
		return STR_NULL;
	return alpn_at(str_from(offering->upstream.alpn), alpn - FRAME_ALPN_LISTED);
}

/* ---- How many connections it has ---- */

static size_t limit_of(uint64_t limit)
{
	return limit ? limit : SIZE_MAX;
}

bool offering_is_limited(const struct offering *offering)
{
	const struct upstream_limits *limits = &offering->upstream.limits;
	return offering->connections.admitted || limits->connections ||
	       limits->connections_per_visitor;
}

void offering_count(struct offering *offering,
	void (*admitted)(struct turnstile *t, struct ticket *ticket),
	void (*displaced)(struct turnstile *t, struct ticket *ticket))
{
	const struct upstream_limits *limits = &offering->upstream.limits;
	struct turnstile *t = &offering->connections;
	if (t->admitted)
		return;
	turnstile_init(t, limit_of(limits->connections), limit_of(limits->connections_per_visitor),
		admitted);
	t->displaced = displaced;
	t->waiting_max = OFFERING_QUEUE_MAX;
	t->waiting_max_per_visitor = OFFERING_QUEUE_PER_VISITOR_MAX;
}

void offering_set_limits(struct offering *offering, const struct upstream_limits *limits)
{
	offering->upstream.limits = *limits;
	if (offering->connections.admitted)
		turnstile_set_max(&offering->connections, limit_of(limits->connections),
			limit_of(limits->connections_per_visitor));
}

void offering_crowded(struct offering *offering, const struct address *visitor, const char *why,
	uint64_t now)
{
	char peer[ADDRESS_TEXT_SIZE], more[LOG_LIMIT_MORE];
	if (!log_limit_pass(&offering->log_crowded, now, OFFERING_QUIET, 1, more))
		return;
	address_format_ip(visitor, peer);
	log_warn("visitor %s of the upstream %s was turned away: %s; it has %zu connections, and "
		 "%zu visitors wait (see --max-connections, --max-connections-per-visitor and "
		 "--tcp-idle)%s",
		peer, offering->upstream.text, why, offering->connections.inside,
		offering->connections.waiting, more);
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

void offering_again(struct offering *offering, bool whole)
{
	offering->apart = (struct offering_apart){.begun = offering->apart.begun && !whole};
	if (offering->state != OFFERING_IDLE)
		offering_set_state(offering, OFFERING_IDLE);
}

/* All of it; or, `apart`, one port of a range, counted from its first. */
static int say_publish(const struct offering *offering, struct link *l, bool apart, unsigned at)
{
	const struct upstream *u = &offering->upstream;
	char text[CONTROL_TEXT + 1];
	describe(u, text);
	struct control message = {.type = CONTROL_PUBLISH};
	message.publish.service = offering->number + at;
	message.publish.kind = u->kind;
	message.publish.host = u->host;
	message.publish.upstream = text;
	message.publish.path = offering->path;
	message.publish.rewrite = u->rewrite;
	message.publish.port = offering->port + at;
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

void offering_publish(struct offering *offering, struct link *l)
{
	const struct upstream *u = &offering->upstream;
	struct offering_apart *apart = &offering->apart;
	char place[UPSTREAM_PLACE_SIZE];
	int r = 0;
	if (!apart->begun)
		r = say_publish(offering, l, false, 0);
	else if (!apart->said)
		*apart = (struct offering_apart){.begun = true};
	for (; apart->begun && apart->said < u->ports; apart->said++) {
		r = say_publish(offering, l, true, apart->said);
		if (r)
			break;
	}
	if (r == 0)
		offering_set_state(offering, OFFERING_OFFERED);
	else if (r == -EINVAL)
		log_warn("%s cannot be published: the path in %.100s… is too long or not text",
			upstream_place(u, place), u->text);
}

void offering_withdraw(struct offering *offering, struct link *l)
{
	unsigned n = offering->apart.begun ? offering_numbers(offering) : 1;
	int r = 0;
	for (unsigned i = 0; i < n && r == 0; i++) {
		struct control message = {.type = CONTROL_WITHDRAW,
			.withdraw = {offering->number + i}};
		r = link_send(l, &message);
	}
	offering->withdraw_said |= r == 0;
}

/* ---- What it says to us ---- */

/* An answer that is the same again is no news. */
static void note_answer(struct offering *offering, const char *text)
{
	if (offering->answer && strcmp(offering->answer, text) == 0)
		return;
	free(offering->answer);
	offering->answer = strdup(text);
	offering->told = false;
}

/* It granted the first port of a range alone: it knows of no ranges. */
static void offering_part(struct offering *offering)
{
	char place[UPSTREAM_PLACE_SIZE];
	log_info("the exit node is of an older version: it is asked for %s one by one",
		upstream_place(&offering->upstream, place));
	offering->apart = (struct offering_apart){.begun = true};
	offering_set_state(offering, OFFERING_IDLE);
}

/* One more port of a range was answered; whether that was the last one. */
static bool offering_count_answer(struct offering *offering, bool refused)
{
	struct offering_apart *apart = &offering->apart;
	apart->refused |= refused;
	if (++apart->heard < offering->upstream.ports)
		return false;
	offering_set_state(offering, apart->refused ? OFFERING_REFUSED : OFFERING_GRANTED);
	*apart = (struct offering_apart){.begun = true};
	return true;
}

void offering_granted(struct offering *offering, const struct control *message)
{
	const struct upstream *u = &offering->upstream;
	if (u->ports > 1 && !offering->apart.begun && message->granted.ports != u->ports) {
		offering_part(offering);
		return;
	}
	if (!offering->apart.begun)
		offering_set_state(offering, OFFERING_GRANTED);
	else if (!offering_count_answer(offering, false) || offering->state != OFFERING_GRANTED)
		return;
	offering->unguarded = u->exclusive && !message->granted.exclusive;
	/* Visitors know the port by now: it is asked for again when the session is lost. */
	if (u->ports == 1 && message->granted.port)
		offering->port = (uint16_t)message->granted.port;
	note_answer(offering, message->granted.address);
}

static const char *advice(const struct offering *offering, enum control_reason reason)
{
	bool port = offering->upstream.port_given;
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

void offering_refused(struct offering *offering, const struct control *message)
{
	bool refused = offering->apart.refused; /* another port, for which that is said */
	offering->reason = message->refused.reason;
	if (offering->apart.begun)
		offering_count_answer(offering, true);
	else
		offering_set_state(offering, OFFERING_REFUSED);
	if (offering->port != offering->upstream.port) {
		/* Any port will do, and the one it had is gone: that is asked for at once. */
		offering->port = offering->upstream.port;
		offering_set_state(offering, OFFERING_IDLE);
		return;
	}
	if (!refused)
		note_answer(offering, message->refused.sentence);
}

void offering_tell(struct offering *offering, const char *more)
{
	char place[UPSTREAM_PLACE_SIZE];
	offering->told = true;
	if (offering->state == OFFERING_GRANTED)
		log_info("%s is published at %s%s%s", offering->upstream.text, offering->answer,
			offering->apart.begun ? ", and the ports of its range as well" : "", more);
	if (offering->state == OFFERING_GRANTED && offering->unguarded)
		log_warn("the exit node is of an older version that does not know --exclusive: "
			 "others can publish %s as well",
			upstream_place(&offering->upstream, place));
	if (offering->state != OFFERING_GRANTED)
		log_warn("the exit node does not publish %s (%s): %s; %s%s",
			upstream_place(&offering->upstream, place), offering->upstream.text,
			offering->answer, advice(offering, offering->reason), more);
}

/* The exit node's text will be pasted into a shell: nothing in it may mean more there than it says. */
static bool is_plain_url(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-./:";
	return strncmp(text, "http", 4) == 0 && !text[strspn(text, plain)];
}

bool offering_invite(const struct offering *offering)
{
	const struct upstream *u = &offering->upstream;
	char command[CONTROL_TEXT + 8];
	if (!log_has_reader() || offering->state != OFFERING_GRANTED || u->kind != CONTROL_HTTP ||
		!offering->answer || !is_plain_url(offering->answer))
		return false;
	log_info("try it; Ctrl-C here ends the client:");
	snprintf(command, sizeof(command), "curl %s", offering->answer);
	log_command(command);
	return true;
}

void offering_failed(struct offering *offering, const char *why, uint64_t now)
{
	char more[LOG_LIMIT_MORE];
	if (log_limit_pass(&offering->log_failed, now, OFFERING_QUIET, 1, more))
		log_warn("the upstream %s cannot be reached: %s%s", offering->upstream.text, why,
			more);
}

void offering_heard(struct offering *offering, uint16_t port, const uint8_t *p, size_t n,
	uint64_t now)
{
	struct error err;
	char more[LOG_LIMIT_MORE];
	if (first_answer_wrong(&offering->upstream, port, p, n, &err) &&
		log_limit_pass(&offering->log_wrong, now, OFFERING_WRONG, 1, more))
		log_warn("the upstream %s %s%s", offering->upstream.text, err.text, more);
}

void offering_overrun(struct offering *offering, uint64_t n, uint64_t now)
{
	char more[LOG_LIMIT_MORE];
	offering->overrun += n;
	if (!log_limit_pass(&offering->log_overrun, now, OFFERING_QUIET, 1, more))
		return;
	log_warn("%llu datagrams of the upstream %s were lost: they came faster than they were "
		 "read, for a "
		 "receive buffer that net.core.rmem_max may limit",
		(unsigned long long)offering->overrun, offering->upstream.text);
	offering->overrun = 0;
}
