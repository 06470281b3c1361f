/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Connecting to a host and port, or to a Unix socket. Of the former it resolves the name, then tries
 * the addresses one after another, each a quarter of a second after the one before or as soon as that
 * has failed; the first that connects wins (RFC 8305). So a dead IPv6 route costs 250 ms, not a timeout.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"
#include "net/dial_source.h"
#include "net/resolver.h"
#include "wire/address.h"

/* After how long the next address is tried beside the current one (RFC 8305 section 8), µs. */
#define DIAL_STAGGER (250 * CLOCK_MS)

/* A Unix socket whose queue is full says so at once and is asked again until the deadline, µs. */
#define DIAL_QUEUE_LOOK (10 * CLOCK_MS)

/* Bytes of a Unix socket's path: what sockaddr_un holds. */
#define DIAL_UNIX_MAX 107

enum dial_outcome {
	DIAL_CONNECTED,
	DIAL_NO_ADDRESS,  /* the name could not be resolved */
	DIAL_REFUSED,     /* something answered, and said no; or nothing is at that path */
	DIAL_UNREACHABLE, /* no route, or a firewall said so */
	DIAL_TIMED_OUT,   /* the deadline passed */
	DIAL_FAILED,      /* our own side: descriptors, memory, permission */
};

struct dial_state;

struct dial {
	struct dial_state *state; /* while under way; NULL otherwise */
	struct loop_task report;  /* what is decided at once is told at the end of the turn */
	void (*done)(struct dial *dial, int fd);
	int result; /* waits for the report: an open descriptor or a negative errno */
	/* Valid within `done`, and until the dial is started again: */
	enum dial_outcome outcome;
	struct address address; /* the one that connected or that `reason` is about, or none */
	char reason[128];       /* "connection refused by 127.0.0.1:3000"; "" when connected */
};

/*
 * `done` comes exactly once unless cancelled, on the loop, never from within dial_start(); the dial
 * may be freed or started again in it. `fd` is the caller's: connected, non-blocking, tuned; or it
 * is a negative errno. Where no address of a stale answer connects the new answer is waited for, and its
 * addresses are tried. Of several failures the most telling is reported: refused before
 * unreachable before timed out. `deadline` (µs, absolute) covers resolving too; CLOCK_NEVER leaves
 * it to the kernel. `host` is copied; a literal address needs no look-up and, for those, `resolver`
 * may be NULL.
 */
void dial_start(struct dial *dial, struct loop *loop, struct resolver *resolver, const char *host,
	uint16_t port, uint64_t deadline, void (*done)(struct dial *dial, int fd));

/* The same, from one of these addresses of this machine. Their list outlives the dial. */
void dial_start_from(struct dial *dial, struct loop *loop, struct resolver *resolver,
	const char *host, uint16_t port, const struct dial_sources *from, uint64_t deadline,
	void (*done)(struct dial *dial, int fd));

/*
 * The same for a Unix socket. `path` is copied. A queue that stays full is DIAL_TIMED_OUT.
 */
void dial_start_unix(struct dial *dial, struct loop *loop, struct str path, uint64_t deadline,
	void (*done)(struct dial *dial, int fd));

/*
 * For a connection that needs no dialling: `result` is its descriptor, or a negative errno with the
 * outcome and the reason that it is reported by.
 */
void dial_start_with(struct dial *dial, struct loop *loop, int result, enum dial_outcome outcome,
	const char *reason, void (*done)(struct dial *dial, int fd));

/* Closes what is open; `done` does not come any more. A dial that is zero or finished is fine. */
void dial_cancel(struct dial *dial);
