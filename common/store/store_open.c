/* SPDX-License-Identifier: MIT */
/* From a path to a store whose every page has been looked at. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/cleanup.h"
#include "crypto/random.h"
#include "store/store_db.h"
#include "store/store_file.h"
#include "store/store_migrate.h"
#include "store/store_schema.h"

_Static_assert(HASH_KEY_SIZE == TOKEN_SALT_SIZE, "digests are made under the salt");

/*
 * One program has the file: nobody else reads what is half changed, and there is no shared memory beside it.
 * What SQLite would put into a temporary file stays in memory, and its cache is small: rows are read once.
 */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA cache_size = -256;" /* KiB */
			       "PRAGMA trusted_schema = OFF;"
			       "PRAGMA cell_size_check = ON;";

/*
 * Durable when a commit returns, also at a power cut; what is deleted, a revoked key above all, is overwritten.
 */
static const char promises[] = "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = FULL;"
			       "PRAGMA foreign_keys = ON;"
			       "PRAGMA secure_delete = ON;";

static struct store *store_new(const char *path)
{
	struct store *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	s->path = strdup(path);
	if (s->path)
		return s;
	store_db_free(s);
	return NULL;
}

/* ---- A new one ---- */

static int fill(struct store *s, const uint8_t *salt, struct error *err)
{
	uint8_t instance[STORE_INSTANCE_SIZE];
	random_bytes(instance, sizeof instance);
	if (salt)
		memcpy(s->salt.bytes, salt, TOKEN_SALT_SIZE);
	else
		random_bytes(s->salt.bytes, TOKEN_SALT_SIZE);
	/* A file that is not whole is never looked at again, so it needs no journal. */
	int r = store_db_run(s, "PRAGMA journal_mode = MEMORY", err);
	r = r ? r : store_migrate(s, store_scripts, 0, STORE_VERSION, err);
	r = r ? r : store_db_set_meta(s, STORE_META_SALT, s->salt.bytes, TOKEN_SALT_SIZE, err);
	return r ? r : store_db_set_meta(s, STORE_META_INSTANCE, instance, sizeof instance, err);
}

static int make_new(const char *where, const uint8_t *salt, struct error *err)
{
	struct store_file f;
	int r = store_file_make(&f, where, err);
	if (r)
		return r;
	struct store *s = store_new(where);
	r = s ? store_db_open(s, f.part, err) : error_set(err, -ENOMEM, "no memory for the store");
	r = r ? r : fill(s, salt, err);
	store_db_free(s);
	if (!r)
		return store_file_place(&f, false, err);
	store_file_drop(&f);
	return r;
}

/* ---- One that is there ---- */

static int refuse_newer(struct store *s, uint64_t version, struct error *err)
{
	auto_statement struct sqlite3_stmt *statement = NULL;
	struct store_value v = {.type = STORE_VALUE_NULL};
	struct error ignored;
	if (store_db_meta(s, STORE_META_PROGRAM, &statement, &v, &ignored) ||
		v.type != STORE_VALUE_BYTES)
		v = (struct store_value){.p = "unknown", .n = strlen("unknown")};
	return error_set(err, -EINVAL,
		"the store %s has version %u of the format, and this program knows versions up to "
		"%d: "
		"it was written by tunnel %.*s",
		s->path, (unsigned)version, STORE_VERSION, (int)v.n, (const char *)v.p);
}

/* That all pages are where they belong and all rows are of their types. */
static int quick_check(struct store *s, const char *pragma, struct error *err)
{
	auto_statement struct sqlite3_stmt *statement = NULL;
	int r = store_db_prepare(s, pragma, &statement, err);
	r = r ? r : store_db_step(s, statement, err);
	if (r < 0)
		return r;
	const char *text = (const char *)sqlite3_column_text(statement, 0);
	if (r == STORE_DB_ROW && text && strcmp(text, "ok") == 0)
		return 0;
	return store_db_damaged(s, err, text ? text : "it cannot be checked");
}

static int check_salt(struct store *s, const uint8_t *salt, struct error *err)
{
	auto_statement struct sqlite3_stmt *statement = NULL;
	struct store_value v;
	char hex[2 * TOKEN_SALT_SIZE + 1];
	int r = store_db_meta(s, STORE_META_SALT, &statement, &v, err);
	if (r)
		return r;
	if (v.type != STORE_VALUE_BYTES || v.n != TOKEN_SALT_SIZE)
		return store_db_damaged(s, err, "its salt is missing");
	memcpy(s->salt.bytes, v.p, TOKEN_SALT_SIZE);
	if (!salt || memcmp(salt, v.p, TOKEN_SALT_SIZE) == 0)
		return 0;
	for (size_t i = 0; i < TOKEN_SALT_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", s->salt.bytes[i]);
	return error_set(err, -EINVAL,
		"the store %s was made with another salt than the state directory has, as if they "
		"had "
		"been restored from two backups: its tokens work where the file \"salt\" says %s",
		s->path, hex);
}

static int open_there(struct store *s, const uint8_t *salt, struct error *err)
{
	uint64_t version;
	int r = store_db_open(s, s->path, err);
	r = r ? r : store_db_run(s, settings, err);
	r = r ? r : store_db_number(s, "PRAGMA user_version", &version, err);
	if (r)
		return r;
	if (version > STORE_VERSION)
		return refuse_newer(s, version, err);
	/* A store has its version from its first moment on. */
	if (version == 0)
		return store_db_damaged(s, err, "it has no version");
	r = quick_check(s, "PRAGMA quick_check(1)", err);
	r = r ? r : store_db_run(s, promises, err);
	r = r ? r : check_salt(s, salt, err);
	return r ? r : store_migrate(s, store_scripts, (unsigned)version, STORE_VERSION, err);
}

int store_open(struct store **out, const char *where, const uint8_t *salt, bool make,
	struct error *err)
{
	int r = store_file_check(where, err);
	if (r == STORE_NONE && !make)
		return STORE_NONE;
	if (r == STORE_NONE)
		r = make_new(where, salt, err);
	if (r)
		return r;
	struct store *s = store_new(where);
	r = s ? open_there(s, salt, err) : error_set(err, -ENOMEM, "no memory for the store");
	if (!r)
		*out = s;
	else
		store_db_free(s);
	return r;
}

void store_close(struct store *s)
{
	store_db_free(s);
}

int store_wait(struct store *s, uint64_t deadline)
{
	return -ENOTSUP;
}

/* ---- All of it ---- */

static void ignore_row(void *arg, const struct store_row *row)
{
}

int store_check(struct store *s, struct error *err)
{
	uint64_t rev;
	pthread_mutex_lock(&s->lock);
	int r = quick_check(s, "PRAGMA integrity_check(1)", err);
	if (!r) {
		auto_statement struct sqlite3_stmt *statement = NULL;
		r = store_db_prepare(s, "PRAGMA foreign_key_check", &statement, err);
		r = r ? r : store_db_step(s, statement, err);
		if (r == STORE_DB_ROW)
			r = store_db_damaged(s, err, "a row belongs to one that is not there");
	}
	pthread_mutex_unlock(&s->lock);
	return r ? r : store_read(s, 0, ignore_row, NULL, &rev, err);
}
