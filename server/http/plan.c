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
	struct plan *p = malloc(sizeof(*p));
	if (!p)
		return NULL;
	*p = (struct plan){.ex = ex,
		.front = front ? front_hold(front) : NULL,
		.route = route,
		.to = route ? route->to : STR_NULL,
		.body_max = UINT64_MAX};
	return p;
}

struct plan *plan_free(struct plan *p)
{
	if (!p)
		return NULL;
	password_check_cancel(p->check);
	loop_timer_cancel(&p->time);
	front_release(p->front);
	front_release(p->client);
	free(p->request.more);
	free(p->response.more);
	buf_deinit(&p->text);
	buf_deinit(&p->path);
	buf_deinit(&p->asked);
	buf_deinit(&p->cookies);
	buf_deinit(&p->head);
	free(p);
	return NULL;
}

size_t plan_memory(const struct plan *p)
{
	if (!p)
		return 0;
	return sizeof(*p) + (p->request.room + p->response.room) * sizeof(struct plan_change) +
	       p->text.cap + p->path.cap + p->asked.cap + p->cookies.cap + p->head.cap;
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
		int r = template_write(&op->value, TEMPLATE_FIELD, f, NULL, &p->text);
		if (r < 0)
			return r == -EMSGSIZE ? HTTP1_E_TOO_LARGE : r;
		change->n = buf_len(&p->text) - change->at;
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

int plan_edit_request(const struct plan *p, struct http1_head *h, struct head_edit *e)
{
	struct head_change *changes = head_edit_changes(e, p->request.n + 2);
	struct str cookies = {(const char *)buf_head(&p->cookies), buf_len(&p->cookies)};
	if (!changes)
		return -ENOMEM;
	size_t n = 0;
	if (p->drops_cookie)
		changes[n++] = (struct head_change){.name = STR("Cookie"),
			.value = cookies,
			.removes = true,
			.adds = cookies.n > 0};
	/* The rule that consumed a password takes it out, unless a later one sets another. */
	if (p->drops_authorization)
		changes[n++] = (struct head_change){.name = STR("Authorization"), .removes = true};
	n += due_changes(p, &p->request, 0, changes + n);
	int r = head_edit(e, h, n);
	if (r < 0 || !buf_len(&p->path))
		return r;
	const char *target = (const char *)buf_head(&p->path);
	const char *query = memchr(target, '?', buf_len(&p->path));
	h->path = (struct str){target, query ? (size_t)(query - target) : buf_len(&p->path)};
	h->query = (struct str){query, buf_len(&p->path) - h->path.n};
	h->size += buf_len(&p->path);
	return true;
}

int plan_edit_response(const struct plan *p, struct http1_head *h, struct str cookie,
	struct head_edit *e)
{
	struct head_change *changes = head_edit_changes(e, p->response.n + 1);
	if (!changes)
		return -ENOMEM;
	size_t n = due_changes(p, &p->response, h->status, changes);
	if (cookie.n)
		changes[n++] = (struct head_change){.name = STR("Set-Cookie"),
			.value = cookie,
			.adds = true};
	return MIN(head_edit(e, h, n), 0);
}
