/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A connection whose protocol is not known yet: a balancer's header, TLS and its name are read first. Then
 * it goes to its front (server/accept/destination.h), with the bytes that were read.
 *
 *	ARRIVING [-> SECURING] -> GONE
 */
#include "base/log_limit.h"
#include "net/conn.h"
#include "loop/timeouts.h"
#include "server/accept/sniff.h"
#include "server/base/charges.h"
#include "server/base/admission.h"

#define PREREAD_SAY_AGAIN CLOCK_S /* between two lines about rejected connections */

#define PREREAD_SCRATCH (16u << 10) /* bytes read at once: a ClientHello is mostly 2 KB */

/* What this room keeps on a worker. */
struct accept_worker {
	struct list prereads; /* of struct preread */
	/* One queue for each thing that is waited for equally long */
	struct timeout_queue header, quiet, securing;
	struct log_limit log_rejected;    /* connections that were rejected */
	uint8_t scratch[PREREAD_SCRATCH]; /* used within one call, never across two */
};

enum preread_state { PREREAD_ARRIVING, PREREAD_SECURING, PREREAD_GONE };

struct preread {
	struct conn conn;
	struct worker *worker;
	struct list link; /* accept_worker::prereads */
	struct timeout timeout;
	struct loop_task work, reap;
	enum preread_state state;
	bool quiet;          /* has not sent a byte, and need not yet */
	bool proves;         /* a CA verifies a name: nothing follows its TLS handshake */
	bool counted;        /* in the limits, under its peer's address */
	uint64_t connection; /* log_new_connection() */
	struct listener_config listener;
	struct sniff sniff;
	struct address peer; /* the socket's, or the one that a header named */
	struct buf in;
	struct charge charge;
};

/* Whether the first bytes of a connection have to be read, from this peer by this listener. */
bool preread_due(const struct worker *w, const struct listener_config *config,
	const struct address *peer);

/* Takes over the socket; the log calls it `connection`. */
void preread_accept(struct worker *w, int fd, const struct address *peer,
	const struct listener_config *config, uint64_t connection);
void preread_close(struct preread *p);

void accept_worker_init(struct accept_worker *a, const struct worker *w);
/* Its connections end. */
void accept_worker_deinit(struct accept_worker *a);
/* The same: none of them is anybody's yet. */
void accept_worker_drain(struct accept_worker *a);
