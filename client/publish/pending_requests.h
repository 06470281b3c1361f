/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Requests for this client's private services that wait for an approval. The exit node tells of each, and again to
 * each new session: here it is said once, by a log line with the command that approves it, and by --on-pending.
 */
#include "base/log_limit.h"
#include "client/publish/pending_program.h"
#include "client/publish/publications.h"
#include "crypto/keyed_hash.h"
#include "wire/control.h"

/* Requests that are remembered as said; the oldest is forgotten first. */
#define PENDING_REQUESTS_KNOWN     256
/* Lines about requests: at once as many as an identity may have endpoints, then one a second. */
#define PENDING_REQUESTS_LOG_BURST 64
#define PENDING_REQUESTS_LOG_EVERY CLOCK_S

struct pending_requests {
	struct loop *loop;
	struct pending_programs programs;
	struct hash_key key;                    /* consumers choose what is hashed */
	uint64_t known[PENDING_REQUESTS_KNOWN]; /* hashes of what was said; 0: none */
	size_t next;                            /* where the next one goes */
	struct log_limit log;
};

void pending_requests_init(struct pending_requests *p, struct loop *loop);

/* Accepts zeroed memory. */
void pending_requests_deinit(struct pending_requests *p);

/* The exit node's `pending`. One about a service that is not ours is ignored. */
void pending_requests_heard(struct pending_requests *p, const struct publications *publications,
	const struct control *message);
