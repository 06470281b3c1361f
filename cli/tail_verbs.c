/* SPDX-License-Identifier: MIT */
/* tunnel tail: a line for each request as it ends; of an exit node summaries, of a client what its inspector has. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/macros.h"
#include "cli/admin_client.h"
#include "cli/answer.h"
#include "cli/any_side.h"
#include "cli/request_columns.h"
#include "cli/target.h"

/* Between two looks: what people take for "at once". */
static const struct timespec pause_between = {.tv_nsec = 200000000};

#define PAGES_MAX 4 /* of 500 requests, of one look: beyond them a line says so */

/*
 * A client has a request from its beginning on, and it is told of at its end. Meanwhile what began behind it is asked
 * for again; of so many.
 */
#define BEHIND_MAX 400

struct tail {
	struct call *c;
	struct columns table;
	char after[24];   /* an id: what is asked for is newer */
	json_t *told;     /* ids behind it that were told of: true */
	long long missed; /* by the server */
	char start[64];   /* of the process that was asked: another one has other requests */
	bool away;        /* it does not answer: said once */
};

static bool status_fits(const char *wanted, const json_t *status)
{
	char text[16];
	snprintf(text, sizeof text, "%d", (int)json_integer_value(status));
	for (size_t i = 0; wanted && wanted[i]; i++)
		if (wanted[i] != 'x' && wanted[i] != 'X' && wanted[i] != text[i])
			return false;
	return true;
}

/* A WebSocket may stay open for hours, and is told of when it is there. */
static bool is_over(const json_t *row)
{
	return strcmp(answer_text(row, "state"), "open") != 0 ||
	       json_is_true(json_object_get(row, "websocket"));
}

static int print_rows(struct tail *t, const json_t *rows)
{
	enum output how = call_output(t->c);
	size_t i;
	const json_t *row;
	json_array_foreach(rows, i, row)
	{
		if (how != OUTPUT_JSON)
			break;
		json_dumpf(row, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		fputc('\n', stdout);
	}
	if (how != OUTPUT_JSON && columns_print(&t->table, stdout, rows, how))
		return error_set(t->c->err, STATUS_FAILED, "no memory");
	if (fflush(stdout) || ferror(stdout))
		return error_set(t->c->err, STATUS_FAILED, "nobody reads what is printed any more");
	return 0;
}

/* One page, the newest first: appended to the rows. What is older is behind *before_out, NULL: nothing is. */
static int ask_page(struct tail *t, json_t *rows, char **before_out)
{
	struct call *c = t->c;
	struct buf list = BUF_NULL, target = BUF_NULL;
	json_t *page = NULL;
	bool no_memory = call_target(c, &list) ||
			 target_append(&target, (const char *)buf_head(&list)) ||
			 target_add(&target, "limit", "500") ||
			 (*t->after && target_add(&target, "after", t->after)) ||
			 (*before_out && target_add(&target, "before", *before_out)) ||
			 buf_append(&target, "", 1);
	free(*before_out);
	*before_out = NULL;
	const struct admin_client_request ask = {"GET", (const char *)buf_head(&target), NULL,
		NULL};
	int r = no_memory ? error_set(c->err, STATUS_FAILED, "no memory")
			  : admin_client_ask(c->transport, &ask, &page, c->err);
	if (!r) {
		const char *next = json_string_value(json_object_get(page, "next"));
		json_array_extend(rows, json_object_get(page, "items"));
		*before_out = next ? strdup(next) : NULL;
		t->missed = answer_number(page, "missed");
	}
	json_decref(page);
	buf_deinit(&list);
	buf_deinit(&target);
	return r;
}

static int ask_rows(struct tail *t, json_t *rows)
{
	char *before = NULL;
	int r = 0;
	for (unsigned i = 0; !r && i < PAGES_MAX && (before || i == 0); i++)
		r = ask_page(t, rows, &before);
	if (!r && before)
		call_advise(t->c, "more requests ended than can be shown");
	free(before);
	return r;
}

/* From the oldest on: what is over and was not told of. `after` moves behind what needs no other look. */
static json_t *take(struct tail *t, const json_t *rows)
{
	json_t *news = json_array();
	size_t n = json_array_size(rows);
	bool whole = true;
	for (size_t i = n; i-- > 0;) {
		const json_t *row = json_array_get(rows, i);
		const char *id = answer_text(row, "id");
		bool over = is_over(row) || i > BEHIND_MAX;
		if (over && !json_object_get(t->told, id)) {
			json_object_set_new(t->told, id, json_true());
			if (status_fits(t->c->o->status, json_object_get(row, "status")))
				json_array_append(news, (json_t *)(uintptr_t)row);
		}
		whole = whole && over;
		if (whole) {
			snprintf(t->after, sizeof t->after, "%s", id);
			json_object_del(t->told, id);
		}
	}
	return news;
}

/* All that is there when it begins was before. */
static int look(struct tail *t, bool first)
{
	json_t *rows = json_array();
	long long missed = t->missed;
	int r = ask_rows(t, rows);
	if (!r && first && json_array_size(rows))
		snprintf(t->after, sizeof t->after, "%s",
			answer_text(json_array_get(rows, 0), "id"));
	json_t *news = r || first ? NULL : take(t, rows);
	if (!r && !first && t->missed > missed)
		call_advise(t->c, "%lld requests are not shown: too many ended at a time",
			t->missed - missed);
	if (json_array_size(news))
		r = print_rows(t, news);
	json_decref(news);
	json_decref(rows);
	return r;
}

/* ---- The server may be started anew meanwhile ---- */

/* Of another process all is new, and its ids may be any. */
static int reach(struct tail *t)
{
	const struct admin_client_request ask = {.method = "GET", .target = "/api/v1/info"};
	json_t *info = NULL;
	enum side side;
	int r = call_open_any(t->c, &side);
	if (!r)
		r = admin_client_ask(t->c->transport, &ask, &info, t->c->err);
	char start[sizeof t->start];
	snprintf(start, sizeof start, "%s %lld", answer_text(info, "started"),
		answer_number(info, "pid"));
	if (!r && strcmp(t->start, start) != 0) {
		strcpy(t->start, start);
		json_object_clear(t->told);
		*t->after = 0;
		t->missed = 0;
	}
	json_decref(info);
	return r;
}

/* What it says is none of ours: it is to be asked again. */
static int next(struct tail *t)
{
	int r = t->away ? reach(t) : 0;
	if (!r && t->away)
		call_advise(t->c, "the server answers again");
	t->away = t->away && r;
	if (!r)
		r = look(t, false);
	if (r != STATUS_NO_ANSWER)
		return r;
	if (!t->away)
		call_advise(t->c, "%s; trying again", t->c->err->text);
	t->away = true;
	call_close(t->c);
	return 0;
}

static int tail(struct call *c)
{
	struct tail t = {.c = c, .told = json_object()};
	columns_init(&t.table, request_columns, n_request_columns, !c->o->quiet);
	/* Lines that come later have no wider cells mostly. */
	for (size_t i = 0; i < n_request_columns; i++)
		t.table.widths[i] = request_widths[i];
	int r = reach(&t);
	if (!r)
		r = look(&t, true);
	while (!r) {
		nanosleep(&pause_between, NULL);
		r = next(&t);
	}
	json_decref(t.told);
	return r;
}

static int check_status(struct str text, struct error *err)
{
	bool fits = text.n == 3;
	for (size_t i = 0; fits && i < text.n; i++)
		fits = (text.p[i] >= '0' && text.p[i] <= '9') || text.p[i] == 'x' ||
		       text.p[i] == 'X';
	return fits ? 0
		    : error_set(err, -EINVAL, "\"%.*s\" is no status: 404, or 5xx", STR_ARG(text));
}

static const struct option_row rows[] = {
	{.name = "host",
		.type = OPTION_STRING,
		.metavar = "HOST",
		.help = "Only requests for this host",
		.brief = "Only requests for this host",
		.offset = ADMIN_AT(host)},
	{.name = "status",
		.type = OPTION_STRING,
		.metavar = "STATUS",
		.check = check_status,
		.help = "Only those that were answered so: 404, or 5xx",
		.brief = "Only those that were answered so: 404, or 5xx",
		.offset = ADMIN_AT(status)},
	{.name = "method",
		.type = OPTION_STRING,
		.metavar = "METHOD",
		.help = "Only requests of this method, in any case of letters",
		.brief = "Only requests of this method",
		.offset = ADMIN_AT(method)},
	{.name = "path",
		.type = OPTION_STRING,
		.metavar = "TEXT",
		.help = "Only requests that have this in their path or their host",
		.brief = "Only requests that have this in path or host",
		.offset = ADMIN_AT(path)},
};

static const struct verb verbs[] = {
	{.name = "",
		.table = {.command = "tail",
			.summary =
				"Prints a line for each HTTP request as it ends: on an exit node a "
				"summary, beside a client what its inspector has.",
			.example = "Examples:\n"
				   "  tunnel tail --status=5xx\n"
				   "  tunnel tail --host=app.example.org --json\n",
			.rows = rows,
			.n = ARRAY_LEN(rows)},
		.method = "GET",
		.path = "/api/v1/requests?host={host}&method={method}&q={path}",
		.columns = request_columns,
		.n_columns = 8,
		.run = tail},
};
const struct noun noun_tail = {.name = "tail",
	.summary = "Requests as they end",
	.verbs = verbs,
	.n = ARRAY_LEN(verbs)};
