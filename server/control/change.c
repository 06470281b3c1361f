/* SPDX-License-Identifier: MIT */
#include "server/control/change.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "server/base/audit_log.h"
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
	if (!c->unheard)
		c->ops->refuse(c, CHANGE_NO_MEMORY, "the server is out of memory");
	c->unheard = true;
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

bool change_note(struct change *c, const char *action, const char *subject, char *detail)
{
	c->note.action = action;
	c->note.subject = strdup(subject);
	c->note.detail = detail;
	return c->note.subject && c->note.detail ? true : change_no_memory(c);
}

/* ---- Its end ---- */

/* There is nowhere to keep it, and it shall hold nevertheless. */
static bool change_is_volatile(const struct change *c)
{
	return c->volatile_will_do && !c->queue->store->dir;
}

static void change_free(struct change *c)
{
	if (c->queue && c->outcome != CHANGE_UNSTORED)
		c->queue->n--;
	rows_deinit(&c->rows);
	rows_deinit(&c->narrowed);
	free((char *)(uintptr_t)c->note.subject);
	free((char *)(uintptr_t)c->note.detail);
	c->ops->free(c);
}

static void change_refuse(struct change *c)
{
	const char *why = c->job.err.text;
	if (c->outcome == CHANGE_UNSTORED)
		log_error("%s of %s is in effect, but not stored: %s; it is tried again every %u s",
			c->note.action, c->note.subject, why, (unsigned)(CHANGE_RETRY / CLOCK_S));
	if (c->unheard)
		return;
	c->ops->refuse(c,
		c->outcome == CHANGE_UNSTORED  ? CHANGE_NOT_STORED
		: c->job.result == STORE_STALE ? CHANGE_STALE
					       : CHANGE_NOT_MADE,
		why);
}

/* Everywhere in force, and stored or not. */
static void change_over(struct change *c)
{
	struct changes *q = c->queue;
	if (c->outcome == CHANGE_STORED && change_is_volatile(c))
		log_warn("%s of %s by %s, %s, holds until this process ends: %s", c->note.action,
			c->note.subject, c->note.actor, c->note.via, q->store->why_not.text);
	else if (c->outcome == CHANGE_STORED)
		log_info("%s of %s by %s, %s", c->note.action, c->note.subject, c->note.actor,
			c->note.via);
	if (c->outcome != CHANGE_FAILED)
		audit_log(&(struct audit_entry){.actor = c->note.actor,
			.via = c->note.via,
			.action = c->note.action,
			.subject = c->note.subject,
			.detail = c->note.detail});
	if (c->outcome != CHANGE_STORED)
		change_refuse(c);
	else if (!c->unheard)
		c->ops->answer(c);
	c->unheard = true;
	q->current = NULL;
	if (c->outcome == CHANGE_UNSTORED) {
		/* It is answered: however many are to be stored, the next may take something away. */
		q->n--;
		list_append(&q->unstored, &c->link);
		loop_timer_set(&q->retry, loop_now(q->loop) + CHANGE_RETRY);
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
	c->cut += e->result.cut;
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
	if (c->queue->registrar) {
		c->parts++;
		enforce_changes(c->queue->registrar, e, c->keep_live, done);
	} else {
		catalog_look(c->queue->catalog, policy_now());
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
	c->outcome = CHANGE_UNSTORED;
	c->rows = c->narrowed;
	c->narrowed = given;
	c->gives = false;
}

static void change_committed(struct change *c)
{
	struct changes *q = c->queue;
	if (c->job.result != 0 && c->narrowed.n) {
		change_keep_narrowed(c);
	} else if (c->job.result != 0) {
		c->outcome = CHANGE_FAILED;
	} else {
		changes_learn(q, c);
		if (catalog_apply(q->catalog, c->rows.v, c->rows.n) < 0)
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
	struct changes *q = c->queue;
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
		catalog_stored(q->catalog, c->rows.v, c->rows.n);
		list_unlink(&c->link);
		change_free(c);
	} else {
		loop_timer_set(&q->retry, loop_now(q->loop) + CHANGE_RETRY);
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
	if (c == q->current && change_is_volatile(c)) {
		change_committed(c);
		return;
	}
	if (c != q->current)
		q->storing = c;
	c->job = (struct store_job){.make = true, .run = change_run, .done = change_done};
	store_access_submit(q->store, q->loop, &c->job);
}

/* ---- The queue ---- */

static void change_start(struct changes *q, struct change *c)
{
	q->current = c;
	/* Its turn may come long after it was wanted, behind the one that took the right from whoever wants it. */
	if ((c->ops->may && !c->ops->may(c)) || !c->ops->check(c)) {
		q->current = NULL;
		change_free(c);
		return;
	}
	if (c->narrowed.n && catalog_apply(q->catalog, c->narrowed.v, c->narrowed.n) < 0) {
		change_no_memory(c);
		q->current = NULL;
		change_free(c);
		return;
	}
	c->parts = 1; /* the commit */
	if (c->narrowed.n)
		change_enforce(c, &c->narrowing, narrowing_done);
	struct change *before = list_first(&q->unstored, struct change, link);
	changes_store(q, before && !change_is_volatile(c) ? before : c);
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

struct changes *changes_new(struct loop *loop, struct catalog *catalog, struct store_access *store,
	struct registrar *registrar)
{
	struct changes *q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->loop = loop;
	q->catalog = catalog;
	q->store = store;
	q->registrar = registrar;
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

void change_forget(struct change *c)
{
	c->unheard = true;
	if (list_linked(&c->link)) {
		list_unlink(&c->link);
		change_free(c);
	}
}

bool change_begin(struct change *c, struct changes *q, const struct change_ops *ops)
{
	if (q->n >= CHANGE_QUEUE_MAX)
		return false;
	c->ops = ops;
	c->queue = q;
	list_init(&c->link);
	q->n++;
	return true;
}

void change_submit(struct change *c)
{
	list_append(&c->queue->waiting, &c->link);
	changes_next(c->queue);
}

void change_give_up(struct change *c)
{
	change_free(c);
}
