/* SPDX-License-Identifier: MIT */
/* The audit of all changes, as the store has it: newest first, or behind one that was seen. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/admin/api.h"
#include "server/admin/identity_json.h"
#include "api/page.h"
#include "server/store/store_access.h"

struct audit_read {
	struct store_job job;
	struct api_request *request; /* NULL: the process ends */
	struct store_audit_query query;
	json_t *items; /* the helper's until done */
	size_t limit;
	size_t bytes;  /* of details */
	uint64_t last; /* id of the last item */
	bool more, failed;
};

static void audit_row(void *arg, const struct store_audit_row *row)
{
	struct audit_read *a = arg;
	const struct store_note *note = &row->note;
	size_t n = json_array_size(a->items);
	a->bytes += strlen(note->detail);
	/* The first is on the page whatever it has. */
	a->more |= n == a->limit || (n && a->bytes > API_PAGE_BYTES);
	if (a->more)
		return;
	json_t *item = json_pack("{s:I, s:o, s:s, s:s, s:s, s:s, s:o}", "id", (json_int_t)row->id,
		"at", time_json(row->at), "actor", note->actor, "via", note->via, "action",
		note->action, "subject", note->subject, "detail",
		json_loads(note->detail, 0, NULL));
	a->failed |= json_array_append_new(a->items, item) < 0;
	a->last = row->id;
}

static int audit_run(struct store_job *j, struct store *store, struct error *err)
{
	struct audit_read *a = container_of(j, struct audit_read, job);
	return store_audit(store, &a->query, audit_row, a, err);
}

static void audit_done(struct store_job *j)
{
	struct audit_read *a = container_of(j, struct audit_read, job);
	struct api_request *rq = a->request;
	char next[24];
	snprintf(next, sizeof(next), "%" PRIu64, a->last);
	json_t *items = a->items;
	if (rq && j->result < 0) {
		json_decref(items);
		api_refuse(rq, API_NOT_STORED, "the audit cannot be read: %s", j->err.text);
	} else if (rq) {
		if (a->failed) {
			json_decref(items);
			items = NULL;
		}
		/* STORE_NONE: nothing was ever changed. */
		api_answer(rq, 200,
			a->failed ? NULL
				  : json_pack("{s:o, s:o}", "items", items, "next",
					    a->more ? json_string(next) : json_null()));
	} else {
		json_decref(items);
	}
	free(a);
}

static void audit_drop(struct api_request *rq)
{
	struct audit_read *a = rq->work;
	a->request = NULL;
	offload_cancel(&a->job.job);
}

/* A time, or how long ago. */
static bool audit_since(struct api_request *rq, uint64_t *us_out)
{
	const char *text = api_query(rq, "since");
	uint64_t now = policy_now(), span;
	if (!text || policy_time_parse(str_from(text), us_out))
		return true;
	if (policy_duration_parse(str_from(text), &span)) {
		*us_out = span < now ? now - span : 0;
		return true;
	}
	api_refuse(rq, API_INVALID,
		"\"since\" of the query must be a time such as \"2027-01-31T12:00:00Z\", or how "
		"long "
		"ago, such as \"1h\"");
	return false;
}

static void audit_list(struct api_request *rq)
{
	struct store_audit_query query = {0};
	uint64_t limit = API_PAGE_DEFAULT;
	bool oldest_first = false;
	if (!api_query_number(rq, "limit", 1, API_PAGE_MAX, &limit) ||
		!api_query_number(rq, "before", 1, INT64_MAX, &query.before) ||
		!api_query_number(rq, "after", 0, INT64_MAX, &query.after) ||
		!audit_since(rq, &query.since))
		return;
	/* Who asks for what is behind a row follows the audit, in its order. */
	oldest_first = api_query(rq, "after");
	struct audit_read *a = calloc(1, sizeof(*a));
	json_t *items = json_array();
	if (!a || !items) {
		free(a);
		json_decref(items);
		api_answer(rq, 500, NULL);
		return;
	}
	*a = (struct audit_read){.request = rq, .items = items, .limit = limit, .query = query};
	a->query.n = limit + 1;
	a->query.oldest_first = oldest_first;
	a->job.run = audit_run;
	a->job.done = audit_done;
	rq->work = a;
	rq->drop = audit_drop;
	store_access_submit(admin_of(rq)->store, rq->api->loop, &a->job);
}

static const char *const list_query[] = {"limit", "before", "after", "since", NULL};

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/audit", API_OPERATOR, .query = list_query, .run = audit_list},
};
const struct api_operations admin_audit = {rows, ARRAY_LEN(rows)};
