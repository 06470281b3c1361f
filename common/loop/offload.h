/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Threads for what blocks: getaddrinfo, Argon2id, reading files. Each is started when first needed.
 *
 * A job is a heap object that owns everything it works on and belongs to the offload from submit
 * until `done`, which is called exactly once, on the loop that submitted it, and frees it. The submitter
 * keeps a pointer only to cancel the job, and drops it at that point: `done` then sees `cancelled` and must
 * use nothing but the job.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "loop/loop.h"
#include "loop/mailbox.h"

/*
 * Enough that one job that hangs delays no other, few enough that a burst of token derivations
 * (19 MiB each) stays small.
 */
#define OFFLOAD_THREADS 4

/*
 * Bytes of stack of each: twice what musl gives getaddrinfo(), because NSS modules of others run in it;
 * of the 8 MiB that are usual, 64 threads would reserve half a gigabyte.
 */
#define OFFLOAD_STACK (256u << 10)

struct offload;

struct offload_job {
	struct mail mail;
	struct loop *home;
	void (*run)(struct offload_job *job);  /* on a helper thread; all signals blocked */
	void (*done)(struct offload_job *job); /* on the loop's thread */
	atomic_bool cancelled; /* before or while running; a long `run` may poll it */
};

/* At most `threads` of them. NULL when out of memory. Any loop's thread may submit. */
struct offload *offload_new(unsigned threads);

/*
 * Before any loop is freed. Jobs not yet begun and those under way are cancelled and their `done`
 * comes with loop_free() at the latest. A job that hangs (a resolver without a network) is waited
 * for half a second and then left to its thread: its `done` never comes.
 */
struct offload *offload_free(struct offload *offload);

/* Fill in `run` and `done` first. If no thread can be started the job is run here and now. */
void offload_submit(struct offload *offload, struct loop *home, struct offload_job *job);

/* Not run if it has not begun. The caller's pointer is void after this. From the home loop only. */
void offload_cancel(struct offload_job *job);
