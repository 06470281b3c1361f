#pragma once
/*
 * The UDP front: a visitor who sends datagrams to a hatch is a flow, a stream of kind udp to a client
 * (docs/protocol.md, rule 18), from the first one until none came from either side for --udp-idle. Flows
 * are limited a session, and a visitor's address once the session has half of its own; which of too many
 * goes, net/flow_queue says.
 */
#include "net/flow.h"
#include "loop/timeouts.h"
#include "server/roll.h"
#include "server/service.h"

struct hatch;
struct udp_arena;
struct worker;

/* Those of one worker. */
struct senders {
	struct list hatches; /* of struct hatch */
	struct roll roll;
	struct timeout_queue idle;
	struct udp_arena *arena; /* NULL before the first hatch */
};

struct sender {
	struct roll_entry entry; /* its port is the hatch */
	struct flow flow;
	struct hatch *hatch;
	struct branch *branch;
	struct trunk *trunk;
	struct list of_hatch;
	struct flow_place of_presence; /* presence::senders */
	struct timeout idle;
	struct loop_task reap;
	bool counted;      /* in the census against its address */
	uint64_t late;     /* flow::dropped, as far as the hatch counted them */
	uint64_t bytes[2]; /* from the visitor, and to it */
	uint64_t began;    /* µs */
};

void senders_init(struct senders *s, struct worker *w);
/* Before the worker's trunks; its hatches stop. */
void senders_deinit(struct senders *s);

/* A datagram came through the hatch: passed on, carried elsewhere, or dropped. */
void sender_heard(struct hatch *h, const struct address *peer, const struct address *local,
	const uint8_t *p, size_t n);

/* Ends its flow; `why` for the access log, NULL: in order. */
void sender_close(struct sender *s, const char *why);
