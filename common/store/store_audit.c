/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include <sqlite3.h>

#include "store/store_db.h"

static const char *text_at(struct sqlite3_stmt *statement, int at)
{
	const char *text = (const char *)sqlite3_column_text(statement, at);
	return text ? text : "";
}

static int audit(struct store *s, const struct store_audit_query *q, store_audit_fn *row, void *arg,
	struct error *err)
{
	char sql[256];
	auto_statement struct sqlite3_stmt *statement = NULL;
	snprintf(sql, sizeof sql,
		"SELECT id, at, actor, via, action, subject, detail FROM audit "
		"WHERE id < ?1 AND id > ?2 AND at >= ?3 ORDER BY id %s LIMIT ?4",
		q->oldest_first ? "ASC" : "DESC");
	int r = store_db_prepare(s, sql, &statement, err);
	if (r)
		return r;
	sqlite3_bind_int64(statement, 1, q->before ? (sqlite3_int64)q->before : INT64_MAX);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)q->after);
	sqlite3_bind_int64(statement, 3, (sqlite3_int64)q->since);
	sqlite3_bind_int64(statement, 4, (sqlite3_int64)q->n);
	while ((r = store_db_step(s, statement, err)) == STORE_DB_ROW) {
		struct store_audit_row a = {
			.id = (uint64_t)sqlite3_column_int64(statement, 0),
			.at = (uint64_t)sqlite3_column_int64(statement, 1),
			.note = {text_at(statement, 2), text_at(statement, 3),
				text_at(statement, 4), text_at(statement, 5),
				text_at(statement, 6)},
		};
		row(arg, &a);
	}
	return r;
}

int store_audit(struct store *s, const struct store_audit_query *query, store_audit_fn *row,
	void *arg, struct error *err)
{
	pthread_mutex_lock(&s->lock);
	int r = audit(s, query, row, arg, err);
	pthread_mutex_unlock(&s->lock);
	return r;
}
