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
 * given is refused, but for change::volatile_will_do where there is no directory to keep anything in. Whoever wants a change embeds it: a request of the admin API (server/admin/admin_change), or
 * what a client asks for. All on the main thread.
 */
#include "server/control/enforce.h"
#include "server/store/store_access.h"

/* Under way or waiting. A disk does hundreds in a second, so the last one waits for some seconds. */
#define CHANGE_QUEUE_MAX 1024
/* Between two tries to store what is in force already: a full disk is not made room on faster. */
#define CHANGE_RETRY     (10 * CLOCK_S)

struct change;

enum change_refusal {
	CHANGE_NO_MEMORY,  /* nothing has changed */
	CHANGE_STALE,      /* likewise: what it is about was changed by another meanwhile */
	CHANGE_NOT_MADE,   /* likewise: it cannot be stored */
	CHANGE_NOT_STORED, /* what it takes away is in force, and not stored */
};

struct change_ops {
	/* Whether whoever wants it may have it still; else it was refused. NULL: nobody has to be asked. */
	bool (*may)(struct change *c);
	/* Its turn has come: looks at the catalog, and adds rows and a note; or refuses, and returns false. */
	bool (*check)(struct change *c);
	/* It is stored and in force. May come before change_submit() has returned. */
	void (*answer)(struct change *c);
	/* Instead of that; may come before check() has returned. `sentence` is borrowed. */
	void (*refuse)(struct change *c, enum change_refusal why, const char *sentence);
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
	struct changes *queue;       /* NULL: it is counted in none */
	bool unheard;                /* nobody wants the answer any more */
	struct change_rows rows;     /* what is to be */
	struct change_rows narrowed; /* of it what is in force before it is stored; may be none */
	bool gives;                  /* `rows` give more than `narrowed` */
	bool volatile_will_do;       /* where nothing can be kept at all, it holds until the end */
	/* `actor` and `via` are its owner's, until free(); `subject` and `detail` are owned */
	struct store_note note;
	unsigned sessions, streams; /* that were ended */
	bool keep_live;             /* streams that a new deny would cut go on */
	unsigned cut;               /* streams of endpoints that were */
	unsigned parts;             /* under way: the commit, and what is enforced */
	enum { CHANGE_STORED, CHANGE_UNSTORED, CHANGE_FAILED } outcome;
	struct store_job job;
	struct enforcement narrowing, giving;
};

struct changes {
	struct loop *loop;
	struct catalog *catalog;
	struct store_access *store;
	struct registrar *registrar;   /* NULL: nothing lives that a change could concern */
	struct list waiting, unstored; /* of struct change */
	unsigned n;                    /* of changes that were begun, and are not answered */
	struct change *current;
	struct change *storing; /* the one of `unstored` that is tried again */
	struct loop_timer retry;
};

/* What it is given must outlive it. NULL: memory is out. */
struct changes *changes_new(struct loop *loop, struct catalog *catalog, struct store_access *store,
	struct registrar *registrar);
/* Nothing is tried any more, and what was in force without being stored is told. */
void changes_close(struct changes *q);
/* When no job and no broadcast of a change can come back. Accepts NULL; returns NULL. */
struct changes *changes_free(struct changes *q);

/* `c` is in zeroed memory. False: there are too many, and nothing has happened. */
bool change_begin(struct change *c, struct changes *q, const struct change_ops *ops);
/* It waits for its turn from now on. */
void change_submit(struct change *c);
/* Instead of that: frees it. */
void change_give_up(struct change *c);
/* Nobody wants the answer any more: one that still waits for its turn is freed. */
void change_forget(struct change *c);

/* ---- For check() ---- */

/* A zeroed row behind the others. NULL: memory is out, and it was refused. */
struct store_row *change_add(struct change *c, struct change_rows *rows, enum store_kind kind);
/* `action` is a constant; takes `detail`, a JSON object's text from malloc(). NULL: memory is out. */
bool change_note(struct change *c, const char *action, const char *subject, char *detail);
/* Memory is out: it is refused. Returns false. */
bool change_no_memory(struct change *c);
