/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Everything that survives the process: identities, their credentials, intentions, private services and endpoints,
 * the roots of the certificate authority, with a revision for each change and the audit of all of them. Seven
 * functions, which know rows and no SQL, so that another engine can stand behind them; today it is SQLite, in one
 * file of the state directory. Who opens it holds the lock of that directory (store/store_lock.h).
 *
 * Any thread may call, one after the other. Every call may block for as long as a disk takes: none is for the
 * thread of an event loop.
 *
 * Each row carries a digest, so a byte that changed in the file is never another grant: it is a refusal.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "policy/endpoint.h"
#include "policy/identity.h"
#include "policy/intention.h"
#include "policy/root.h"

/* The file in the state directory. */
#define STORE_FILE "store.db"

/* Numbers of the store: they never change. */
enum store_kind {
	STORE_META,
	STORE_IDENTITY,
	STORE_CREDENTIAL,
	STORE_INTENTION,
	STORE_SERVICE,
	STORE_ENDPOINT,
	STORE_ROOT,
	STORE_KINDS
};

/* Names of rows of STORE_META, which a new store has. */
#define STORE_META_SALT     "salt"     /* TOKEN_SALT_SIZE bytes */
#define STORE_META_INSTANCE "instance" /* STORE_INSTANCE_SIZE random bytes */
#define STORE_META_PROGRAM \
	"program" /* the version of the program that gave the file its form, a text */

/*
 * The link id that the next endpoint gets, a decimal number: it counts up with each that is stored, also when those
 * are gone, and by STORE_LINKS_SKIPPED in a copy, which may be used when the original has given more.
 */
#define STORE_META_NEXT_LINK "next_link"
#define STORE_LINKS_SKIPPED  (1 << 20)

#define STORE_INSTANCE_SIZE 16 /* bytes: two stores never have the same (128 random bits) */

/* Texts are borrowed for the call. */
struct store_row {
	enum store_kind kind;
	bool gone;    /* deleted, or to be deleted: of the value its key counts alone */
	uint64_t rev; /* of the row as it was read; 0: it must not be there. Meta rows have none */
	union {
		struct policy_meta meta;
		struct policy_identity identity;
		struct {
			struct policy_credential credential;
			uint8_t psk
				[TOKEN_PSK_SIZE]; /* its key; zeros when it is revoked: none is kept then */
		};
		struct policy_intention intention;
		struct policy_private_service service;
		struct policy_endpoint endpoint;
		struct policy_root root;
	};
};

/* Frees what the values of a row own, and wipes it. */
void store_row_deinit(struct store_row *row);

/* Whether both are about one thing: the same kind and key. */
bool store_row_same(const struct store_row *a, const struct store_row *b);

/* Where the value itself has its revision. */
uint64_t *store_row_rev(struct store_row *row);

/* The number in a row of meta that is STORE_META_NEXT_LINK; 0: the row is another. */
uint64_t store_row_next_link(const struct store_row *row);

/* What the audit has of a change. */
struct store_note {
	const char *actor, *via, *action, *subject;
	const char *detail; /* a JSON object */
};

/*
 * What it keeps. A year, which is what most rules about such records ask for, and a month to look at it; and
 * rows of some 300 bytes, so that a program that changes something each second fills no disk: 300 MB.
 */
#define STORE_AUDIT_AGE   (400ull * 24 * 60 * 60 * 1000 * 1000) /* µs */
#define STORE_AUDIT_ROWS  1000000
/* Of those beyond it, as many go with each row that comes. */
#define STORE_AUDIT_SWEEP 16

struct store_audit_row {
	uint64_t id;
	uint64_t at; /* of policy/timestamp.h */
	struct store_note note;
};

/* 0 in any of these: no such bound. */
struct store_audit_query {
	uint64_t before, after; /* ids, which are not among the answers */
	uint64_t since;         /* a time */
	size_t n;               /* rows at most */
	bool oldest_first;
};

struct store;

typedef void store_row_fn(void *arg, const struct store_row *row);
typedef void store_audit_fn(void *arg, const struct store_audit_row *row);

/* Outcome of store_open(): there is none, and none was to be made. */
#define STORE_NONE 1

/*
 * Opens the store at a path. With `make` one that is not there is made, mode 0600, whole or not at all, and has
 * this salt; one that is there must have it. NULL: any, and a new one draws it.
 * -EINVAL, -EIO, -EBUSY, …, each with a sentence: it is damaged, a newer version's, another salt's, others can
 * read it, another program has it open.
 */
int store_open(struct store **out, const char *where, const uint8_t *salt, bool make,
	struct error *err);

/*
 * Every row that changed behind revision `since` (0: all that are there, and none that is gone), in the order
 * of kinds, meta rows each time; then the revision that this is. -EIO with a sentence: what was passed until
 * then does not count.
 */
int store_read(struct store *s, uint64_t since, store_row_fn *row, void *arg, uint64_t *rev_out,
	struct error *err);

/* Outcome of store_commit(): a row is not as it was read, nothing has changed. */
#define STORE_STALE 1

/*
 * Writes the rows and, unless it is NULL, the note: all or nothing, and durable when this returns 0; each row
 * then has revision `*rev_out`. What is new brings its id, an endpoint its link id besides, which must not have been
 * given before. What is deleted takes along what belongs to it: with an identity go its credentials, its private
 * services, the endpoints at those and its own. A private service whose row is marked deleted goes with its last
 * endpoint, or at once.
 * -EINVAL for a value that cannot be kept; -ENOSPC, -EIO, -ENOMEM: nothing has changed, but that what a broken
 * disk neither synced nor let us take back may be there after the next start, whole. All with a sentence.
 */
int store_commit(struct store *s, const struct store_row *rows, size_t n,
	const struct store_note *note, uint64_t *rev_out, struct error *err);

/* When a credential or an endpoint was used last. */
struct store_use {
	enum store_kind kind; /* STORE_CREDENTIAL, STORE_ENDPOINT */
	union {
		uint8_t key_id[TOKEN_ID_SIZE];
		uint64_t endpoint; /* its id */
	};
	uint64_t at;
};

/*
 * Writes `last_used_at` of those that are there, all or none. It is no change: no row has another
 * revision by it, and the audit does not have it.
 */
int store_touch(struct store *s, const struct store_use *uses, size_t n, struct error *err);

/*
 * Waits until another process has changed something, at most until `deadline` of the monotonic clock. -ENOTSUP
 * at once where no other process can, as here.
 */
int store_wait(struct store *s, uint64_t deadline);

/* Newest first, unless the query says otherwise. */
int store_audit(struct store *s, const struct store_audit_query *query, store_audit_fn *row,
	void *arg, struct error *err);

/* Accepts NULL. */
void store_close(struct store *s);

/* ---- For commands ---- */

/*
 * A copy as it is now, in a new file of mode 0600: all of it or none. It is worth as much as the tokens are.
 * -EEXIST where there is a file of this name.
 */
int store_backup(struct store *s, const char *file, struct error *err);

/* Reads every byte and holds it against every other, which takes longer than what each open does. */
int store_check(struct store *s, struct error *err);
