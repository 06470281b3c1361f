/* SPDX-License-Identifier: MIT */
/* What nothing depends on: when credentials and endpoints were used. */
#include <errno.h>
#include <stdio.h>

#include <sqlite3.h>

#include "store/store_db.h"

struct touch {
	struct store *s;
	struct sqlite3_stmt *select[STORE_KINDS], *update[STORE_KINDS];
	struct error *err;
};

static int ready(struct touch *t, enum store_kind kind)
{
	const struct store_table *table = &store_tables[kind];
	char sql[128];
	if (t->update[kind]) {
		sqlite3_reset(t->update[kind]);
		return 0;
	}
	snprintf(sql, sizeof sql, "UPDATE %s SET last_used_at = ?, digest = ? WHERE %s = ?",
		table->name, table->columns[0].name);
	return store_db_prepare(t->s, sql, &t->update[kind], t->err);
}

static int write_use(struct touch *t, const struct store_row *row, uint64_t at)
{
	struct store_value key = store_value_get(&store_tables[row->kind].columns[0], row);
	uint64_t digest;
	if (store_digest(row, row->rev, &t->s->salt, &t->s->scratch, &digest))
		return error_set(t->err, -ENOMEM, "no memory for what the store is to keep");
	int r = ready(t, row->kind);
	if (r)
		return r;
	struct sqlite3_stmt *update = t->update[row->kind];
	sqlite3_bind_int64(update, 1, (sqlite3_int64)at);
	sqlite3_bind_int64(update, 2, (sqlite3_int64)digest);
	store_db_bind(update, 3, &key);
	return store_db_step(t->s, update, t->err);
}

static struct store_value key_of(const struct store_use *use)
{
	if (use->kind == STORE_ENDPOINT)
		return (struct store_value){.type = STORE_VALUE_NUMBER, .number = use->endpoint};
	return (struct store_value){.type = STORE_VALUE_BYTES,
		.p = use->key_id,
		.n = TOKEN_ID_SIZE};
}

static void set_last_used(struct store_row *row, uint64_t at)
{
	if (row->kind == STORE_ENDPOINT)
		row->endpoint.last_used_at = at;
	else
		row->credential.last_used_at = at;
}

/* Every other value stays as the file has it, whatever its caller's memory knows that is not stored yet. */
static int touch_one(struct touch *t, const struct store_use *use)
{
	struct store_value key = key_of(use);
	struct store_row row;
	int r = store_read_one(t->s, use->kind, &key, &t->select[use->kind], &row, t->err);
	if (r == STORE_DB_ROW) {
		set_last_used(&row, use->at);
		r = write_use(t, &row, use->at);
	}
	store_row_deinit(&row);
	return r;
}

static int touch_all(struct touch *t, const struct store_use *uses, size_t n)
{
	int r = 0;
	for (size_t i = 0; !r && i < n; i++)
		r = touch_one(t, &uses[i]);
	for (enum store_kind kind = 0; kind < STORE_KINDS; kind++) {
		store_db_finalize(&t->select[kind]);
		store_db_finalize(&t->update[kind]);
	}
	return r;
}

int store_touch(struct store *s, const struct store_use *uses, size_t n, struct error *err)
{
	struct touch t = {.s = s, .err = err};
	pthread_mutex_lock(&s->lock);
	int r = store_db_begin(s, err);
	if (!r)
		r = store_db_end(s, touch_all(&t, uses, n), err);
	pthread_mutex_unlock(&s->lock);
	return r;
}
