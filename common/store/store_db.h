/* SPDX-License-Identifier: MIT */
#pragma once
/* The connection to SQLite, and the few ways in which it is spoken to. For the files of this room alone. */
#include <pthread.h>

#include "store/store_table.h"

struct sqlite3;
struct sqlite3_stmt;

struct store {
	struct sqlite3 *db;
	char *path;           /* owned */
	pthread_mutex_t lock; /* of every call: a transaction is one caller's */
	struct hash_key salt; /* of digests: meta's salt */
	struct buf scratch;   /* for digests */
};

/* Opens a file that is there, and reads nothing of it yet. `s` has its path. */
int store_db_open(struct store *s, const char *path, struct error *err);

/* The sentence for the call that failed last, and -errno for it. */
int store_db_fail(struct store *s, struct error *err);

/* -EIO; `why`: what does not fit. */
int store_db_damaged(struct store *s, struct error *err, const char *why);

/* Statements whose rows nobody wants. */
int store_db_run(struct store *s, const char *sql, struct error *err);

int store_db_prepare(struct store *s, const char *sql, struct sqlite3_stmt **out,
	struct error *err);

/* STORE_DB_ROW: there is a row; 0: no more; -errno with a sentence. */
#define STORE_DB_ROW 1
int store_db_step(struct store *s, struct sqlite3_stmt *statement, struct error *err);

void store_db_finalize(struct sqlite3_stmt **statement);
#define auto_statement __attribute__((cleanup(store_db_finalize)))

/* The first column of the only row, which must be a number. */
int store_db_number(struct store *s, const char *sql, uint64_t *out, struct error *err);

int store_db_bind(struct sqlite3_stmt *statement, int at, const struct store_value *v);
struct store_value store_db_column(struct sqlite3_stmt *statement, int at);

/*
 * The row of a kind with this key, as store_value_get() gives it: STORE_DB_ROW; 0: there is none; -errno.
 * `*statement` is NULL before the first of the kind, and to be finalized behind the last. The row is deinited in any
 * case.
 */
int store_read_one(struct store *s, enum store_kind kind, const struct store_value *key,
	struct sqlite3_stmt **statement, struct store_row *row, struct error *err);

/* A value of meta; STORE_VALUE_NULL if there is none. `*statement_out` holds what it points to. */
int store_db_meta(struct store *s, const char *name, struct sqlite3_stmt **statement_out,
	struct store_value *out, struct error *err);
int store_db_set_meta(struct store *s, const char *name, const void *value, size_t n,
	struct error *err);

/*
 * A transaction. The end commits after 0 and takes everything back after anything else; it returns `r`, or why
 * it could not be committed.
 */
int store_db_begin(struct store *s, struct error *err);
int store_db_end(struct store *s, int r, struct error *err);

/* Closes and frees. Accepts NULL. */
void store_db_free(struct store *s);
