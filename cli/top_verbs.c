/* SPDX-License-Identifier: MIT */
/* tunnel top: what a program carries, by its busiest services, clients or latest requests, again and again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/macros.h"
#include "cli/admin_client.h"
#include "cli/screen.h"
#include "cli/top_views.h"

static const char *const by_words[] = {"services", "clients", "requests", NULL};
static const char *const sort_words[] = {"rate", "out", "in", "open", NULL};

struct top {
	struct call *c;
	enum side side;
	enum top_by by;
	enum top_sort sort;
	json_t *info, *overview, *rows;
};

static void forget(json_t **value)
{
	json_decref(*value);
	*value = NULL;
}

static int get(struct top *t, const char *target, json_t **out)
{
	const struct admin_client_request ask = {.method = "GET", .target = target};
	forget(out);
	return admin_client_ask(t->c->transport, &ask, out, t->c->err);
}

/* The newest requests are one page; of the others all are asked for, as the busiest may be the last. */
static int get_rows(struct top *t, const struct top_view *view)
{
	json_t *page = NULL;
	forget(&t->rows);
	if (view->sorts[t->sort])
		return admin_client_list(t->c->transport, view->list, NULL, &t->rows, t->c->err);
	int r = get(t, view->list, &page);
	t->rows = json_incref(json_object_get(page, "items"));
	json_decref(page);
	return r;
}

static int ask(struct top *t)
{
	bool anew = !t->c->transport; /* also behind a restart, when it is another process */
	int r = anew ? call_open_any(t->c, &t->side) : 0;
	if (!r && (anew || !t->info))
		r = get(t, "/api/v1/info", &t->info);
	const struct top_view *view = top_view(t->side, t->by);
	if (!r && !view->list)
		return error_set(t->c->err, STATUS_USAGE, "a client has no %s to show",
			by_words[t->by]);
	if (!r)
		r = get(t, "/api/v1/overview", &t->overview);
	if (!r)
		r = get_rows(t, view);
	if (!r && view->sorts[t->sort]) {
		json_t *sorted = top_sorted(t->rows, view->sorts[t->sort]);
		forget(&t->rows);
		t->rows = sorted;
	}
	return r;
}

static int print_table(struct top *t, FILE *to, size_t most)
{
	const struct top_view *view = top_view(t->side, t->by);
	struct columns columns;
	json_t *rows = json_array();
	for (size_t i = 0; i < json_array_size(t->rows) && i < most; i++)
		json_array_append(rows, json_array_get(t->rows, i));
	columns_init(&columns, view->columns, view->n, !t->c->o->quiet);
	int r = columns_print(&columns, to, rows, call_output(t->c));
	json_decref(rows);
	return r;
}

/* ---- Once ---- */

static void wait_for(uint64_t us)
{
	struct timespec pause = {.tv_sec = (time_t)(us / CLOCK_S),
		.tv_nsec = (long)(us % CLOCK_S) * 1000};
	nanosleep(&pause, NULL);
}

static int print_once(struct top *t)
{
	struct call *c = t->c;
	if (call_output(c) == OUTPUT_JSON) {
		json_t *whole = json_pack("{s:O, s:O}", "overview", t->overview, "items", t->rows);
		int r = call_print_json(c, whole);
		json_decref(whole);
		return r;
	}
	if (call_output(c) == OUTPUT_TABLE && !c->o->quiet) {
		top_head(stdout, t->side, t->info, t->overview);
		putchar('\n');
	}
	return print_table(t, stdout, SIZE_MAX) ? error_set(c->err, STATUS_FAILED, "no memory") : 0;
}

/* Rates are those between two looks. */
static int once(struct top *t)
{
	int r = ask(t);
	if (!r)
		wait_for(t->c->o->every);
	r = r ? r : ask(t);
	return r ? r : print_once(t);
}

/* ---- On a terminal ---- */

#define AROUND 5 /* lines of the screen that are not rows of the table */

static void draw(struct top *t, const char *trouble)
{
	char *text = NULL;
	size_t n = 0, rows = screen_rows();
	FILE *to = open_memstream(&text, &n);
	if (!to)
		return;
	top_head(to, t->side, t->info, t->overview);
	const struct top_view *view = top_view(t->side, t->by);
	const char *sorted = view->sorts[t->sort] ? sort_words[t->sort] : "the newest first";
	if (trouble)
		fprintf(to, "! %s\n\n", trouble);
	else
		fprintf(to, "%s by %s   [q]uit [s]ort [w]ho [r]equests\n\n", by_words[t->by],
			sorted);
	print_table(t, to, rows > AROUND ? rows - AROUND : 1);
	fclose(to);
	screen_show(text, n);
	free(text);
}

/* False: it ends. */
static bool pressed(struct top *t, char key)
{
	switch (key) {
	case 's':
		t->sort = (t->sort + 1) % TOP_SORTS;
		break;
	case 'w':
		t->by = t->by == TOP_SERVICES && t->side == SIDE_SERVER ? TOP_CLIENTS
									: TOP_SERVICES;
		break;
	case 'r':
		t->by = t->by == TOP_REQUESTS ? TOP_SERVICES : TOP_REQUESTS;
		break;
	default:
		break;
	}
	return key != 'q';
}

/* The server may be started anew meanwhile: it is reached again at the next look. */
static int refresh(struct top *t)
{
	const char *trouble = NULL;
	char key = 0;
	int r = screen_begin(t->c->err) ? STATUS_FAILED : 0;
	while (!r) {
		draw(t, trouble);
		enum screen_event event = screen_wait((int)(t->c->o->every / CLOCK_MS), &key);
		if (event == SCREEN_END || (event == SCREEN_KEY && !pressed(t, key)))
			break;
		trouble = ask(t) ? t->c->err->text : NULL;
		if (trouble)
			call_close(t->c);
	}
	screen_end();
	return r;
}

static int top(struct call *c)
{
	struct top t = {.c = c, .by = (enum top_by)c->o->by, .sort = (enum top_sort)c->o->sort};
	bool full = !c->o->once && call_output(c) == OUTPUT_TABLE && screen_is_there();
	int r = full ? ask(&t) : once(&t);
	if (!r && full)
		r = refresh(&t);
	forget(&t.info);
	forget(&t.overview);
	forget(&t.rows);
	return r;
}

static const struct option_row rows[] = {
	{.name = "once",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Print one table and end, as without a terminal",
		.brief = "Print one table and end",
		.offset = ADMIN_AT(once)},
	{.name = "every",
		.type = OPTION_DURATION,
		.default_text = "1s",
		.min = CLOCK_S,
		.max = 3600 * CLOCK_S,
		.help = "The time between two looks, which rates are of",
		.brief = "The time between two looks",
		.offset = ADMIN_AT(every)},
	{.name = "by",
		.type = OPTION_ENUM,
		.default_text = "services",
		.metavar = "WHAT",
		.values = by_words,
		.help = "What stands in the rows at first: services, clients of an exit node, or "
			"requests",
		.brief = "The rows: services, clients or requests",
		.offset = ADMIN_AT(by)},
	{.name = "sort",
		.type = OPTION_ENUM,
		.default_text = "rate",
		.metavar = "COLUMN",
		.values = sort_words,
		.help = "What the first row has most of: requests a second (rate), bytes a second "
			"out or in, or what is open",
		.brief = "What the first row has most of",
		.offset = ADMIN_AT(sort)},
};

static const struct verb verbs[] = {
	{.name = "",
		.table = {.command = "top",
			.summary = "Shows what a server or a client carries, the busiest services "
				   "first, "
				   "until q is typed.",
			.example = "Examples:\n"
				   "  tunnel top\n"
				   "  tunnel top --once --by=clients\n",
			.rows = rows,
			.n = ARRAY_LEN(rows)},
		.run = top},
};
const struct noun noun_top = {.name = "top",
	.summary = "The busiest services and clients",
	.verbs = verbs,
	.n = ARRAY_LEN(verbs)};
