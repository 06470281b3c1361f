/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The store of a server that runs: its file in the state directory, the lock of that directory, and the one
 * helper thread that works with both, one job after the other, because a disk may take long. A server that was
 * never told anything has no store: the first change makes it.
 */
#include <stdatomic.h>

#include "loop/offload.h"
#include "store/store.h"

struct catalog;

struct store_access {
	char *dir;               /* owned; NULL: nothing can be kept */
	char *path;              /* owned; of the store's file */
	const uint8_t *salt;     /* the catalog's keys are made with */
	struct catalog *catalog; /* what of it was used is stored, too (server/store/last_use.h) */
	struct offload *helper;
	struct loop_timer uses;
	void (*at_end)(struct store_access *s); /* NULL, or has the store once the helper is gone */
	int lock;                               /* of the directory; -1: not taken */
	struct store *store;  /* NULL: there is none. The helper's, from the first job on */
	atomic_bool busy;     /* the helper is at work */
	bool there;           /* main thread: whether there is a store, as far as it was told */
	uint64_t revision;    /* main thread: of the store, as far as it was told */
	struct error why_not; /* why nothing can be kept, when `dir` is NULL */
};

/*
 * At start, before the loops run: takes the lock, and puts what a store has into the catalog if there is one.
 * `why_not`, unless NULL: nothing can be kept there, and why. -errno with a sentence: another server has the
 * directory, or there is a store and it cannot be read or written.
 */
int store_access_open(struct store_access *s, const char *dir, const char *why_not,
	const uint8_t *salt, struct catalog *catalog, struct error *err);
/* A job that is under way is waited for. Accepts zeroed memory. */
void store_access_close(struct store_access *s);

/* Embedded in a heap object that owns all that it works with. */
struct store_job {
	struct offload_job job;
	struct store_access *access;
	bool make; /* a store that is not there is made; else `result` is STORE_NONE */
	/* On the helper thread. 0, or what `result` will be, with a sentence. */
	int (*run)(struct store_job *j, struct store *store, struct error *err);
	/* On the main thread, once. If job.cancelled is set the process ends, and it does nothing but free. */
	void (*done)(struct store_job *j);
	int result;
	uint64_t revision; /* run()'s, if it learned one; 0: no */
	struct error err;
};

/* The `done` of a job comes behind those of the jobs before it. */
void store_access_submit(struct store_access *s, struct loop *loop, struct store_job *j);
