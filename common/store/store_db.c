/* SPDX-License-Identifier: MIT */
#include "store/store_db.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/cleanup.h"
#include "base/file_error.h"

/* ---- Failures ---- */

static int code_of(struct sqlite3 *db)
{
	int rc = sqlite3_extended_errcode(db), cause = sqlite3_system_errno(db);
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_IOERR:
		if (rc == SQLITE_IOERR_NOMEM)
			return -ENOMEM;
		return cause == ENOSPC || cause == EDQUOT ? -cause : -EIO;
	default:
		return -EIO;
	}
}

int store_db_damaged(struct store *s, struct error *err, const char *why)
{
	return error_set(err, -EIO,
		"the store %s is damaged (%s): put a backup in its place, and remove %s-wal if it "
		"is there",
		s->path, why, s->path);
}

static int fail_to_open(struct store *s, struct error *err)
{
	char log[PATH_MAX];
	snprintf(log, sizeof log, "%s-wal", s->path);
	int r = file_may_write(log);
	if (r)
		return file_error(err, r, log, FILE_WRITE, "%s cannot be made", log);
	return error_set(err, -EIO, "%s can be neither made nor opened: is its device full?", log);
}

int store_db_fail(struct store *s, struct error *err)
{
	int code = code_of(s->db), rc = sqlite3_errcode(s->db);
	if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
		return store_db_damaged(s, err, sqlite3_errmsg(s->db));
	if (code == -EBUSY)
		return error_set(err, code, "the store %s is open in another program", s->path);
	/* The file itself is there, as store_file_check() has seen. */
	if (rc == SQLITE_CANTOPEN)
		return fail_to_open(s, err);
	if (code == -EIO)
		return error_set(err, code, "the store %s cannot be read or written: %s", s->path,
			sqlite3_errmsg(s->db));
	return error_set(err, code, "the store %s cannot be read or written: %s", s->path,
		strerror(-code));
}

/* ---- Statements ---- */

int store_db_open(struct store *s, const char *path, struct error *err)
{
	/* Debian's SQLite takes "file:…" for a URL. */
	auto_free char *name = NULL;
	if (asprintf(&name, "%s%s", path[0] == '/' ? "" : "./", path) < 0) {
		name = NULL;
		return error_set(err, -ENOMEM, "no memory for the store %s", path);
	}
	int rc = sqlite3_open_v2(name, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL);
	if (!s->db)
		return error_set(err, -ENOMEM, "no memory for the store %s", path);
	if (rc != SQLITE_OK)
		return store_db_fail(s, err);
	sqlite3_extended_result_codes(s->db, 1);
	return 0;
}

int store_db_run(struct store *s, const char *sql, struct error *err)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_db_fail(s, err);
}

int store_db_prepare(struct store *s, const char *sql, struct sqlite3_stmt **out, struct error *err)
{
	return sqlite3_prepare_v2(s->db, sql, -1, out, NULL) == SQLITE_OK ? 0
									  : store_db_fail(s, err);
}

int store_db_step(struct store *s, struct sqlite3_stmt *statement, struct error *err)
{
	int rc = sqlite3_step(statement);
	return rc == SQLITE_ROW ? STORE_DB_ROW : rc == SQLITE_DONE ? 0 : store_db_fail(s, err);
}

void store_db_finalize(struct sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
	*statement = NULL;
}

int store_db_number(struct store *s, const char *sql, uint64_t *out, struct error *err)
{
	auto_statement struct sqlite3_stmt *statement = NULL;
	int r = store_db_prepare(s, sql, &statement, err);
	r = r ? r : store_db_step(s, statement, err);
	if (r < 0)
		return r;
	if (r != STORE_DB_ROW || sqlite3_column_type(statement, 0) != SQLITE_INTEGER)
		return store_db_damaged(s, err, "a number is missing");
	*out = (uint64_t)sqlite3_column_int64(statement, 0);
	return 0;
}

/* ---- Values ---- */

int store_db_bind(struct sqlite3_stmt *statement, int at, const struct store_value *v)
{
	switch (v->type) {
	case STORE_VALUE_NUMBER:
		return sqlite3_bind_int64(statement, at, (sqlite3_int64)v->number);
	case STORE_VALUE_TEXT:
		return sqlite3_bind_text(statement, at, v->p, (int)v->n, SQLITE_STATIC);
	case STORE_VALUE_BYTES:
		/* NULL would be null, not empty. */
		return sqlite3_bind_blob(statement, at, v->p ? v->p : "", (int)v->n, SQLITE_STATIC);
	case STORE_VALUE_NULL:
		break;
	}
	return sqlite3_bind_null(statement, at);
}

struct store_value store_db_column(struct sqlite3_stmt *statement, int at)
{
	struct store_value v = {.type = STORE_VALUE_NULL};
	switch (sqlite3_column_type(statement, at)) {
	case SQLITE_INTEGER:
		v.type = STORE_VALUE_NUMBER;
		v.number = (uint64_t)sqlite3_column_int64(statement, at);
		break;
	case SQLITE_TEXT:
		v.type = STORE_VALUE_TEXT;
		v.p = sqlite3_column_text(statement, at);
		v.n = v.p ? (size_t)sqlite3_column_bytes(statement, at) : 0;
		break;
	case SQLITE_BLOB:
		v.type = STORE_VALUE_BYTES;
		v.p = sqlite3_column_blob(statement, at);
		v.n = v.p ? (size_t)sqlite3_column_bytes(statement, at) : 0;
		break;
	default: /* no column is of floats: no row is either, then */
		break;
	}
	return v;
}

int store_db_meta(struct store *s, const char *name, struct sqlite3_stmt **statement_out,
	struct store_value *out, struct error *err)
{
	int r = store_db_prepare(s, "SELECT value FROM meta WHERE name = ?", statement_out, err);
	if (r)
		return r;
	sqlite3_bind_text(*statement_out, 1, name, -1, SQLITE_STATIC);
	r = store_db_step(s, *statement_out, err);
	if (r < 0)
		return r;
	*out = r == STORE_DB_ROW ? store_db_column(*statement_out, 0)
				 : (struct store_value){.type = STORE_VALUE_NULL};
	return 0;
}

int store_db_set_meta(struct store *s, const char *name, const void *value, size_t n,
	struct error *err)
{
	auto_statement struct sqlite3_stmt *statement = NULL;
	struct store_value v = {.type = STORE_VALUE_BYTES, .p = value, .n = n};
	struct store_row row = {.kind = STORE_META};
	uint64_t digest;
	row.meta = (struct policy_meta){(char *)(uintptr_t)name, (void *)(uintptr_t)value, n};
	int r = store_db_prepare(s, "INSERT OR REPLACE INTO meta VALUES (?, ?, ?)", &statement,
		err);
	if (r)
		return r;
	if (store_digest(&row, 0, &s->salt, &s->scratch, &digest))
		return error_set(err, -ENOMEM, "no memory for what the store is to keep");
	sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	store_db_bind(statement, 2, &v);
	sqlite3_bind_int64(statement, 3, (sqlite3_int64)digest);
	return store_db_step(s, statement, err);
}

/* ---- Transactions ---- */

int store_db_begin(struct store *s, struct error *err)
{
	int moved = 0;
	/* SQLite goes on with the file that it has open, which nobody would find again. */
	sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	if (moved)
		return error_set(err, -ESTALE,
			"the store %s was removed or replaced while it was in use: what is written "
			"now would be lost; start the server anew",
			s->path);
	return store_db_run(s, "BEGIN IMMEDIATE", err);
}

int store_db_end(struct store *s, int r, struct error *err)
{
	if (!r)
		r = store_db_run(s, "COMMIT", err);
	/* Some failures have taken it back already. */
	if (r && !sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

void store_db_free(struct store *s)
{
	if (!s)
		return;
	sqlite3_close(s->db);
	pthread_mutex_destroy(&s->lock);
	buf_deinit(&s->scratch);
	free(s->path);
	free(s);
}
