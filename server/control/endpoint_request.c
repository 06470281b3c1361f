/* SPDX-License-Identifier: MIT */
#include "server/control/endpoint_request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/clock.h"
#include "server/control/attach_pace.h"
#include "server/control/change_rows.h"
#include "server/control/grants.h"
#include "server/store/catalog.h"

/* ---- Judged ---- */

__attribute__((format(printf, 3, 4))) static void refuse(struct endpoint_verdict *v,
	enum control_reason reason, const char *fmt, ...)
{
	va_list ap;
	v->answer = ENDPOINT_REFUSED;
	v->reason = reason;
	v->service = NULL;
	v->endpoint = NULL;
	va_start(ap, fmt);
	vsnprintf(v->err.text, sizeof(v->err.text), fmt, ap);
	va_end(ap);
}

/* What can be said of it without a look at what there is. */
static bool request_is_sound(const struct endpoint_request *rq, struct policy_alias *alias,
	char name[POLICY_NAME_SIZE], struct endpoint_verdict *v)
{
	struct error err;
	int r = policy_alias_parse(str_from(rq->service), alias, &err);
	if (r == 0)
		r = policy_name_check(str_from(rq->name ? rq->name : rq->consumer->name), name,
			&err);
	if (r == 0 && rq->message)
		r = policy_message_check(str_from(rq->message), &err);
	if (r < 0)
		refuse(v, CONTROL_REASON_INVALID, "%s", err.text);
	else if (rq->consumer->open)
		refuse(v, CONTROL_REASON_UNSUPPORTED,
			"private services need tokens, and this exit node runs without one "
			"(--no-token)");
	else
		return true;
	return false;
}

/*
 * The endpoint that the consumer has there already, whoever may see the private service by now; NULL: none. Of one
 * that is deleted, too: its consumer is told that it is Disconnected.
 */
static struct endpoint *own_endpoint(const struct catalog *c, const struct endpoint_request *rq,
	const struct policy_alias *alias, const char *name)
{
	const struct private_service *s = catalog_find_service(c, str_from(alias->name));
	if (!s || !policy_alias_is(alias, s->name, s->value.tag))
		return NULL;
	return catalog_find_endpoint(c, s, rq->consumer, str_from(name));
}

static bool key_is_news(const struct endpoint *e, const uint8_t *key)
{
	return key && memcmp(e->value.e2e_key, key, POLICY_KEY_SIZE) != 0;
}

static bool message_is_news(const struct endpoint *e, const char *message)
{
	return message && e->value.state == POLICY_PENDING &&
	       strcmp(e->value.message, message) != 0;
}

static bool kind_fits(const struct endpoint_request *rq, const struct private_service *s,
	struct endpoint_verdict *v)
{
	if (rq->kind == CONTROL_KIND_UNKNOWN || (unsigned)rq->kind == (unsigned)s->value.kind)
		return true;
	refuse(v, CONTROL_REASON_INVALID, "%s is a %s service, not %s", s->name,
		policy_service_kind_name(s->value.kind), control_kind_name(rq->kind));
	return false;
}

/* There is none yet: whether there may be one. */
static void check_new(const struct catalog *c, const struct endpoint_request *rq,
	const struct policy_alias *alias, struct endpoint_verdict *v)
{
	const struct identity *consumer = rq->consumer;
	struct error err;
	struct private_service *s = catalog_find_alias(c, alias);
	bool visible =
		s && policy_visible(&s->value, consumer->name, s->owner == consumer, *alias->tag);
	/* By the name alone, before anything is said of what there is. */
	if (grants_check_consume(consumer, alias->name, &err) < 0)
		refuse(v, CONTROL_REASON_DENIED, "%s", err.text);
	else if (!visible)
		refuse(v, CONTROL_REASON_UNKNOWN,
			"there is no such private service, or %s may not ask for it",
			consumer->name);
	else if (!kind_fits(rq, s, v))
		return;
	else if (!catalog_may_add_endpoint(consumer))
		refuse(v, CONTROL_REASON_LIMIT,
			"%s has as many endpoints as it may, %u: `tunnel endpoint delete` of one "
			"that is not used makes room",
			consumer->name, consumer->n_endpoints);
	else if (c->private.next_link > UINT32_MAX)
		refuse(v, CONTROL_REASON_LIMIT, "this exit node has given all of its link ids");
	else
		v->service = s;
}

/* Once it is clear that it may be seen: who may not is told the same as ever. */
static void check_pace(const struct endpoint_request *rq, struct endpoint_verdict *v)
{
	if (v->answer == ENDPOINT_NEWS && !rq->by_operator &&
		!attach_pace_may_store(rq->consumer, clock_now()))
		refuse(v, CONTROL_REASON_LIMIT,
			"%s has asked for much that had to be stored: it may ask again in a second",
			rq->consumer->name);
}

static void check_sound(const struct catalog *c, const struct endpoint_request *rq,
	struct endpoint_verdict *v)
{
	struct policy_alias alias;
	char name[POLICY_NAME_SIZE];
	*v = (struct endpoint_verdict){.answer = ENDPOINT_NEWS};
	if (!request_is_sound(rq, &alias, name, v))
		return;
	struct endpoint *e = own_endpoint(c, rq, &alias, name);
	if (!e) {
		check_new(c, rq, &alias, v);
	} else if (kind_fits(rq, e->service, v)) {
		v->endpoint = e;
		v->service = e->service;
		if (!key_is_news(e, rq->e2e_key) && !message_is_news(e, rq->message))
			v->answer = ENDPOINT_THERE;
	}
}

void endpoint_request_check(const struct catalog *c, const struct endpoint_request *rq,
	struct endpoint_verdict *verdict_out)
{
	check_sound(c, rq, verdict_out);
	check_pace(rq, verdict_out);
}

struct endpoint *endpoint_request_find(const struct catalog *c, const struct endpoint_request *rq)
{
	struct policy_alias alias;
	struct endpoint_verdict unused;
	char name[POLICY_NAME_SIZE];
	if (!request_is_sound(rq, &alias, name, &unused))
		return NULL;
	return own_endpoint(c, rq, &alias, name);
}

/* ---- Rows ---- */

static bool set_text(struct change *c, char **to, const char *text)
{
	char *copy = policy_text_new(str_from(text));
	if (!copy)
		return change_no_memory(c);
	policy_text_free(*to);
	*to = copy;
	return true;
}

/* What the request says, in a value that is there. */
static bool take_request(struct change *c, struct policy_endpoint *e,
	const struct endpoint_request *rq)
{
	if (rq->e2e_key)
		memcpy(e->e2e_key, rq->e2e_key, sizeof(e->e2e_key));
	e->last_used_at = policy_now();
	return !rq->message || e->state != POLICY_PENDING || set_text(c, &e->message, rq->message);
}

static bool add_new(struct change *c, const struct endpoint_request *rq,
	const struct endpoint_verdict *v)
{
	const struct private_service *s = v->service;
	const struct catalog *catalog = c->queue->catalog;
	struct error err;
	uint64_t consumer = change_identity_id(c, rq->consumer);
	struct store_row *row = consumer ? change_add(c, &c->rows, STORE_ENDPOINT) : NULL;
	if (!row)
		return false;
	struct policy_endpoint *e = &row->endpoint;
	char name[POLICY_NAME_SIZE];
	enum policy_endpoint_how how =
		policy_endpoint_requested(&s->value, rq->consumer->name, s->owner == rq->consumer);
	if (policy_name_check(str_from(rq->name ? rq->name : rq->consumer->name), name, &err) < 0 ||
		policy_endpoint_init(e, name, how) < 0)
		return change_no_memory(c);
	e->id = catalog->private.max_endpoint_id + 1;
	e->link = (uint32_t)catalog->private.next_link;
	e->service = s->value.id;
	e->consumer = consumer;
	return take_request(c, e, rq) && (!rq->message || set_text(c, &e->message, rq->message));
}

static bool add_again(struct change *c, struct change_rows *rows, const struct endpoint_request *rq,
	const struct endpoint *was, bool *cuts_out)
{
	struct policy_endpoint_outcome outcome = {.cuts = false};
	struct error err;
	struct store_row *row = change_add(c, rows, STORE_ENDPOINT);
	if (!row)
		return false;
	row->rev = was->value.rev;
	if (policy_endpoint_copy(&row->endpoint, &was->value) < 0)
		return change_no_memory(c);
	/* Where nobody looks at keys, another one is no reason to ask again. */
	if (key_is_news(was, rq->e2e_key) && policy_key_given(was->service->value.e2e_key) &&
		policy_endpoint_apply(&row->endpoint, POLICY_CHANGE_KEY, STR(""),
			rq->consumer->name, &outcome, &err) < 0)
		return change_no_memory(c);
	*cuts_out = outcome.cuts;
	return take_request(c, &row->endpoint, rq);
}

static bool add_note(struct change *c, const struct endpoint_request *rq,
	const struct policy_endpoint *e, const char *service)
{
	char id[POLICY_ENDPOINT_ID_SIZE], subject[POLICY_NAME_SIZE + POLICY_ENDPOINT_ID_SIZE];
	char message[6 * POLICY_MESSAGE_SIZE + 1], *detail;
	const char *text = rq->message ? rq->message : "";
	message[escape_text(message, sizeof(message) - 1, text, strlen(text), ESCAPE_JSON)] = '\0';
	if (asprintf(&detail, "{\"is\":\"%s\",\"link\":%u,\"message\":\"%s\"}",
		    policy_endpoint_state_name(e->state), e->link, message) < 0)
		return change_no_memory(c);
	snprintf(subject, sizeof(subject), "%s/%s", service,
		policy_endpoint_id_format(rq->consumer->name, e->uid, id));
	return change_note(c, "endpoint.request", subject, detail);
}

bool endpoint_request_add(struct change *c, const struct endpoint_request *rq,
	const struct endpoint_verdict *verdict)
{
	const struct endpoint *was = verdict->endpoint;
	bool cuts = false;
	if (was ? !add_again(c, &c->rows, rq, was, &cuts) : !add_new(c, rq, verdict))
		return false;
	if (cuts && !add_again(c, &c->narrowed, rq, was, &cuts))
		return false;
	if (!rq->by_operator)
		attach_pace_stored(rq->consumer, clock_now());
	/* Also one that waits: its private service's owner is told of it. What is narrowed is enforced already. */
	c->gives = !cuts;
	c->volatile_will_do = true;
	return add_note(c, rq, &c->rows.v[c->rows.n - 1].endpoint, verdict->service->name);
}
