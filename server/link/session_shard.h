/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What workers see of a session, which is one authenticated client process: its name, its identity, and
 * one shard for each worker. The registrar makes and frees it (server/control/session.h). A shard belongs
 * to its worker alone; the atomics tell the other workers what they need to choose by.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "base/table.h"
#include "mux/budget.h"
#include "net/flow_queue.h"
#include "server/store/catalog.h"

#define SESSION_NAME_SIZE 17 /* characters of a session's name, and a NUL */

/* A session on one worker. */
struct session_shard {
	struct session_base *session;
	struct list links;        /* server_link::of_shard */
	struct flow_queue flows;  /* udp_flow::of_shard */
	struct table attachments; /* attachment_shard::by_number, of its client's own numbers */
	struct budget_share share;
	atomic_uint *streams; /* of its identity on this worker */
	atomic_uint usable;   /* links that take new streams, as far as others need to know */
	atomic_uint silent;   /* those of them that do not answer */
	atomic_uint load;     /* requests and connections under way */
	atomic_uint coming;   /* connections that were handed to it and are not there yet */
};

/* The part of a session that workers may look at; struct session embeds it. */
struct session_base {
	struct identity *identity;
	char name[SESSION_NAME_SIZE]; /* the session's id in hexadecimal, for people */
	unsigned n_shards;            /* workers */
	atomic_uint flows;            /* of UDP, on all workers */
	struct session_shard *shards; /* one a worker; owned */
};

/* Zeroed memory becomes a session of that identity that has no links. 0 or -ENOMEM. */
int session_base_init(struct session_base *s, struct identity *identity, unsigned n_shards);
void session_base_deinit(struct session_base *s);

/* ---- From any thread ---- */

/* Whether a link of it takes new streams. */
bool session_shard_usable(const struct session_shard *shard);
/* It is usable, but none of its links answers. */
bool session_shard_silent(const struct session_shard *shard);
/*
 * Whether its identity has as many streams under way, on all workers, as it may (max_streams). Two workers that
 * look at the same moment may both take the last place.
 */
bool session_shard_full(const struct session_shard *shard);
/* Requests and connections under way, or on their way there. */
unsigned session_shard_load(const struct session_shard *shard);

/* Whether `a` should be preferred: it answers, or else it has less to do. */
bool session_shard_better(const struct session_shard *a, const struct session_shard *b);

/* The best usable shard of a session but that of the worker `except` (-1: of any); NULL: there is none. */
struct session_shard *session_base_pick(const struct session_base *s, int except);

/* The worker that a shard belongs to. */
static inline unsigned session_shard_worker(const struct session_shard *shard)
{
	return (unsigned)(shard - shard->session->shards);
}

/* ---- On its worker ---- */

/* One request or connection more (1) or less (-1u) is under way. */
void session_shard_count(struct session_shard *shard, unsigned change);
