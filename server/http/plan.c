/* SPDX-License-Identifier: MIT */
#include "server/http/plan.h"

#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "server/http/password_check.h"
#include "wire/http1.h"

#define MORE_FIRST 8 /* places at first */

struct plan *plan_new(struct exchange *ex, const struct front *front,
	const struct front_route *route)
{
	struct plan *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->ex = ex;
	p->front = front_hold(front);
	p->route = route;
	p->to = route->to;
	p->body_max = UINT64_MAX;
	return p;
}

struct plan *plan_free(struct plan *p)
{
	if (!p)
		return NULL;
	password_check_cancel(p->check);
	loop_timer_cancel(&p->time);
	front_release(p->front);
	free(p->request.more);
	free(p->response.more);
	buf_deinit(&p->text);
	buf_deinit(&p->path);
	buf_deinit(&p->asked);
	free(p);
	return NULL;
}

size_t plan_memory(const struct plan *p)
{
	if (!p)
		return 0;
	return sizeof(*p) + (p->request.room + p->response.room) * sizeof(struct plan_change) +
	       p->text.cap + p->path.cap + p->asked.cap;
}

static struct plan_change *next_change(struct plan_changes *list)
{
	if (list->n < PLAN_CHANGES_FIRST)
		return &list->first[list->n++];
	size_t n = list->n - PLAN_CHANGES_FIRST;
	if (n == list->room) {
		size_t room = list->room ? 2 * list->room : MORE_FIRST;
		struct plan_change *more = reallocarray(list->more, room, sizeof(*more));
		if (!more)
			return NULL;
		list->more = more;
		list->room = room;
	}
	list->n++;
	return &list->more[n];
}

static const struct plan_change *change_at(const struct plan_changes *list, size_t i)
{
	return i < PLAN_CHANGES_FIRST ? &list->first[i] : &list->more[i - PLAN_CHANGES_FIRST];
}

int plan_add(struct plan *p, const struct rule *rule, struct facts *f)
{
	struct plan_changes *list = rule->verb == VERB_RESPONSE ? &p->response : &p->request;
	for (size_t i = 0; i < rule->fields.n; i++) {
		const struct field_op *op = &rule->fields.v[i];
		struct plan_change *change = next_change(list);
		if (!change)
			return -ENOMEM;
		*change = (struct plan_change){.rule = rule, .op = op, .at = buf_len(&p->text)};
		if (op->change == FIELD_REMOVE || op->is_plain)
			continue;
		if (template_write(&op->value, TEMPLATE_FIELD, f, NULL, &p->text) < 0)
			return -ENOMEM;
		change->n = buf_len(&p->text) - change->at;
		if (buf_len(&p->text) > PLAN_TEXT_MAX)
			return HTTP1_E_TOO_LARGE;
	}
	return 0;
}

/* Those that are due, as a head is edited with them. How many. */
static size_t due_changes(const struct plan *p, const struct plan_changes *list, unsigned status,
	struct head_change *out)
{
	size_t n = 0;
	for (size_t i = 0; i < list->n; i++) {
		const struct plan_change *c = change_at(list, i);
		if (status && !when_holds_status(&c->rule->when, status))
			continue;
		const char *text = (const char *)buf_head(&p->text) + c->at;
		out[n++] = (struct head_change){.name = c->op->name,
			.value = c->op->is_plain ? c->op->plain : (struct str){text, c->n},
			.removes = c->op->change != FIELD_ADD,
			.adds = c->op->change != FIELD_REMOVE};
	}
	return n;
}

/* The one that consumed a password takes it out, unless a rule sets another one. */
static const struct http1_head *edit(const struct plan *p, const struct plan_changes *list,
	unsigned status, bool drops, const struct http1_head *h, struct head_edit *e)
{
	struct head_change *changes = head_edit_changes(e, list->n + 1);
	if (!changes)
		return NULL;
	size_t n = 0;
	if (drops)
		changes[n++] = (struct head_change){.name = STR("Authorization"), .removes = true};
	n += due_changes(p, list, status, changes + n);
	return head_edit(e, h, changes, n) < 0 ? NULL : &e->head;
}

const struct http1_head *plan_request_head(struct plan *p, const struct http1_head *h,
	struct head_edit *e)
{
	if (!edit(p, &p->request, 0, p->drops_authorization, h, e))
		return NULL;
	if (buf_len(&p->path)) {
		const char *target = (const char *)buf_head(&p->path);
		size_t n = buf_len(&p->path);
		const char *query = memchr(target, '?', n);
		e->head.path = (struct str){target, query ? (size_t)(query - target) : n};
		e->head.query = (struct str){query, n - e->head.path.n};
		e->head.size += n;
	}
	return &e->head;
}

const struct http1_head *plan_response_head(struct plan *p, const struct http1_head *h,
	struct head_edit *e)
{
	return p->response.n ? edit(p, &p->response, h->status, false, h, e) : h;
}
