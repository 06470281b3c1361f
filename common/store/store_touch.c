/* SPDX-License-Identifier: MIT */
/* What nothing depends on: when credentials were used. */
#include <errno.h>

#include <sqlite3.h>

#include "store/store_db.h"

struct touch {
	struct store *s;
	struct sqlite3_stmt *select, *update;
	struct error *err;
};

static int write_use(struct touch *t, const struct store_row *row)
{
	uint64_t digest;
	if (store_digest(row, row->rev, &t->s->salt, &t->s->scratch, &digest))
		return error_set(t->err, -ENOMEM, "no memory for what the store is to keep");
	sqlite3_reset(t->update);
	sqlite3_bind_int64(t->update, 1, (sqlite3_int64)row->credential.last_used_at);
	sqlite3_bind_int64(t->update, 2, (sqlite3_int64)digest);
	sqlite3_bind_blob(t->update, 3, row->credential.key_id, TOKEN_ID_SIZE, SQLITE_STATIC);
	return store_db_step(t->s, t->update, t->err);
}

/* Every other value stays as the file has it, whatever its caller's memory knows that is not stored yet. */
static int touch_one(struct touch *t, const struct store_use *use)
{
	struct store_row row;
	int r = store_read_credential(t->s, use->key_id, &t->select, &row, t->err);
	if (r == STORE_DB_ROW) {
		row.credential.last_used_at = use->at;
		r = write_use(t, &row);
	}
	store_row_deinit(&row);
	return r;
}

static int touch_all(struct touch *t, const struct store_use *uses, size_t n)
{
	int r = store_db_prepare(t->s,
		"UPDATE credentials SET last_used_at = ?, digest = ? WHERE key_id = ?", &t->update,
		t->err);
	for (size_t i = 0; !r && i < n; i++)
		r = touch_one(t, &uses[i]);
	store_db_finalize(&t->select);
	store_db_finalize(&t->update);
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
