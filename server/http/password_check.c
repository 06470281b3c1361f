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

struct password_check {
	struct offload_job job;
	void (*checked)(void *arg, struct str head,
		bool good); /* NULL: nobody wants to know any more */
	void *arg;
	struct front_tables *tables;
	struct address visitor;
	const struct front *front; /* held: the hash is in it */
	const char *hash;
	bool known; /* the user is; else any hash is checked, so that it takes as long */
	struct credentials given;
	uint64_t key;
	bool good;
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

/* ---- The check ---- */

static void check_free(struct password_check *c)
{
	front_release(c->front);
	explicit_bzero(&c->given, sizeof(c->given));
	if (c->head.data)
		explicit_bzero(c->head.data, c->head.cap);
	buf_deinit(&c->head);
	free(c);
}

static void check_run(struct offload_job *job)
{
	struct password_check *c = container_of(job, struct password_check, job);
	bool same = password_verify(c->hash, c->given.password);
	c->good = same && c->known;
}

static void check_done(struct offload_job *job)
{
	struct password_check *c = container_of(job, struct password_check, job);
	if (c->checked) {
		atomic_fetch_sub_explicit(&c->tables->n_checks, 1, memory_order_relaxed);
		if (c->good) {
			front_password_keep(c->tables, c->key, loop_now(job->home));
			front_failure_give(c->tables, &c->visitor);
		}
		struct str head = {(const char *)buf_head(&c->head), buf_len(&c->head)};
		c->checked(c->arg, head, c->good);
	}
	check_free(c);
}

/* From the request line to the empty line. */
static int keep_head(struct password_check *c, const struct http1_head *h)
{
	const char *from = h->method_name.p, *end = h->fields[h->n_fields].name.p;
	int r = buf_append(&c->head, from, (size_t)(end - from));
	return r ? r : buf_append(&c->head, "\r\n", 2);
}

static bool start(struct password_check *c, const struct password_question *q)
{
	struct front_tables *t = c->tables;
	if (keep_head(c, q->head) < 0)
		return false;
	if (atomic_fetch_add_explicit(&t->n_checks, 1, memory_order_relaxed) >= FRONT_CHECKS_MAX) {
		atomic_fetch_sub_explicit(&t->n_checks, 1, memory_order_relaxed);
		return false;
	}
	c->checked = q->checked;
	c->arg = q->arg;
	c->visitor = *q->visitor;
	c->job.run = check_run;
	c->job.done = check_done;
	offload_submit(t->checks, q->loop, &c->job);
	return true;
}

/* Whose password it is, and what it is known by. */
static void look_up(struct password_check *c, const struct password_question *q)
{
	const struct user *user = users_find(&q->basic->users, c->given.user);
	c->tables = q->tables;
	c->front = front_hold(q->front);
	c->known = user != NULL;
	c->hash = user ? user->hash : q->basic->users.v[0].hash;
	c->key = front_password_key(c->tables, c->hash, c->given.user, c->given.password);
}

static enum password_state evaluate(struct password_check *c, const struct password_question *q,
	uint64_t *wait_out)
{
	uint64_t now = loop_now(q->loop);
	if (!take_credentials(q->head, &c->given))
		return PASSWORD_MISSING;
	look_up(c, q);
	if (c->known && front_password_is_good(c->tables, c->key, now))
		return PASSWORD_GOOD;
	*wait_out = front_failure_take(c->tables, q->visitor, now);
	if (*wait_out)
		return PASSWORD_WAIT;
	if (start(c, q))
		return PASSWORD_PENDING;
	front_failure_give(c->tables, q->visitor);
	return PASSWORD_BUSY;
}

enum password_state password_check_start(const struct password_question *q,
	struct password_check **out, uint64_t *wait_out)
{
	struct password_check *c = calloc(1, sizeof(*c));
	if (!c)
		return PASSWORD_BUSY;
	enum password_state state = evaluate(c, q, wait_out);
	if (state == PASSWORD_PENDING)
		*out = c;
	else
		check_free(c);
	return state;
}

void password_check_cancel(struct password_check *c)
{
	if (!c)
		return;
	atomic_fetch_sub_explicit(&c->tables->n_checks, 1, memory_order_relaxed);
	c->checked = NULL;
	offload_cancel(&c->job);
}
