/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A session's use of a private service, under the number that its client chose, as workers see it: who its consumer
 * is, what it leads to, and whether streams may pass. The registrar makes it, decides about it, and brings it to
 * every worker by a broadcast; on each it has a shard, which is that worker's alone, and which an OPEN's number
 * finds. That shard's flag is the one place where it is decided whether a stream may pass (docs/protocol.md, rule
 * 50).
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/log_limit.h"
#include "base/table.h"
#include "policy/name.h"
#include "server/base/broadcast.h"
#include "wire/control.h"

struct session_base;
struct session_shard;
struct worker;

/* Of one session: what a machine uses at once, and some 300 KiB of memory with four workers. */
#define SESSION_ATTACHMENTS_MAX 1024

/* Why no stream may pass; the first, so that what is not decided is not allowed. Counted by these. */
enum attachment_bar {
	ATTACHMENT_NO_APPROVAL,
	ATTACHMENT_NO_INTENTION, /* one denies it, or the default does, and nothing else is in the way */
	ATTACHMENT_NO_GRANT,
	ATTACHMENT_NO_TOKEN, /* an identity, that of the consumer or of the owner, is not active */
	ATTACHMENT_GONE, /* its endpoint or its private service was deleted, or it is used no more */
	ATTACHMENT_PASSES
};
#define ATTACHMENT_BARS ATTACHMENT_PASSES

/* An attachment on one worker. */
struct attachment_shard {
	struct attachment *attachment;
	struct table_node by_number; /* session_shard::attachments */
	struct list uses;            /* of struct attachment_use */
	atomic_uint n;               /* how many, for any thread */
	bool open;                   /* OPENs find it */
	enum attachment_bar bar;     /* and pass, or why they may not */
	struct log_limit denied;     /* OPENs that might not */
};

/* Embedded in a stream that it let pass and that is open. */
struct attachment_use {
	struct list link; /* attachment_shard::uses */
	struct attachment_shard *shard;
	/* It may not pass any more: ends it, and calls attachment_use_end() before it returns. */
	void (*cut)(struct attachment_use *use);
};

struct attachment {
	struct session_base *session;    /* the consumer's, which outlives it */
	uint32_t number;                 /* by which its client's OPENs name it */
	uint32_t link;                   /* the endpoint's link id */
	enum control_kind kind;          /* tcp or udp: of other kinds no stream passes */
	char consumer[POLICY_NAME_SIZE]; /* the identity's name */
	char service
		[POLICY_NAME_SIZE]; /* the private service's, which is its place in routing::privates */
	struct attachment_shard *shards; /* one a worker; owned */
};

/* On the main thread. On no worker yet. 0 or -ENOMEM; the two names are copied. */
int attachment_init(struct attachment *a, struct session_base *s, uint32_t number, uint32_t link,
	enum control_kind kind, const char *service);

/*
 * On the main thread, behind the done() of the broadcast that closed its shards, or without one if none was opened;
 * and before its session is freed. Streams that it had let pass do not refer to it any more. Accepts zeroed memory.
 */
void attachment_deinit(struct attachment *a);

/* Streams that are open now, on all workers; from any thread. */
unsigned attachment_streams(const struct attachment *a);

/* ---- In the run() of a broadcast, on its worker ---- */

/* OPENs find the attachment from here on, and are refused until it is usable. Once. 0 or -ENOMEM. */
int attachment_shard_open(struct attachment *a, struct worker *w);

/*
 * Streams may pass from here on, or may not. Where they may not any more, those that are open are cut, `denied` at
 * both ends, unless `keep_live`. How many were cut. Legal, and void, where the shard could not be opened.
 */
unsigned attachment_shard_set(struct attachment *a, struct worker *w, enum attachment_bar bar,
	bool keep_live);

/* OPENs find it no more, and its streams are cut: how many. Legal where it was never opened. */
unsigned attachment_shard_close(struct attachment *a, struct worker *w);

/* Streams that are open now. */
unsigned attachment_shard_streams(const struct attachment *a, const struct worker *w);

/* ---- A change, and its end ---- */

struct attachment_sweep;

struct attachment_sweep_ops {
	/* On each worker: opens, sets and closes shards. Adds what they cut to `cut`: workers run one after another. */
	void (*run)(struct attachment_sweep *s, struct worker *w);
	/*
	 * On the main thread, later: run() was everywhere, and of what it cut no stream is left on any worker, at
	 * neither end. May free it.
	 */
	void (*done)(struct attachment_sweep *s);
	/* Instead of done(): the process ends meanwhile. */
	void (*discard)(struct attachment_sweep *s);
};

/*
 * A broadcast that may cut streams. A stream's far end may live on another worker, or be on its way there, and hears
 * of the cut by mail; done() waits for that as well. In order with all other broadcasts, as far as run() goes.
 */
struct attachment_sweep {
	struct broadcast broadcast;
	const struct attachment_sweep_ops *ops;
	unsigned cut;    /* streams, so far */
	unsigned rounds; /* broadcasts that are still to come */
};

/* On the main thread. */
void attachment_sweep_send(struct attachment_sweep *s, struct node *n,
	const struct attachment_sweep_ops *ops);

/* ---- For an OPEN, on its worker ---- */

/* NULL: its session has no attachment of that number. */
struct attachment_shard *attachment_find(const struct session_shard *shard, const struct worker *w,
	uint32_t number);

/*
 * One more of what it let pass. `most`: that its consumer may have, at all its attachments together; 0 is no limit.
 * 0, or -EBUSY: it has as many.
 */
int attachment_use_begin(struct attachment_shard *shard, struct attachment_use *use,
	void (*cut)(struct attachment_use *use), unsigned most);
/* One less; an end without a beginning (zeroed memory) is void. */
void attachment_use_end(struct attachment_use *use);
