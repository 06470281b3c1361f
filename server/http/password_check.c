/* SPDX-License-Identifier: MIT */
#include "server/http/password_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "crypto/digest.h"
#include "crypto/password.h"

struct credentials {
	char text[PASSWORD_USER_MAX];
	struct str user, password;
};

/*
 * Of one worker; requests with the same password, which came meanwhile, wait for it as well. It runs also when nobody
 * waits any more: who asks again joins it, and a good one gives its count back.
 */
struct check_job {
	struct offload_job job;
	struct list link;            /* in http_worker::checks, until it ends */
	struct list waiting;         /* of struct password_check */
	struct front_tables *tables; /* held */
	struct address visitor;
	const struct front *front; /* held: the hash is in it */
	const char *hash;
	bool known; /* the user is; else any hash is checked, so that it takes as long */
	struct credentials given;
	uint64_t key;
	bool good;
};

struct password_check {
	struct list link; /* in check_job::waiting */
	struct check_job *job;
	bool joined; /* a job that was there: it is counted for itself */
	void (*checked)(void *arg, struct str head, bool good);
	void *arg;
	struct buf head;
};

/* ---- What was given ---- */

static bool take_credentials(const struct http1_head *h, struct credentials *out)
{
	const struct http1_field *f = http1_find(h, HTTP1_AUTHORIZATION);
	struct str basic = STR("Basic ");
	if (!f || h->repeated >> HTTP1_AUTHORIZATION & 1 || f->value.n <= basic.n ||
		!str_eq_nocase((struct str){f->value.p, basic.n}, basic))
		return false;
	struct str text = {f->value.p + basic.n, f->value.n - basic.n};
	while (text.n && *text.p == ' ')
		text = (struct str){text.p + 1, text.n - 1};
	ssize_t n = base64_decode(text.p, text.n, out->text, sizeof(out->text));
	const char *colon = n > 0 ? memchr(out->text, ':', (size_t)n) : NULL;
	if (!colon)
		return false;
	out->user = (struct str){out->text, (size_t)(colon - out->text)};
	out->password = (struct str){colon + 1, (size_t)n - out->user.n - 1};
	return true;
}

/* ---- Who waits ---- */

/* The file's own count is not what it keeps for the requests. */
static atomic_uint *checks_of(const struct front *f)
{
	return &((struct front *)(uintptr_t)f)->n_checks;
}

static void uncount(const struct check_job *j)
{
	atomic_fetch_sub_explicit(&j->tables->n_checks, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(checks_of(j->front), 1, memory_order_relaxed);
}

/* One service's client does not take all there are, and those of all of them leave some to the operator's routes. */
static bool count(const struct check_job *j)
{
	bool client = front_of_client(j->front);
	unsigned all = atomic_fetch_add_explicit(&j->tables->n_checks, 1, memory_order_relaxed);
	unsigned own = atomic_fetch_add_explicit(checks_of(j->front), 1, memory_order_relaxed);
	if (all < (client ? FRONT_CLIENTS_CHECKS_MAX : FRONT_CHECKS_MAX) &&
		(!client || own < FRONT_CLIENT_CHECKS_MAX))
		return true;
	uncount(j);
	return false;
}

static void check_free(struct password_check *c)
{
	list_unlink(&c->link);
	if (c->joined)
		uncount(c->job);
	if (c->head.data)
		explicit_bzero(c->head.data, c->head.cap);
	buf_deinit(&c->head);
	free(c);
}

/* With the request's head, from its line to the empty line. NULL: memory is out. */
static struct password_check *check_new(const struct password_question *q)
{
	const struct str head = http1_head_text(q->head);
	struct password_check *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	list_init(&c->link);
	c->checked = q->checked;
	c->arg = q->arg;
	if (buf_append(&c->head, head.p, head.n) == 0 && buf_append(&c->head, "\r\n", 2) == 0)
		return c;
	check_free(c);
	return NULL;
}

static void wait_for(struct password_check *c, struct check_job *job)
{
	c->job = job;
	list_append(&job->waiting, &c->link);
}

/* ---- The check ---- */

static void job_free(struct check_job *j)
{
	list_unlink(&j->link);
	front_release(j->front);
	front_tables_release(j->tables);
	explicit_bzero(&j->given, sizeof(j->given));
	free(j);
}

static void job_run(struct offload_job *job)
{
	struct check_job *j = container_of(job, struct check_job, job);
	bool same = password_verify(j->hash, j->given.password);
	j->good = same && j->known;
}

/* One that is told may end others that wait, or ask anew. */
static void job_done(struct offload_job *job)
{
	struct check_job *j = container_of(job, struct check_job, job);
	list_unlink(&j->link);
	uncount(j);
	if (j->good) {
		front_password_keep(j->tables, j->key, loop_now(job->home));
		front_failure_give(j->tables, &j->visitor);
	}
	while (!list_empty(&j->waiting)) {
		struct password_check *c = list_first(&j->waiting, struct password_check, link);
		struct str head = {(const char *)buf_head(&c->head), buf_len(&c->head)};
		list_unlink(&c->link);
		c->checked(c->arg, head, j->good);
		check_free(c);
	}
	job_free(j);
}

/* Whose password it is, and what it is known by. */
static void look_up(struct check_job *j, const struct password_question *q)
{
	const struct user *user = users_find(&q->basic->users, j->given.user);
	j->front = front_hold(q->front);
	j->tables = front_tables_hold(q->tables);
	j->visitor = *q->visitor;
	j->known = user != NULL;
	j->hash = user ? user->hash : q->basic->users.v[0].hash;
	j->key = front_password_key(j->tables, j->hash, j->given.user, j->given.password);
}

/* Who guesses from elsewhere is not told by somebody else's count. */
static struct check_job *under_way(const struct list *jobs, const struct check_job *like)
{
	list_for_each (it, jobs) {
		struct check_job *j = list_entry(it, struct check_job, link);
		if (j->key == like->key && j->known == like->known &&
			address_network(&j->visitor) == address_network(&like->visitor))
			return j;
	}
	return NULL;
}

static enum password_state join(struct check_job *job, const struct password_question *q,
	struct password_check **out)
{
	if (!count(job))
		return PASSWORD_BUSY;
	struct password_check *c = check_new(q);
	if (!c) {
		uncount(job);
		return PASSWORD_BUSY;
	}
	c->joined = true;
	wait_for(c, job);
	*out = c;
	return PASSWORD_PENDING;
}

static enum password_state start(struct check_job *j, const struct password_question *q,
	struct password_check **out, uint64_t *wait_out)
{
	*wait_out = front_failure_take(j->tables, q->visitor, loop_now(q->loop));
	if (*wait_out)
		return PASSWORD_WAIT;
	bool counted = count(j);
	struct password_check *c = counted ? check_new(q) : NULL;
	if (c) {
		wait_for(c, j);
		list_append(q->checks, &j->link);
		j->job.run = job_run;
		j->job.done = job_done;
		offload_submit(j->tables->checks, q->loop, &j->job);
		*out = c;
		return PASSWORD_PENDING;
	}
	if (counted)
		uncount(j);
	front_failure_give(j->tables, q->visitor);
	return PASSWORD_BUSY;
}

static enum password_state evaluate(struct check_job *j, const struct password_question *q,
	struct password_check **out, uint64_t *wait_out)
{
	look_up(j, q);
	if (j->known && front_password_is_good(j->tables, j->key, loop_now(q->loop)))
		return PASSWORD_GOOD;
	struct check_job *other = under_way(q->checks, j);
	return other ? join(other, q, out) : start(j, q, out, wait_out);
}

enum password_state password_check_start(const struct password_question *q,
	struct password_check **out, uint64_t *wait_out)
{
	enum password_state state = PASSWORD_MISSING;
	struct check_job *j = calloc(1, sizeof(*j));
	if (!j)
		return PASSWORD_BUSY;
	list_init(&j->link);
	list_init(&j->waiting);
	if (take_credentials(q->head, &j->given))
		state = evaluate(j, q, out, wait_out);
	if (list_empty(&j->waiting))
		job_free(j);
	return state;
}

void password_check_cancel(struct password_check *c)
{
	if (c)
		check_free(c);
}
