/* SPDX-License-Identifier: MIT */
/* Rows out of the file. Whatever is not as it was written ends the reading: a damaged grant is no grant. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "store/store_db.h"

/* Bytes of a statement: the names of all columns of the widest table are a third of it. */
#define SQL_SIZE 1024

struct reading {
	struct store *s;
	uint64_t since, rev;
	store_row_fn *row;
	void *arg;
	struct sqlite3_stmt *grants; /* of one identity */
	struct error *err;
};

static int damaged(struct reading *rd, const char *table)
{
	char why[64];
	snprintf(why, sizeof why, "a row of \"%s\" is not as it was written", table);
	return store_db_damaged(rd->s, rd->err, why);
}

static int no_memory(struct reading *rd)
{
	return error_set(rd->err, -ENOMEM, "no memory for what the store has");
}

static int read_grants(struct reading *rd, struct policy_identity *i)
{
	struct error why;
	int r;
	sqlite3_reset(rd->grants);
	sqlite3_bind_int64(rd->grants, 1, (sqlite3_int64)i->id);
	while ((r = store_db_step(rd->s, rd->grants, rd->err)) == STORE_DB_ROW) {
		struct store_value kind = store_db_column(rd->grants, 0);
		struct store_value text = store_db_column(rd->grants, 1);
		if (kind.type != STORE_VALUE_NUMBER || kind.number < POLICY_HOST ||
			kind.number >= POLICY_GRANT_KINDS || text.type != STORE_VALUE_TEXT)
			return damaged(rd, "grants");
		r = policy_grants_add(&i->grants, (enum policy_grant_kind)kind.number,
			(struct str){text.p, text.n}, &why);
		if (r)
			return r == -ENOMEM ? no_memory(rd) : damaged(rd, "grants");
	}
	return r;
}

static void keep_rev(struct store_row *row, uint64_t rev)
{
	row->rev = rev;
	*store_row_rev(row) = rev;
}

static int compare_digest(struct reading *rd, const struct store_row *row, uint64_t rev,
	const struct store_value *kept)
{
	uint64_t digest;
	if (store_digest(row, rev, &rd->s->salt, &rd->s->scratch, &digest))
		return no_memory(rd);
	if (kept->type != STORE_VALUE_NUMBER || kept->number != digest)
		return damaged(rd, store_tables[row->kind].name);
	return 0;
}

/* What the statement is at, with its digest compared. */
static int read_row(struct reading *rd, struct sqlite3_stmt *statement, struct store_row *row)
{
	const struct store_table *t = &store_tables[row->kind];
	for (size_t i = 0; i < t->n; i++) {
		struct store_value v = store_db_column(statement, (int)i);
		int r = store_value_set(&t->columns[i], row, &v);
		if (r)
			return r == -ENOMEM ? no_memory(rd) : damaged(rd, t->name);
	}
	struct store_value rev = store_db_column(statement, (int)t->n);
	struct store_value kept = store_db_column(statement, (int)t->n + 1);
	int r = row->kind == STORE_IDENTITY ? read_grants(rd, &row->identity) : 0;
	if (r)
		return r;
	if (rev.type != STORE_VALUE_NUMBER || rev.number > rd->rev)
		return damaged(rd, t->name);
	r = compare_digest(rd, row, rev.number, &kept);
	if (r)
		return r;
	keep_rev(row, rev.number);
	return 0;
}

static int select_rows(struct reading *rd, const struct store_table *t, const char *which,
	struct sqlite3_stmt **statement_out)
{
	char sql[SQL_SIZE];
	size_t n = (size_t)snprintf(sql, sizeof sql, "SELECT ");
	for (size_t i = 0; i < t->n; i++)
		n += (size_t)snprintf(sql + n, sizeof sql - n, "%s, ", t->columns[i].name);
	snprintf(sql + n, sizeof sql - n, "rev, digest FROM %s %s ORDER BY %s", t->name, which,
		t->columns[0].name);
	return store_db_prepare(rd->s, sql, statement_out, rd->err);
}

static int read_table(struct reading *rd, enum store_kind kind)
{
	auto_statement struct sqlite3_stmt *statement = NULL;
	/* All of them without the index, which could be damaged alone and leave one out. */
	int r = select_rows(rd, &store_tables[kind], rd->since ? "WHERE rev > ?" : "NOT INDEXED",
		&statement);
	if (!r && rd->since)
		sqlite3_bind_int64(statement, 1, (sqlite3_int64)rd->since);
	while (!r && (r = store_db_step(rd->s, statement, rd->err)) == STORE_DB_ROW) {
		struct store_row row;
		memset(&row, 0, sizeof row);
		row.kind = kind;
		r = read_row(rd, statement, &row);
		if (!r)
			rd->row(rd->arg, &row);
		store_row_deinit(&row);
	}
	return r;
}

/* The keys of what was deleted. */
static int read_gone(struct reading *rd, enum store_kind kind)
{
	auto_statement struct sqlite3_stmt *statement = NULL;
	int r = store_db_prepare(rd->s, "SELECT key, rev FROM gone WHERE kind = ? AND rev > ?",
		&statement, rd->err);
	if (r)
		return r;
	sqlite3_bind_int64(statement, 1, kind);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)rd->since);
	while ((r = store_db_step(rd->s, statement, rd->err)) == STORE_DB_ROW) {
		struct store_row row;
		struct store_value v = store_db_column(statement, 0);
		struct store_value rev = store_db_column(statement, 1);
		memset(&row, 0, sizeof row);
		row.kind = kind;
		row.gone = true;
		if (v.type != STORE_VALUE_BYTES || v.n != STORE_KEY_SIZE)
			return damaged(rd, "gone");
		store_key_set(&row, v.p);
		keep_rev(&row, rev.number);
		rd->row(rd->arg, &row);
	}
	return r;
}

static int read_meta(struct reading *rd)
{
	auto_statement struct sqlite3_stmt *statement = NULL;
	int r = store_db_prepare(rd->s,
		"SELECT name, value, digest FROM meta NOT INDEXED ORDER BY name", &statement,
		rd->err);
	bool links = false;
	while (!r && (r = store_db_step(rd->s, statement, rd->err)) == STORE_DB_ROW) {
		struct store_value name = store_db_column(statement, 0);
		struct store_value v = store_db_column(statement, 1);
		struct store_value kept = store_db_column(statement, 2);
		if (name.type != STORE_VALUE_TEXT || v.type != STORE_VALUE_BYTES)
			return damaged(rd, "meta");
		struct store_row row = {.kind = STORE_META};
		row.meta = (struct policy_meta){
			.name = (char *)(uintptr_t)name.p,
			.value = (void *)(uintptr_t)v.p,
			.n = v.n,
		};
		r = compare_digest(rd, &row, 0, &kept);
		if (!r)
			rd->row(rd->arg, &row);
		links |= !r && store_row_next_link(&row) > 0;
	}
	return r || links ? r : store_db_damaged(rd->s, rd->err, "the next link id is missing");
}

static int read_all(struct reading *rd)
{
	int r = store_db_number(rd->s, "SELECT value FROM counters WHERE name = 'rev'", &rd->rev,
		rd->err);
	r = r ? r
	      : store_db_prepare(rd->s, "SELECT kind, value FROM grants WHERE identity = ?",
			&rd->grants, rd->err);
	r = r ? r : read_meta(rd);
	for (enum store_kind kind = STORE_IDENTITY; !r && kind < STORE_KINDS; kind++) {
		/* Before those that are there: a name may have a new owner. */
		if (rd->since)
			r = read_gone(rd, kind);
		r = r ? r : read_table(rd, kind);
	}
	return r;
}

int store_read(struct store *s, uint64_t since, store_row_fn *row, void *arg, uint64_t *rev_out,
	struct error *err)
{
	struct reading rd = {.s = s, .since = since, .row = row, .arg = arg, .err = err};
	pthread_mutex_lock(&s->lock);
	int r = store_db_run(s, "BEGIN", err);
	if (!r) {
		r = read_all(&rd);
		store_db_finalize(&rd.grants);
		r = store_db_end(s, r, err);
	}
	/* Its pages are of no more use: rows are read once. */
	sqlite3_db_release_memory(s->db);
	pthread_mutex_unlock(&s->lock);
	if (!r)
		*rev_out = rd.rev;
	return r;
}

int store_read_one(struct store *s, enum store_kind kind, const struct store_value *key,
	struct sqlite3_stmt **statement, struct store_row *row, struct error *err)
{
	struct reading rd = {.s = s, .rev = INT64_MAX, .err = err};
	char which[64];
	*row = (struct store_row){.kind = kind};
	snprintf(which, sizeof which, "WHERE %s = ?", store_tables[kind].columns[0].name);
	int r = 0;
	if (*statement)
		sqlite3_reset(*statement);
	else
		r = select_rows(&rd, &store_tables[kind], which, statement);
	if (r)
		return r;
	store_db_bind(*statement, 1, key);
	r = store_db_step(s, *statement, err);
	if (r != STORE_DB_ROW)
		return r;
	r = read_row(&rd, *statement, row);
	return r ? r : STORE_DB_ROW;
}
