#pragma once
/*
 * A few threads for what blocks: getaddrinfo, Argon2id, reading files. Started when first needed.
 *
 * A job is a heap object that owns everything it works on and belongs to the offload from submit
 * until `done`, which is called exactly once, on the loop that submitted it, and frees it. Whoever
 * asked keeps a pointer only to cancel it, and forgets it in that very line: `done` then sees
 * `cancelled` and must look at nothing but the job.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "net/loop.h"
#include "net/mailbox.h"

struct offload;

struct offload_job {
	struct mail mail;
	struct loop *home;
	void (*run)(struct offload_job *job);  /* on a helper thread; all signals blocked */
	void (*done)(struct offload_job *job); /* on the loop's thread */
	atomic_bool cancelled; /* before or while running; a long `run` may look at it */
};

/* NULL when out of memory. One for the process; any loop's thread may submit. */
struct offload *offload_new(void);

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
