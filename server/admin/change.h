/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Changes of what is stored, one at a time. What a change takes away is in force before it is written: revoking
 * must not depend on a disk. What it gives is written before it is in force: a right that a crash takes back
 * must not have been used. The answer comes when it is stored and every worker knows.
 *
 *	checked against the catalog    refusals end here
 *	what it takes away            into the catalog, and enforced
 *	committed                     on the store's helper thread
 *	what it gives                 into the catalog, and enforced
 *
 * A commit that fails leaves in force what was taken away, and is tried again every CHANGE_RETRY; what was to be
 * given is refused.
 */
#include "server/admin/operation.h"
#include "server/control/enforce.h"
#include "server/store/store_access.h"

/* Under way or waiting. A disk does hundreds in a second, so the last one waits for some seconds. */
#define CHANGE_QUEUE_MAX 1024
/* Between two tries to store what is in force already: a full disk is not made room on faster. */
#define CHANGE_RETRY     (10 * CLOCK_S)

struct change;

struct change_ops {
	/*
	 * Its turn has come: looks at the catalog, and adds rows and a note; or refuses the request and returns
	 * false.
	 */
	bool (*check)(struct change *c);
	/* It is stored and in force: answers the request. */
	void (*answer)(struct change *c);
	/* The last call. */
	void (*free)(struct change *c);
};

struct change_rows {
	struct store_row *v; /* owned, with what their values own */
	size_t n, room;
};

struct change {
	struct list link; /* changes::waiting, changes::unstored */
	const struct change_ops *ops;
	struct admin *admin;
	struct admin_request *request; /* NULL: it was answered, or the process ends */
	struct admin_actor actor;      /* the request's */
	struct change_rows rows;       /* what is to be */
	struct change_rows narrowed;   /* of it what is in force before it is stored; may be none */
	bool gives;                    /* `rows` give more than `narrowed` */
	struct store_note note;        /* `subject` and `detail` are owned */
	unsigned sessions, streams;    /* that were ended */
	bool keep_live;                /* streams that a new deny would cut go on */
	unsigned cut;                  /* streams of endpoints that were */
	unsigned parts;                /* under way: the commit, and what is enforced */
	enum { CHANGE_STORED, CHANGE_NOT_STORED, CHANGE_FAILED } outcome;
	struct store_job job;
	struct enforcement narrowing, giving;
};

struct changes {
	struct list waiting, unstored; /* of struct change */
	unsigned n;                    /* of changes that were begun, and are not answered */
	struct change *current;
	struct change *storing; /* the one of `unstored` that is tried again */
	struct loop_timer retry;
};

/* NULL: memory is out. */
struct changes *changes_new(struct loop *loop);
/* Nothing is tried any more, and what was in force without being stored is told. */
void changes_close(struct changes *q);
/* When no job and no broadcast of a change can come back. Accepts NULL; returns NULL. */
struct changes *changes_free(struct changes *q);

/*
 * A request that will become a change: `c` is in zeroed memory. False: there are too many, and it was refused;
 * `c` was freed.
 */
bool change_begin(struct change *c, struct admin_request *rq, const struct change_ops *ops);
/* It waits for its turn from now on. */
void change_submit(struct change *c);
/* Instead of that: the request is answered, or to be forgotten. Frees it. */
void change_give_up(struct change *c);

/* ---- For check() ---- */

/* A zeroed row behind the others. NULL: memory is out, and the request was refused. */
struct store_row *change_add(struct change *c, struct change_rows *rows, enum store_kind kind);
/* `action` is a constant; takes `detail`, an object. */
bool change_note(struct change *c, const char *action, const char *subject, json_t *detail);
/* Memory is out. Returns false. */
bool change_no_memory(struct change *c);
