/* SPDX-License-Identifier: MIT */
#include "client/publish/publication_log.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

/* For people: the visitor's address, or the consumer of a private service. */
static void describe_party(const struct frame_open *open, char *to, size_t size)
{
	char peer[ADDRESS_TEXT_SIZE];
	struct address visitor = frame_addr_address(&open->visitor);
	address_format_ip(&visitor, peer);
	if (open->link)
		snprintf(to, size, "consumer %s (link %u)", open->consumer, open->link);
	else
		snprintf(to, size, "visitor %s", peer);
}

void publication_log_health(const struct publication *pub, const char *why)
{
	if (pub->health.down)
		log_warn("the upstream %s %s: the exit node uses others, if there are any, until "
			 "it passes its probe (--probe)",
			pub->upstream.text, why);
	else
		log_info("the upstream %s passes its probe again", pub->upstream.text);
}

void publication_log_rejected(struct publication *pub, uint64_t connection,
	const struct frame_open *open, const char *why, uint64_t now)
{
	char party[FRAME_CONSUMER_MAX + ADDRESS_TEXT_SIZE + 32], more[LOG_LIMIT_MORE];
	if (!log_limit_pass(&pub->log_rejected, now, PUBLICATION_LOG_EVERY, 1, more))
		return;
	describe_party(open, party, sizeof(party));
	log_warn_of(connection,
		"rejected %s of the upstream %s: %s; connections: %zu, visitors waiting: "
		"%zu (see --max-connections, --max-connections-per-visitor and --tcp-idle)%s",
		party, pub->upstream.text, why, pub->connections.inside, pub->connections.waiting,
		more);
}

void publication_log_unsealed(struct publication *pub, uint64_t connection,
	const struct frame_open *open, const char *why, uint64_t now)
{
	char party[FRAME_CONSUMER_MAX + ADDRESS_TEXT_SIZE + 32], more[LOG_LIMIT_MORE];
	if (!log_limit_pass(&pub->log_unsealed, now, PUBLICATION_LOG_EVERY, 1, more))
		return;
	describe_party(open, party, sizeof(party));
	if (open->kind == FRAME_KIND_UDP)
		log_warn_of(connection, "a UDP flow of %s to %s is reset: %s%s", party,
			pub->upstream.private.name, why, more);
	else
		log_warn_of(connection, "a connection of %s to %s is reset: %s%s", party,
			pub->upstream.private.name, why, more);
}

void publication_log_dropped(struct publication *pub, uint64_t connection,
	const struct frame_open *open, const char *why, uint64_t now)
{
	char party[FRAME_CONSUMER_MAX + ADDRESS_TEXT_SIZE + 32], more[LOG_LIMIT_MORE];
	if (!log_limit_pass(&pub->log_dropped, now, PUBLICATION_LOG_EVERY, 1, more))
		return;
	describe_party(open, party, sizeof(party));
	log_warn_of(connection, "dropped a datagram between %s and %s: %s%s", party,
		pub->upstream.private.name, why, more);
}

static const char *advice(const struct publication *pub, enum control_reason reason)
{
	bool port = pub->upstream.port_given;
	if (pub->upstream.private.name && reason == CONTROL_REASON_INVALID)
		return "correct what is said of it";
	switch (reason) {
	case CONTROL_REASON_TAKEN:
		return port ? "choose another port, or stop the client that has it; asking again "
			      "meanwhile"
			    : "choose another name, or stop the client that has it; asking again "
			      "meanwhile";
	case CONTROL_REASON_DENIED:
		return port ? "choose another port, or have the exit node's operator allow it; "
			      "asking again meanwhile"
			    : "the exit node's operator can allow it; asking again meanwhile";
	case CONTROL_REASON_INVALID:
		if (pub->upstream.rules)
			return "correct the name in --upstream, or what --rules says";
		return port ? "correct the port" : "correct the name in --upstream";
	case CONTROL_REASON_UNSUPPORTED:
		return "the exit node may be an older version";
	case CONTROL_REASON_LIMIT:
		return "publish less, or have the exit node's operator allow more; asking again "
		       "meanwhile";
	case CONTROL_REASON_UNKNOWN: /* of attachments */
	case CONTROL_REASON_OTHER:
		break;
	}
	return "asking again meanwhile";
}

/* What its consumers put behind the alias, so that they believe no other key; "" for one that is not end to end. */
#define PIN_SIZE (1 + KEY_TEXT_LEN + 1)
static const char *pin_of(const struct publication *pub, char pin[PIN_SIZE])
{
	*pin = '\0';
	if (pub->own) {
		*pin = '#';
		key_text(pub->own->public, pin + 1);
	}
	return pin;
}

void publication_log_answer(struct publication *pub, const char *more)
{
	char place[UPSTREAM_PLACE_SIZE], pin[PIN_SIZE];
	pub->answer_logged = true;
	if (pub->state == PUBLICATION_GRANTED && pub->upstream.private.name)
		log_info("%s is private: %s%s%s", pub->upstream.private.name, pub->answer,
			pin_of(pub, pin), more);
	else if (pub->state == PUBLICATION_GRANTED)
		log_info("%s is published at %s%s%s", pub->upstream.text, pub->answer,
			pub->apart.begun ? ", and the ports of its range as well" : "", more);
	if (pub->state == PUBLICATION_GRANTED && pub->not_exclusive)
		log_warn("the exit node is an older version that does not know --exclusive: "
			 "others can publish %s as well",
			upstream_place(&pub->upstream, place));
	if (pub->state == PUBLICATION_GRANTED && pub->not_graded)
		log_warn("the exit node is an older version that does not know --priority, "
			 "--weight and --origin: %s gets as much as the others there",
			upstream_place(&pub->upstream, place));
	if (pub->state != PUBLICATION_GRANTED)
		log_warn("the exit node does not publish %s (%s): %s; %s%s",
			upstream_place(&pub->upstream, place), pub->upstream.text, pub->answer,
			advice(pub, pub->reason), more);
}

/* The exit node's text will be pasted into a shell: nothing in it may mean more there than it says. */
static bool is_plain_url(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-./:";
	return strncmp(text, "http", 4) == 0 && !text[strspn(text, plain)];
}

bool publication_log_command(const struct publication *pub)
{
	const struct upstream *u = &pub->upstream;
	char command[CONTROL_TEXT + 8];
	if (!log_has_reader() || pub->state != PUBLICATION_GRANTED || u->kind != CONTROL_HTTP ||
		!pub->answer || !is_plain_url(pub->answer))
		return false;
	log_info("try it; Ctrl-C here ends the client:");
	snprintf(command, sizeof(command), "curl %s", pub->answer);
	log_command(command);
	return true;
}

void publication_log_failed(struct publication *pub, uint64_t connection, const char *why,
	uint64_t now)
{
	char more[LOG_LIMIT_MORE];
	if (log_limit_pass(&pub->log_failed, now, PUBLICATION_LOG_EVERY, 1, more))
		log_warn_of(connection, "the upstream %s cannot be reached: %s%s",
			pub->upstream.text, why, more);
}

void publication_log_wrong(struct publication *pub, uint64_t connection, const char *what,
	uint64_t now)
{
	char more[LOG_LIMIT_MORE];
	if (log_limit_pass(&pub->log_wrong, now, PUBLICATION_LOG_WRONG_EVERY, 1, more))
		log_warn_of(connection, "the upstream %s %s%s", pub->upstream.text, what, more);
}

void publication_log_overrun(struct publication *pub, uint64_t connection, uint64_t n, uint64_t now)
{
	char more[LOG_LIMIT_MORE];
	pub->overrun += n;
	if (!log_limit_pass(&pub->log_overrun, now, PUBLICATION_LOG_EVERY, 1, more))
		return;
	log_warn_of(connection,
		"lost %llu datagrams of the upstream %s: the receive buffer was full; "
		"net.core.rmem_max may limit it",
		(unsigned long long)pub->overrun, pub->upstream.text);
	pub->overrun = 0;
}
