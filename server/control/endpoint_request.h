/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Whether an identity may have an endpoint at a private service, and how that begins: Approved for the service's
 * owner and for whom its auto-approval list names, Pending for others. The one place that checks it, for a client's
 * `attach` and for the admin API. Whoever asks for what he may not see is refused as he is for what is not there:
 * one reason, one sentence, one path (docs/protocol.md, rule 52). All on the main thread.
 */
#include "base/error.h"
#include "server/control/change.h"
#include "wire/control.h"

/* Of an identity that was given no other limit (--max-endpoints): more than anybody uses, few enough to read. */
#define ENDPOINTS_OF_IDENTITY 64

struct endpoint;
struct private_service;

/* All texts are borrowed, as they came: not checked yet. */
struct endpoint_request {
	struct identity *consumer;
	const char *service;    /* an alias or a name */
	enum control_kind kind; /* CONTROL_KIND_UNKNOWN: whatever it is */
	const char *name;       /* the endpoint's; NULL: the consumer's own */
	const char *message;    /* for who approves it; NULL: none, or as it was */
	const uint8_t *e2e_key; /* CONTROL_KEY bytes, the consumer's; NULL: none */
	bool by_operator; /* who asks for others, as often as he likes (server/control/attach_pace.h) */
};

enum endpoint_answer {
	ENDPOINT_THERE, /* it is there as it is asked for: nothing has to be stored */
	ENDPOINT_NEWS, /* it has to be made, or its message or key is another now: endpoint_request_add() */
	ENDPOINT_REFUSED /* for `reason`, with a sentence */
};

struct endpoint_verdict {
	enum endpoint_answer answer;
	enum control_reason
		reason; /* UNKNOWN, INVALID (name, message, kind, key), LIMIT, UNSUPPORTED */
	struct error err;
	struct private_service *service; /* unless it is refused */
	struct endpoint *endpoint;       /* the one that is there; NULL: none yet */
};

/* Looks and changes nothing. To be asked again in the change's check(): the catalog may be another by then. */
void endpoint_request_check(const struct catalog *c, const struct endpoint_request *rq,
	struct endpoint_verdict *verdict_out);

/*
 * In a change's check(), of what was just checked ENDPOINT_NEWS: its rows and its note, "endpoint.request" of
 * SERVICE/CONSUMER.UID. What takes away (another key of an end-to-end endpoint makes it Pending) is narrowed, what
 * gives has change::gives. False: memory is out, and the change was refused.
 */
bool endpoint_request_add(struct change *c, const struct endpoint_request *rq,
	const struct endpoint_verdict *verdict);

/* The endpoint that a request is about, once it is in the catalog; NULL: there is none (any more). */
struct endpoint *endpoint_request_find(const struct catalog *c, const struct endpoint_request *rq);
