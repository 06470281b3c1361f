/* SPDX-License-Identifier: MIT */
#include "store/store_copy.h"

#include <errno.h>

#include <sqlite3.h>

#include "store/store_file.h"
#include "store/store_links.h"

/* Whoever takes a copy for the store has link ids in it that were given since. */
static int skip_links(const struct store *s, const char *file, struct error *err)
{
	struct store copy = {.path = (char *)(uintptr_t)file, .salt = s->salt};
	int r = store_db_open(&copy, file, err);
	/* A file that is not whole is never looked at again, so it needs no journal. */
	r = r ? r : store_db_run(&copy, "PRAGMA journal_mode = MEMORY", err);
	r = r ? r : store_links_skip(&copy, err);
	sqlite3_close(copy.db);
	buf_deinit(&copy.scratch);
	return r;
}

int store_copy(struct store *s, const char *file, bool replace, struct error *err)
{
	struct store_file f;
	auto_statement struct sqlite3_stmt *statement = NULL;
	int r = store_file_make(&f, file, err);
	if (r)
		return r;
	/* Into a file that is there and empty, so that its mode is ours from the first byte on. */
	r = store_db_prepare(s, "VACUUM INTO ?", &statement, err);
	if (!r) {
		sqlite3_bind_text(statement, 1, f.part, -1, SQLITE_STATIC);
		r = store_db_step(s, statement, err);
	}
	r = r ? r : skip_links(s, f.part, err);
	if (r) {
		error_prefix(err, "the copy %s cannot be made", file);
		store_file_drop(&f);
		return r;
	}
	return store_file_place(&f, replace, err);
}

int store_backup(struct store *s, const char *file, struct error *err)
{
	pthread_mutex_lock(&s->lock);
	int r = store_copy(s, file, false, err);
	pthread_mutex_unlock(&s->lock);
	return r;
}
