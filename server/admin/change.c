/* SPDX-License-Identifier: MIT */
#include "server/admin/change.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "server/base/audit_log.h"
#include "server/control/grants.h"
#include "server/store/catalog.h"

static void changes_next(struct changes *q);

/* ---- Rows ---- */

static void rows_deinit(struct change_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		store_row_deinit(&rows->v[i]);
	free(rows->v);
	*rows = (struct change_rows){0};
}

static void row_set_revision(struct store_row *row, uint64_t revision)
{
	row->rev = revision;
	*store_row_rev(row) = revision;
}

/* What was stored has this revision: also for those that were judged before they knew it. */
static void rows_learn(struct change_rows *rows, const struct change_rows *stored,
	uint64_t revision)
{
	for (size_t i = 0; i < rows->n; i++)
		for (size_t k = 0; k < stored->n; k++)
			if (store_row_same(&rows->v[i], &stored->v[k]))
				row_set_revision(&rows->v[i], revision);
}

static void changes_learn(struct changes *q, struct change *stored)
{
	uint64_t revision = stored->job.revision;
	for (size_t i = 0; i < stored->rows.n; i++)
		row_set_revision(&stored->rows.v[i], revision);
	list_for_each (it, &q->unstored)
		rows_learn(&list_entry(it, struct change, link)->rows, &stored->rows, revision);
	if (q->current && q->current != stored) {
		rows_learn(&q->current->rows, &stored->rows, revision);
		rows_learn(&q->current->narrowed, &stored->rows, revision);
	}
}

/* ---- What check() uses ---- */

bool change_no_memory(struct change *c)
{
	admin_refuse(c->request, ADMIN_BUSY, "the server is out of memory");
	c->request = NULL;
	return false;
}

struct store_row *change_add(struct change *c, struct change_rows *rows, enum store_kind kind)
{
	if (rows->n == rows->room) {
		size_t room = rows->room ? 2 * rows->room : 2;
		struct store_row *v = reallocarray(rows->v, room, sizeof(*v));
		if (!v) {
			change_no_memory(c);
			return NULL;
		}
		rows->v = v;
		rows->room = room;
	}
	struct store_row *row = &rows->v[rows->n++];
	*row = (struct store_row){.kind = kind};
	return row;
}

bool change_note(struct change *c, const char *action, const char *subject, json_t *detail)
{
	c->note.actor = c->actor.name;
	c->note.via = c->actor.via;
	c->note.action = action;
	c->note.subject = strdup(subject);
	c->note.detail = detail ? json_dumps(detail, JSON_COMPACT) : NULL;
	json_decref(detail);
	return c->note.subject && c->note.detail ? true : change_no_memory(c);
}

/* ---- Its end ---- */

static void change_free(struct change *c)
{
	if (c->admin && c->outcome != CHANGE_NOT_STORED)
		c->admin->changes->n--;
	rows_deinit(&c->rows);
	rows_deinit(&c->narrowed);
	free((char *)(uintptr_t)c->note.subject);
	free((char *)(uintptr_t)c->note.detail);
	c->ops->free(c);
}

static void change_refuse(struct change *c)
{
	const char *why = c->job.err.text;
	if (c->outcome == CHANGE_NOT_STORED) {
		log_error("%s of %s is in effect, but not stored: %s; it is tried again every %u s",
			c->note.action, c->note.subject, why, (unsigned)(CHANGE_RETRY / CLOCK_S));
		admin_refuse(c->request, ADMIN_NOT_STORED,
			"it is in effect, but not stored: %s; after a restart it would be as it "
			"was. "
			"The server tries again every %u s",
			why, (unsigned)(CHANGE_RETRY / CLOCK_S));
	} else if (c->job.result == STORE_STALE) {
		admin_refuse(c->request, ADMIN_STALE, "%s", why);
	} else {
		admin_refuse(c->request, ADMIN_NOT_STORED, "nothing was changed: %s", why);
	}
}

/* Everywhere in force, and stored or not. */
static void change_over(struct change *c)
{
	struct changes *q = c->admin->changes;
	struct admin_request *rq = c->request;
	if (c->outcome == CHANGE_STORED)
		log_info("%s of %s by %s, %s", c->note.action, c->note.subject, c->note.actor,
			c->note.via);
	if (c->outcome != CHANGE_FAILED)
		audit_log(&(struct audit_entry){.actor = c->note.actor,
			.via = c->note.via,
			.action = c->note.action,
			.subject = c->note.subject,
			.detail = c->note.detail});
	if (rq && c->outcome == CHANGE_STORED)
		c->ops->answer(c);
	else if (rq)
		change_refuse(c);
	c->request = NULL;
	q->current = NULL;
	if (c->outcome == CHANGE_NOT_STORED) {
		/* It is answered: however many are to be stored, the next may take something away. */
		q->n--;
		list_append(&q->unstored, &c->link);
		loop_timer_set(&q->retry, loop_now(q->retry.loop) + CHANGE_RETRY);
	} else {
		change_free(c);
	}
	changes_next(q);
}

static void change_part_over(struct change *c)
{
	if (--c->parts == 0)
		change_over(c);
}

/* ---- In force ---- */

static void change_enforced(struct enforcement *e, struct change *c)
{
	c->sessions += e->result.sessions;
	c->streams += e->result.streams;
	change_part_over(c);
}

static void narrowing_done(struct enforcement *e)
{
	change_enforced(e, container_of(e, struct change, narrowing));
}

static void giving_done(struct enforcement *e)
{
	change_enforced(e, container_of(e, struct change, giving));
}

/* Without a registrar (a command that has the store to itself) nothing lives that it could concern. */
static void change_enforce(struct change *c, struct enforcement *e,
	void (*done)(struct enforcement *e))
{
	if (c->admin->registrar) {
		c->parts++;
		enforce_changes(c->admin->registrar, e, done);
	} else {
		catalog_look(c->admin->catalog, policy_now());
	}
}

/* ---- Stored ---- */

static int change_run(struct store_job *j, struct store *store, struct error *err)
{
	struct change *c = container_of(j, struct change, job);
	return store_commit(store, c->rows.v, c->rows.n, &c->note, &j->revision, err);
}

/* What is in force is what has to be stored, and nothing else. */
static void change_keep_narrowed(struct change *c)
{
	struct change_rows given = c->rows;
	c->outcome = CHANGE_NOT_STORED;
	c->rows = c->narrowed;
	c->narrowed = given;
	c->gives = false;
}

static void change_committed(struct change *c)
{
	struct admin *a = c->admin;
	if (c->job.result != 0 && c->narrowed.n) {
		change_keep_narrowed(c);
	} else if (c->job.result != 0) {
		c->outcome = CHANGE_FAILED;
	} else {
		changes_learn(a->changes, c);
		if (catalog_apply(a->catalog, c->rows.v, c->rows.n) < 0)
			log_error("%s of %s is stored, and takes effect at the next start: the "
				  "server is out of memory",
				c->note.action, c->note.subject);
		else if (c->gives)
			change_enforce(c, &c->giving, giving_done);
	}
	change_part_over(c);
}

static void changes_store(struct changes *q, struct change *c);

static void change_done(struct store_job *j)
{
	struct change *c = container_of(j, struct change, job);
	if (atomic_load(&j->job.cancelled))
		return; /* changes_free() has it */
	struct changes *q = c->admin->changes;
	if (c == q->current) {
		change_committed(c);
		return;
	}
	/* One that was in force already. */
	int result = j->result;
	struct error err = j->err;
	q->storing = NULL;
	if (result == 0) {
		log_info("%s of %s is stored now", c->note.action, c->note.subject);
		changes_learn(q, c);
		/* Later changes may have taken more away: of what is in force the revision alone is new. */
		catalog_stored(c->admin->catalog, c->rows.v, c->rows.n);
		list_unlink(&c->link);
		change_free(c);
	} else {
		loop_timer_set(&q->retry, loop_now(q->retry.loop) + CHANGE_RETRY);
	}
	if (result == 0 && !list_empty(&q->unstored)) {
		changes_store(q, list_first(&q->unstored, struct change, link));
	} else if (q->current && result == 0) {
		changes_store(q, q->current);
	} else if (q->current) {
		/* It would not be stored either, and not before those. */
		q->current->job.result = result;
		q->current->job.err = err;
		change_committed(q->current);
	} else {
		changes_next(q);
	}
}

static void changes_store(struct changes *q, struct change *c)
{
	if (c != q->current)
		q->storing = c;
	c->job = (struct store_job){.make = true, .run = change_run, .done = change_done};
	store_access_submit(c->admin->store, c->admin->loop, &c->job);
}

/* ---- The queue ---- */

/* Its turn may come long after it was asked for, behind the one that took the right from whoever asked. */
static bool change_may(struct change *c)
{
	const struct admin_actor *actor = &c->actor;
	struct error err;
	if (!actor->identity)
		return true;
	if (grants_check_token(actor->credential, &actor->from, &err) < 0)
		admin_refuse(c->request, ADMIN_DENIED, "%s", err.text);
	else if (!actor->identity->value.is_operator)
		admin_refuse(c->request, ADMIN_DENIED, "%s is no operator any more", actor->name);
	else
		return true;
	return false;
}

static void change_start(struct changes *q, struct change *c)
{
	struct admin *a = c->admin;
	q->current = c;
	if (!change_may(c) || !c->ops->check(c)) {
		q->current = NULL;
		change_free(c);
		return;
	}
	if (c->narrowed.n && catalog_apply(a->catalog, c->narrowed.v, c->narrowed.n) < 0) {
		change_no_memory(c);
		q->current = NULL;
		change_free(c);
		return;
	}
	c->parts = 1; /* the commit */
	if (c->narrowed.n)
		change_enforce(c, &c->narrowing, narrowing_done);
	struct change *before = list_first(&q->unstored, struct change, link);
	changes_store(q, before ? before : c);
}

static void changes_next(struct changes *q)
{
	while (!q->current && !q->storing && !list_empty(&q->waiting)) {
		struct change *c = list_first(&q->waiting, struct change, link);
		list_unlink(&c->link);
		change_start(q, c);
	}
}

static void changes_retry(struct loop_timer *timer)
{
	struct changes *q = container_of(timer, struct changes, retry);
	struct change *c = list_first(&q->unstored, struct change, link);
	if (c && !q->current && !q->storing)
		changes_store(q, c);
}

struct changes *changes_new(struct loop *loop)
{
	struct changes *q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	list_init(&q->waiting);
	list_init(&q->unstored);
	loop_timer_init(&q->retry, loop, changes_retry);
	return q;
}

void changes_close(struct changes *q)
{
	loop_timer_cancel(&q->retry);
	/* A job that is done already may have its mail still to come. */
	if (q->current)
		offload_cancel(&q->current->job.job);
	if (q->storing)
		offload_cancel(&q->storing->job.job);
	list_for_each (it, &q->unstored) {
		const struct change *c = list_entry(it, struct change, link);
		log_error("%s of %s was in effect and is not stored: after a restart it is as it "
			  "was before",
			c->note.action, c->note.subject);
	}
}

struct changes *changes_free(struct changes *q)
{
	if (!q)
		return NULL;
	if (q->current)
		change_free(q->current);
	list_for_each_safe (it, &q->unstored)
		change_free(list_entry(it, struct change, link));
	free(q);
	return NULL;
}

/* The process ends: the request is answered by others. */
static void change_drop(struct admin_request *rq)
{
	struct change *c = rq->work;
	c->request = NULL;
	if (list_linked(&c->link)) {
		list_unlink(&c->link);
		change_free(c);
	}
}

bool change_begin(struct change *c, struct admin_request *rq, const struct change_ops *ops)
{
	c->ops = ops;
	list_init(&c->link);
	if (rq->admin->changes->n >= CHANGE_QUEUE_MAX) {
		admin_refuse(rq, ADMIN_BUSY, "%d changes are waiting already", CHANGE_QUEUE_MAX);
		ops->free(c);
		return false;
	}
	c->admin = rq->admin;
	c->admin->changes->n++;
	c->request = rq;
	c->actor = rq->actor;
	return true;
}

void change_submit(struct change *c)
{
	struct changes *q = c->admin->changes;
	c->request->work = c;
	c->request->drop = change_drop;
	list_append(&q->waiting, &c->link);
	changes_next(q);
}

void change_give_up(struct change *c)
{
	change_free(c);
}
