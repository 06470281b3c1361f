#pragma once
/*
 * One authenticated client process and what it publishes (docs/protocol.md, section 5). It owns one
 * link for now.
 *
 *	HANDSHAKING -> ESTABLISHED -> [DRAINING ->] CLOSED
 */
#include "net/carrier.h"
#include "server/service.h"
#include "server/worker.h"

#define SESSION_SERVICES_MAX 1024 /* a session; the YAML of a large cluster has a hundred */
#define SESSION_HANDSHAKES_PER_ADDRESS \
	32 /* under way; an office's clients after its router restarts */
#define SESSION_SAY_AGAIN      (60 * CLOCK_S) /* between two lines about clients that were refused */
#define SESSION_STRANGER_EVERY CLOCK_S        /* between two lines about handshakes that failed */
#define SESSION_NOTICE_EVERY   CLOCK_S        /* a client's notices beyond that are not logged */
#define SESSION_SUSPECT_TIME \
	(2 * CLOCK_S) /* rule 28: a holder that does not answer by then is dead */

enum session_state { SESSION_HANDSHAKING, SESSION_ESTABLISHED, SESSION_DRAINING, SESSION_CLOSED };

struct session {
	struct carrier carrier;
	struct worker *worker;
	struct list link; /* worker::sessions */
	struct loop_task reap;
	struct loop_timer suspect;
	enum session_state state;
	const struct keyring_entry *identity; /* NULL until the handshake named one */
	struct address peer;
	uint8_t id[CONTROL_SESSION];
	char name[SERVICE_SESSION_NAME]; /* the id in hexadecimal, for people */
	uint8_t instance[CONTROL_INSTANCE];
	uint8_t resume[CONTROL_SECRET];
	struct list services; /* of struct service */
	unsigned n_services;
	uint64_t notice_at;     /* when its last notice was logged, µs */
	uint64_t refusals_told; /* a bit for each service number, modulo 64 */
	uint64_t suspected_at;  /* µs; 0: not */
};

/*
 * Whether one more client may begin: a handshake costs a Diffie-Hellman, a session buffers. What is
 * refused is logged, once a minute. After true, session_accept() must follow.
 */
bool session_admit(struct worker *w, const struct address *peer);

/* Takes over a connection whose link request was admitted; `response` is its 101. */
void session_accept(struct worker *w, struct plug plug, const struct address *peer,
	const char *response, size_t n);

/* Ends it and all it carries; not inside a callback of its link. Accepts NULL; returns NULL. */
struct session *session_free(struct session *s);

/* Whether new streams may be opened on it. */
bool session_usable(const struct session *s);

/* Claimed by another: it has to show that it lives. */
void session_suspect(struct session *s);

/* Says that it will be served no longer (the server ends); streams under way go on. */
void session_drain(struct session *s);

/* Ends it at once. */
void session_close(struct session *s, const char *why);
