/* SPDX-License-Identifier: MIT */
/* Rows into the file, each held against the revision at which it was read. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "base/macros.h"

#include "policy/timestamp.h"
#include "store/store_links.h"

/* Bytes of a statement: the names of all columns of the widest table, twice, are half of it. */
#define SQL_SIZE 2048

enum statement_of_kind { INSERT, UPDATE, DELETE, STATEMENTS_OF_KIND };

/* Made when first needed: a commit of thousands of rows is of few statements. */
struct commit {
	struct store *s;
	uint64_t rev, at;
	struct sqlite3_stmt *of_kind[STORE_KINDS][STATEMENTS_OF_KIND];
	struct sqlite3_stmt *drop_grants, *add_grant, *add_gone, *drop_gone;
	struct store_links links;
	bool deletes; /* what may leave a private service without its last endpoint */
	struct error *err;
};

/* ---- Statements ---- */

static int ready(struct commit *c, struct sqlite3_stmt **statement, const char *sql)
{
	if (!*statement)
		return store_db_prepare(c->s, sql, statement, c->err);
	sqlite3_reset(*statement);
	return 0;
}

/* The key is ?1, so that the same values serve each. */
static void write_sql(const struct store_table *t, enum statement_of_kind of, char sql[SQL_SIZE])
{
	unsigned keep = (unsigned)t->n;
	size_t n = 0;
	if (of == DELETE) {
		snprintf(sql, SQL_SIZE, "DELETE FROM %s WHERE %s = ?1 AND rev = ?2", t->name,
			t->columns[0].name);
		return;
	}
	if (of == INSERT) {
		n += (size_t)snprintf(sql, SQL_SIZE, "INSERT INTO %s (", t->name);
		for (unsigned i = 0; i < keep; i++)
			n += (size_t)snprintf(sql + n, SQL_SIZE - n, "%s, ", t->columns[i].name);
		n += (size_t)snprintf(sql + n, SQL_SIZE - n, "rev, digest) VALUES (");
		for (unsigned i = 0; i < keep; i++)
			n += (size_t)snprintf(sql + n, SQL_SIZE - n, "?%u, ", i + 1);
		snprintf(sql + n, SQL_SIZE - n, "?%u, ?%u)", keep + 1, keep + 2);
		return;
	}
	n += (size_t)snprintf(sql, SQL_SIZE, "UPDATE %s SET ", t->name);
	for (unsigned i = 1; i < keep; i++)
		n += (size_t)snprintf(sql + n, SQL_SIZE - n, "%s = ?%u, ", t->columns[i].name,
			i + 1);
	snprintf(sql + n, SQL_SIZE - n, "rev = ?%u, digest = ?%u WHERE %s = ?1 AND rev = ?%u",
		keep + 1, keep + 2, t->columns[0].name, keep + 3);
}

static int ready_of_kind(struct commit *c, enum store_kind kind, enum statement_of_kind of,
	struct sqlite3_stmt **out)
{
	char sql[SQL_SIZE] = "";
	if (!c->of_kind[kind][of])
		write_sql(&store_tables[kind], of, sql);
	int r = ready(c, &c->of_kind[kind][of], sql);
	*out = c->of_kind[kind][of];
	return r;
}

static void finalize_all(struct commit *c)
{
	for (enum store_kind kind = 0; kind < STORE_KINDS; kind++)
		for (enum statement_of_kind of = INSERT; of < STATEMENTS_OF_KIND; of++)
			store_db_finalize(&c->of_kind[kind][of]);
	store_db_finalize(&c->drop_grants);
	store_db_finalize(&c->add_grant);
	store_db_finalize(&c->add_gone);
	store_db_finalize(&c->drop_gone);
}

/* ---- Outcomes ---- */

static int stale(struct commit *c)
{
	return error_set(c->err, STORE_STALE, "it was changed by another at the same moment");
}

/* Runs what is bound. A key or a name that is there, or a row that it needs and is not there: others were faster. */
static int run(struct commit *c, struct sqlite3_stmt *statement)
{
	int r = store_db_step(c->s, statement, c->err);
	if (r >= 0)
		return 0;
	switch (sqlite3_extended_errcode(c->s->db)) {
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID:
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_FOREIGNKEY:
		return stale(c);
	case SQLITE_CONSTRAINT_CHECK:
	case SQLITE_CONSTRAINT_NOTNULL:
	case SQLITE_TOOBIG:
		return error_set(c->err, -EINVAL, "the store cannot keep that: %s",
			sqlite3_errmsg(c->s->db));
	default:
		return r;
	}
}

/* ---- Rows ---- */

static int put_grants(struct commit *c, const struct policy_identity *i)
{
	char text[POLICY_GRANT_SIZE];
	int r = ready(c, &c->drop_grants, "DELETE FROM grants WHERE identity = ?");
	if (r)
		return r;
	sqlite3_bind_int64(c->drop_grants, 1, (sqlite3_int64)i->id);
	r = run(c, c->drop_grants);
	for (enum policy_grant_kind kind = POLICY_HOST; !r && kind < POLICY_GRANT_KINDS; kind++)
		for (size_t n = 0; !r && n < policy_grants_count(&i->grants, kind); n++) {
			r = ready(c, &c->add_grant, "INSERT INTO grants VALUES (?, ?, ?)");
			if (r)
				break;
			policy_grants_text(&i->grants, kind, n, text);
			sqlite3_bind_int64(c->add_grant, 1, (sqlite3_int64)i->id);
			sqlite3_bind_int64(c->add_grant, 2, kind);
			sqlite3_bind_text(c->add_grant, 3, text, -1, SQLITE_STATIC);
			r = run(c, c->add_grant);
		}
	return r;
}

/* Who reads changes since a revision finds the key among what is gone, or not any more. */
static int note_gone(struct commit *c, const struct store_row *row, bool gone)
{
	uint8_t key[STORE_KEY_SIZE];
	struct sqlite3_stmt **statement = gone ? &c->add_gone : &c->drop_gone;
	int r = ready(c, statement,
		gone ? "INSERT OR REPLACE INTO gone VALUES (?1, ?2, ?3, ?4)"
		     : "DELETE FROM gone WHERE kind = ?1 AND key = ?2");
	if (r)
		return r;
	store_key_get(row, key);
	sqlite3_bind_int64(*statement, 1, row->kind);
	sqlite3_bind_blob(*statement, 2, key, sizeof key, SQLITE_STATIC);
	if (gone) {
		sqlite3_bind_int64(*statement, 3, (sqlite3_int64)c->at);
		sqlite3_bind_int64(*statement, 4, (sqlite3_int64)c->rev);
	}
	return run(c, *statement);
}

static int delete_row(struct commit *c, const struct store_row *row)
{
	struct store_value key = store_value_get(&store_tables[row->kind].columns[0], row);
	struct sqlite3_stmt *statement;
	int r = ready_of_kind(c, row->kind, DELETE, &statement);
	if (r)
		return r;
	store_db_bind(statement, 1, &key);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)row->rev);
	r = run(c, statement);
	if (!r && sqlite3_changes(c->s->db) == 0)
		r = stale(c);
	return r ? r : note_gone(c, row, true);
}

static int bind_row(struct commit *c, const struct store_row *row, struct sqlite3_stmt *statement)
{
	const struct store_table *t = &store_tables[row->kind];
	uint64_t digest;
	int n = (int)t->n, rc = SQLITE_OK;
	for (int i = 0; i < n; i++) {
		struct store_value v = store_value_get(&t->columns[i], row);
		if (v.type == STORE_VALUE_NUMBER && v.number > INT64_MAX)
			return error_set(c->err, -EINVAL,
				"the store cannot keep that: %s is too large", t->columns[i].name);
		rc |= store_db_bind(statement, i + 1, &v);
	}
	if (rc || store_digest(row, c->rev, &c->s->salt, &c->s->scratch, &digest))
		return error_set(c->err, -ENOMEM, "no memory for what the store is to keep");
	sqlite3_bind_int64(statement, n + 1, (sqlite3_int64)c->rev);
	sqlite3_bind_int64(statement, n + 2, (sqlite3_int64)digest);
	if (row->rev)
		sqlite3_bind_int64(statement, n + 3, (sqlite3_int64)row->rev);
	return 0;
}

static int put_row(struct commit *c, const struct store_row *row)
{
	struct sqlite3_stmt *statement;
	int r = ready_of_kind(c, row->kind, row->rev ? UPDATE : INSERT, &statement);
	r = r ? r : bind_row(c, row, statement);
	r = r ? r : run(c, statement);
	/* What was bound was the row's, which is its caller's again. */
	if (!r)
		sqlite3_clear_bindings(statement);
	if (!r && sqlite3_changes(c->s->db) == 0)
		r = stale(c);
	if (!r && !row->rev)
		r = note_gone(c, row, false);
	return r || row->kind != STORE_IDENTITY ? r : put_grants(c, &row->identity);
}

static int put_meta(struct commit *c, const struct policy_meta *m)
{
	if (str_same(m->name, STORE_META_SALT))
		return error_set(c->err, -EINVAL,
			"the salt of a store never changes: each token would be another");
	return store_db_set_meta(c->s, m->name, m->value, m->n, c->err);
}

static int put_endpoint(struct commit *c, const struct store_row *row)
{
	int r = row->rev ? 0 : store_links_take(c->s, &c->links, row->endpoint.link, c->err);
	return r ? r : put_row(c, row);
}

static int put(struct commit *c, const struct store_row *row)
{
	c->deletes |= row->gone || (row->kind == STORE_SERVICE && row->service.deleted);
	if (row->kind == STORE_META)
		return put_meta(c, &row->meta);
	if (row->gone)
		return delete_row(c, row);
	if (row->kind == STORE_ENDPOINT)
		return put_endpoint(c, row);
	/* The key of a revoked token is of no use but to a thief. */
	if (row->kind == STORE_CREDENTIAL && row->credential.revoked_at != POLICY_NONE) {
		struct store_row without = *row;
		explicit_bzero(without.psk, sizeof without.psk);
		return put_row(c, &without);
	}
	return put_row(c, row);
}

/* A private service that is deleted stays for its endpoints alone: the last one may have gone with anything. */
static int drop_services(struct commit *c)
{
	auto_statement struct sqlite3_stmt *statement = NULL;
	int r = store_db_prepare(c->s,
		"DELETE FROM private_services WHERE state = 2 AND NOT EXISTS "
		"(SELECT 1 FROM endpoints WHERE service = private_services.id) RETURNING id",
		&statement, c->err);
	while (!r && (r = store_db_step(c->s, statement, c->err)) == STORE_DB_ROW) {
		struct store_row row = {.kind = STORE_SERVICE};
		row.service.id = (uint64_t)sqlite3_column_int64(statement, 0);
		r = note_gone(c, &row, true);
	}
	return r;
}

/* ---- All of them ---- */

static int put_note(struct commit *c, const struct store_note *note)
{
	const char *const texts[] = {note->actor, note->via, note->action, note->subject,
		note->detail};
	auto_statement struct sqlite3_stmt *statement = NULL;
	int r = store_db_prepare(c->s,
		"INSERT INTO audit (at, actor, via, action, subject, detail) "
		"VALUES (?, ?, ?, ?, ?, ?)",
		&statement, c->err);
	if (r)
		return r;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)c->at);
	for (int i = 0; i < (int)ARRAY_LEN(texts); i++)
		sqlite3_bind_text(statement, i + 2, texts[i], -1, SQLITE_STATIC);
	return run(c, statement);
}

/*
 * Rows that nobody asks for any more. Each commit adds one row and takes a few, so those that have become old
 * all at once go too, and no commit waits for many of them.
 */
static int forget_notes(struct commit *c)
{
	auto_statement struct sqlite3_stmt *statement = NULL;
	uint64_t newest;
	int r = store_db_number(c->s, "SELECT coalesce(max(id), 0) FROM audit", &newest, c->err);
	r = r ? r
	      : store_db_prepare(c->s,
			"DELETE FROM audit WHERE id IN (SELECT id FROM audit ORDER BY id LIMIT ?) "
			"AND (at < ? OR id <= ?)",
			&statement, c->err);
	if (r)
		return r;
	sqlite3_bind_int64(statement, 1, STORE_AUDIT_SWEEP);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)(c->at - MIN(c->at, STORE_AUDIT_AGE)));
	sqlite3_bind_int64(statement, 3, (sqlite3_int64)newest - STORE_AUDIT_ROWS);
	return run(c, statement);
}

static int put_all(struct commit *c, const struct store_row *rows, size_t n,
	const struct store_note *note)
{
	int r = store_db_number(c->s,
		"UPDATE counters SET value = value + 1 WHERE name = 'rev' RETURNING value", &c->rev,
		c->err);
	for (size_t i = 0; !r && i < n; i++)
		r = put(c, &rows[i]);
	r = r || !c->deletes ? r : drop_services(c);
	r = r ? r : store_links_keep(c->s, &c->links, c->err);
	r = r || !note ? r : put_note(c, note);
	return r || !note ? r : forget_notes(c);
}

int store_commit(struct store *s, const struct store_row *rows, size_t n,
	const struct store_note *note, uint64_t *rev_out, struct error *err)
{
	struct commit c = {.s = s, .at = policy_now(), .err = err};
	pthread_mutex_lock(&s->lock);
	int r = store_db_begin(s, err);
	if (!r) {
		r = put_all(&c, rows, n, note);
		finalize_all(&c);
		r = store_db_end(s, r, err);
	}
	pthread_mutex_unlock(&s->lock);
	if (!r)
		*rev_out = c.rev;
	return r;
}
