/* SPDX-License-Identifier: MIT */
#include "client/publish/publication.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/state.h"
#include "wire/alpn.h"
#include "wire/frame.h"

void publication_dialled(struct publication *pub, uint64_t took)
{
	counter_add(&pub->counts.dials[1], 1);
	histogram_observe(&pub->counts.dial_times, took);
	pub->counts.tried = true;
	pub->counts.up = true;
}

void publication_not_dialled(struct publication *pub, const char *why)
{
	counter_add(&pub->counts.dials[0], 1);
	pub->counts.tried = true;
	pub->counts.up = false;
	pub->counts.failed_at = clock_now();
	snprintf(pub->counts.failed_why, sizeof(pub->counts.failed_why), "%s", why);
}

/* Every legal transition; anything else is a bug of ours. */
void publication_set_state(struct publication *pub, enum publication_state state)
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
	static const struct state_table table = {"publication", names, legal};
	char place[UPSTREAM_PLACE_SIZE];
	state_step(&table, pub->state, state);
	log_debug("service %u (%s): %s -> %s", pub->number, upstream_place(&pub->upstream, place),
		names[pub->state], names[state]);
	pub->state = state;
}

/* ---- What it is made of ---- */

static bool fill_in(struct publication *pub)
{
	const struct upstream *u = &pub->upstream;
	if (u->url.scheme == URL_HTTPS)
		upstream_tls_name(u, pub->server);
	if (u->folder && !(pub->folder = file_folder_new(u)))
		return false;
	if (!u->url.path.n)
		return true;
	pub->path = strndup(u->url.path.p, u->url.path.n);
	return pub->path;
}

struct publication *publication_new(const struct upstream *u, uint32_t number,
	struct tls_client *tls)
{
	struct publication *pub = calloc(1, sizeof(*pub));
	if (!pub)
		return NULL;
	fair_queue_service_init(&pub->dials);
	pub->users = 1;
	list_init(&pub->due);
	pub->number = number;
	pub->port = u->port;
	pub->tls = tls ? tls_client_ref(tls) : NULL;
	if (upstream_copy(&pub->upstream, u) < 0 || !fill_in(pub))
		return publication_unref(pub);
	return pub;
}

struct publication *publication_ref(struct publication *pub)
{
	pub->users++;
	return pub;
}

struct publication *publication_unref(struct publication *pub)
{
	if (!pub || --pub->users)
		return NULL;
	list_unlink(&pub->due);
	fair_queue_deinit(&pub->connections);
	tls_client_unref(pub->tls);
	file_folder_unref(pub->folder);
	upstream_deinit(&pub->upstream);
	free(pub->path);
	free(pub->answer);
	free(pub);
	return NULL;
}

bool publication_takes(const struct publication *pub, uint8_t kind)
{
	switch (pub->upstream.kind) {
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

struct str publication_alpn(const struct publication *pub, uint8_t alpn)
{
	if (alpn == FRAME_ALPN_HTTP11)
		return pub->upstream.url.h2 ? STR("h2") : STR("http/1.1");
	if (alpn < FRAME_ALPN_LISTED || !pub->upstream.alpn)
		return STR_NULL;
	return alpn_at(str_from(pub->upstream.alpn), alpn - FRAME_ALPN_LISTED);
}

/* ---- How many connections it has ---- */

static size_t limit_of(uint64_t limit)
{
	return limit ? limit : SIZE_MAX;
}

bool publication_is_limited(const struct publication *pub)
{
	const struct upstream_limits *limits = &pub->upstream.limits;
	return pub->connections.admitted || limits->connections || limits->connections_per_visitor;
}

void publication_count(struct publication *pub,
	void (*admitted)(struct fair_queue *q, struct fair_slot *slot),
	void (*displaced)(struct fair_queue *q, struct fair_slot *slot))
{
	const struct upstream_limits *limits = &pub->upstream.limits;
	struct fair_queue *q = &pub->connections;
	if (q->admitted)
		return;
	fair_queue_init(q, limit_of(limits->connections), limit_of(limits->connections_per_visitor),
		admitted);
	q->displaced = displaced;
	q->waiting_max = PUBLICATION_QUEUE_MAX;
	q->waiting_max_per_visitor = PUBLICATION_QUEUE_PER_VISITOR_MAX;
}

void publication_set_limits(struct publication *pub, const struct upstream_limits *limits)
{
	pub->upstream.limits = *limits;
	if (pub->connections.admitted)
		fair_queue_set_max(&pub->connections, limit_of(limits->connections),
			limit_of(limits->connections_per_visitor));
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

void publication_again(struct publication *pub, bool whole)
{
	pub->apart = (struct publication_apart){.begun = pub->apart.begun && !whole};
	pub->health.told_down = false;
	if (pub->state != PUBLICATION_IDLE)
		publication_set_state(pub, PUBLICATION_IDLE);
}

/* All of it; or, `apart`, one port of a range, counted from its first. */
static int say_publish(const struct publication *pub, struct link *l, bool apart, unsigned at)
{
	const struct upstream *u = &pub->upstream;
	char text[CONTROL_TEXT + 1];
	describe(u, text);
	struct control message = {.type = CONTROL_PUBLISH};
	message.publish.service = pub->number + at;
	message.publish.kind = u->kind;
	message.publish.host = u->host;
	message.publish.upstream = text;
	message.publish.path = pub->path;
	message.publish.rewrite = u->rewrite;
	message.publish.port = pub->port + at;
	message.publish.ports = u->ports > 1 && !apart ? u->ports : 0;
	message.publish.port_given = u->port_given;
	message.publish.tls = u->tls;
	message.publish.alpn = u->alpn;
	/* Each stream of a private service is a connection of its own, as of any TCP service. */
	message.publish.per_visitor = u->proxy_protocol != UPSTREAM_PROXY_OFF && !u->private.name;
	message.publish.half_closed = u->half_closed;
	message.publish.exclusive = u->exclusive;
	if (u->kind == CONTROL_HTTP)
		message.publish.scheme =
			u->url.scheme == URL_HTTPS ? CONTROL_SCHEME_HTTPS : CONTROL_SCHEME_HTTP;
	if (u->url.h2)
		message.publish.protocol = CONTROL_PROTOCOL_H2;
	message.publish.host_only = u->host_only;
	message.publish.group = *u->origin.group ? u->origin.group : NULL;
	message.publish.origin = *u->origin.name ? u->origin.name : NULL;
	message.publish.priority = u->origin.priority;
	message.publish.weight = u->origin.weight;
	message.publish.enabled_given = u->origin.disabled;
	message.publish.private_name = u->private.name;
	message.publish.visibility = u->private.visibility;
	message.publish.auto_approve = u->private.auto_approve;
	message.publish.fqdns = u->private.fqdns;
	message.publish.rules = u->rules;
	if (pub->own) {
		message.publish.e2e_given = true;
		memcpy(message.publish.e2e_key, pub->own->public, CONTROL_KEY);
		message.publish.aes = seal_has_aes();
	}
	return link_send(l, &message);
}

void publication_tell_health(struct publication *pub, struct link *l)
{
	const struct publication_health *h = &pub->health;
	bool known = pub->state == PUBLICATION_OFFERED || pub->state == PUBLICATION_GRANTED;
	struct control message = {.type = CONTROL_HEALTH};
	if (!known || h->down == h->told_down)
		return;
	message.health.service = pub->number;
	message.health.state = h->down ? CONTROL_HEALTH_DOWN : CONTROL_HEALTH_UP;
	message.health.latency_us = (uint32_t)MIN(h->latency, UINT32_MAX);
	if (link_send(l, &message) == 0)
		pub->health.told_down = h->down;
}

/* An answer that is the same again is no news. */
static void note_answer(struct publication *pub, const char *text)
{
	if (pub->answer && strcmp(pub->answer, text) == 0)
		return;
	free(pub->answer);
	pub->answer = strdup(text);
	pub->answer_logged = false;
}

void publication_decline(struct publication *pub, const char *why)
{
	publication_set_state(pub, PUBLICATION_OFFERED);
	publication_set_state(pub, PUBLICATION_REFUSED);
	pub->reason = CONTROL_REASON_OTHER; /* a newer one may be there tomorrow */
	note_answer(pub, why);
}

void publication_publish(struct publication *pub, struct link *l)
{
	const struct upstream *u = &pub->upstream;
	struct publication_apart *apart = &pub->apart;
	char place[UPSTREAM_PLACE_SIZE];
	int r = 0;
	if (!apart->begun)
		r = say_publish(pub, l, false, 0);
	else if (!apart->said)
		*apart = (struct publication_apart){.begun = true};
	for (; apart->begun && apart->said < u->ports; apart->said++) {
		r = say_publish(pub, l, true, apart->said);
		if (r)
			break;
	}
	if (r == 0)
		publication_set_state(pub, PUBLICATION_OFFERED);
	else if (r == -EINVAL)
		log_warn("%s cannot be published: the path in %.100s… is too long or not text",
			upstream_place(u, place), u->text);
}

void publication_withdraw(struct publication *pub, struct link *l)
{
	unsigned n = pub->apart.begun ? publication_numbers(pub) : 1;
	int r = 0;
	for (unsigned i = 0; i < n && r == 0; i++) {
		struct control message = {.type = CONTROL_WITHDRAW, .withdraw = {pub->number + i}};
		r = link_send(l, &message);
	}
	pub->withdraw_said |= r == 0;
}

/* ---- What it says to us ---- */

/* It granted the first port of a range alone: it knows of no ranges. */
static void publication_part(struct publication *pub)
{
	char place[UPSTREAM_PLACE_SIZE];
	log_info("the exit node is an older version without port ranges: asking for %s one "
		 "by one",
		upstream_place(&pub->upstream, place));
	pub->apart = (struct publication_apart){.begun = true};
	publication_set_state(pub, PUBLICATION_IDLE);
}

/* One more port of a range was answered; whether that was the last one. */
static bool publication_count_answer(struct publication *pub, bool refused)
{
	struct publication_apart *apart = &pub->apart;
	apart->refused |= refused;
	if (++apart->heard < pub->upstream.ports)
		return false;
	publication_set_state(pub, apart->refused ? PUBLICATION_REFUSED : PUBLICATION_GRANTED);
	*apart = (struct publication_apart){.begun = true};
	return true;
}

void publication_granted(struct publication *pub, const struct control *message)
{
	const struct upstream *u = &pub->upstream;
	if (u->ports > 1 && !pub->apart.begun && message->granted.ports != u->ports) {
		publication_part(pub);
		return;
	}
	if (!pub->apart.begun)
		publication_set_state(pub, PUBLICATION_GRANTED);
	else if (!publication_count_answer(pub, false) || pub->state != PUBLICATION_GRANTED)
		return;
	pub->not_exclusive = u->exclusive && !message->granted.exclusive;
	/* Visitors know the port by now: it is asked for again when the session is lost. */
	if (u->ports == 1 && message->granted.port)
		pub->port = (uint16_t)message->granted.port;
	note_answer(pub, message->granted.address);
}

void publication_refused(struct publication *pub, const struct control *message)
{
	bool refused = pub->apart.refused; /* another port, for which that is said */
	pub->reason = message->refused.reason;
	if (pub->apart.begun)
		publication_count_answer(pub, true);
	else
		publication_set_state(pub, PUBLICATION_REFUSED);
	if (pub->port != pub->upstream.port) {
		/* Any port will do, and the one it had is gone: that is asked for at once. */
		pub->port = pub->upstream.port;
		publication_set_state(pub, PUBLICATION_IDLE);
		return;
	}
	if (!refused)
		note_answer(pub, message->refused.sentence);
}
