/* SPDX-License-Identifier: MIT */
/* tunnel audit: who changed what, the oldest first, as a log reads. */
#include <stdio.h>
#include <time.h>

#include "base/macros.h"
#include "cli/admin_client.h"
#include "cli/answer.h"
#include "cli/change_text.h"
#include "cli/verb.h"

/* Between two looks for more: a person waits for it, and each is one request. */
static const struct timespec follow_pause = {.tv_sec = 1};

/* "2026-11-28T13:01:02Z": without what is below a second, unless a program reads it. */
static int write_time(const json_t *row, bool raw, struct buf *to)
{
	const char *at = answer_text(row, "at");
	size_t n = strcspn(at, ".");
	if (raw || !at[n])
		return buf_append(to, at, strlen(at));
	int r = buf_append(to, at, n);
	return r ? r : buf_append(to, "Z", 1);
}

static const struct column columns[] = {
	{"AT", NULL, CELL_TEXT, write_time},
	{"ACTOR", "actor", CELL_TEXT, NULL},
	{"VIA", "via", CELL_TEXT, NULL},
	{"ACTION", "action", CELL_TEXT, NULL},
	{"SUBJECT", "subject", CELL_TEXT, NULL},
	{"DETAIL", NULL, CELL_TEXT, change_text_write},
};

/* What comes behind the one of that id, oldest first; 0: all since --since. */
static int ask(struct call *c, json_int_t last, json_t **items_out)
{
	struct buf target = BUF_NULL;
	char after[32];
	snprintf(after, sizeof after, "%" JSON_INTEGER_FORMAT, last);
	int r = call_target(c, &target) ? error_set(c->err, STATUS_FAILED, "no memory")
					: call_open(c);
	if (!r)
		r = admin_client_list(c->transport, (const char *)buf_head(&target), after,
			items_out, c->err);
	buf_deinit(&target);
	return r;
}

/* While it follows, JSON is one object a line: an array would never end. */
static int print(struct call *c, struct columns *table, const json_t *items)
{
	enum output how = call_output(c);
	if (how == OUTPUT_JSON && !c->o->follow)
		return call_print_json(c, items);
	size_t i;
	const json_t *item;
	json_array_foreach(items, i, item)
	{
		if (how != OUTPUT_JSON)
			break;
		json_dumpf(item, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		fputc('\n', stdout);
	}
	if (how != OUTPUT_JSON && columns_print(table, stdout, items, how))
		return error_set(c->err, STATUS_FAILED, "no memory");
	if (fflush(stdout) || ferror(stdout))
		return error_set(c->err, STATUS_FAILED, "nobody reads what is printed any more");
	return 0;
}

static int audit(struct call *c)
{
	struct columns table;
	json_int_t last = 0;
	columns_init(&table, columns, ARRAY_LEN(columns), !c->o->quiet);
	for (;;) {
		json_t *items = NULL;
		int r = ask(c, last, &items);
		size_t n = json_array_size(items);
		if (!r && (n || table.head || !c->o->follow))
			r = print(c, &table, items);
		if (n)
			last = answer_number(json_array_get(items, n - 1), "id");
		json_decref(items);
		if (r || !c->o->follow || c->transport->offline)
			return r;
		nanosleep(&follow_pause, NULL);
	}
}

static const struct option_row rows[] = {
	{.name = "follow",
		.letter = 'f',
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Go on with what comes, until it is interrupted",
		.brief = "Go on with what comes",
		.offset = ADMIN_AT(follow)},
	{.name = "since",
		.type = OPTION_STRING,
		.default_text = "24h",
		.metavar = "TIME",
		.help = "How far back: 1h, 7d, or 2027-01-31T00:00:00Z",
		.brief = "How far back: 1h, 7d",
		.offset = ADMIN_AT(since)},
};

static const struct verb verbs[] = {
	{.name = "",
		.table = {.command = "audit",
			.summary = "Lists who changed what, the oldest first.",
			.rows = rows,
			.n = ARRAY_LEN(rows)},
		.offline = true,
		.method = "GET",
		.path = "/api/v1/audit?since={since}",
		.pages = true,
		.columns = columns,
		.n_columns = ARRAY_LEN(columns),
		.run = audit},
};
const struct noun noun_audit = {.name = "audit",
	.summary = "Who changed what",
	.verbs = verbs,
	.n = ARRAY_LEN(verbs)};
