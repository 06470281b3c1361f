/* SPDX-License-Identifier: MIT */
#include "cli/top_views.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/macros.h"
#include "cli/age.h"
#include "cli/answer.h"
#include "cli/request_columns.h"

/* Why it fails, or else how it is. */
static int write_state(const json_t *row, bool raw, struct buf *to)
{
	const char *state = answer_text(row, "state");
	const char *why = answer_text(json_object_get(row, "lastError"), "what");
	const char *text = *why && strcmp(state, "ending") != 0 ? why : *state ? state : "-";
	return buf_append(to, text, strlen(text));
}

static const struct column server_services[] = {
	{"PUBLIC", "address", CELL_TEXT, NULL},
	{"CLIENT", "identity", CELL_TEXT, NULL},
	{"REQ/S", "rps", CELL_RATE, NULL},
	{"IN/S", "in", CELL_BYTES, NULL},
	{"OUT/S", "out", CELL_BYTES, NULL},
	{"OPEN", "open", CELL_TEXT, NULL},
	{"P50", "p50", CELL_TIME, NULL},
	{"P99", "p99", CELL_TIME, NULL},
	{"STATE", NULL, CELL_TEXT, write_state},
};

static const struct column server_clients[] = {
	{"CLIENT", "identity", CELL_TEXT, NULL},
	{"FROM", "remoteAddr", CELL_TEXT, NULL},
	{"CONNECTED", "since", CELL_AGE, NULL},
	{"TRIP", "roundTripSeconds", CELL_TIME, NULL},
	{"LINKS", "links", CELL_COUNT, NULL},
	{"SERVICES", "services", CELL_COUNT, NULL},
	{"REQ/S", "rps", CELL_RATE, NULL},
	{"IN/S", "in", CELL_BYTES, NULL},
	{"OUT/S", "out", CELL_BYTES, NULL},
	{"OPEN", "streams", CELL_TEXT, NULL},
	{"LAST ERROR", "lastError.what", CELL_TEXT, NULL},
};

static const struct column client_services[] = {
	{"PUBLIC", "address", CELL_TEXT, NULL},
	{"TO", "upstream", CELL_TEXT, NULL},
	{"CONN/S", "cps", CELL_RATE, NULL},
	{"IN/S", "in", CELL_BYTES, NULL},
	{"OUT/S", "out", CELL_BYTES, NULL},
	{"OPEN", "open", CELL_TEXT, NULL},
	{"STATE", NULL, CELL_TEXT, write_state},
};

static const struct top_view views[][TOP_VIEWS] =
	{
		[SIDE_SERVER] =
			{
				[TOP_SERVICES] = {"/api/v1/publications", server_services,
					ARRAY_LEN(server_services), {"rps", "out", "in", "open"}},
				[TOP_CLIENTS] = {"/api/v1/sessions", server_clients,
					ARRAY_LEN(server_clients), {"rps", "out", "in", "streams"}},
				[TOP_REQUESTS] = {"/api/v1/requests", request_columns, 8, {NULL}},
			},
		[SIDE_CLIENT] =
			{
				[TOP_SERVICES] = {"/api/v1/publications", client_services,
					ARRAY_LEN(client_services), {"cps", "out", "in", "open"}},
				[TOP_REQUESTS] = {"/api/v1/requests", request_columns, 8, {NULL}},
			},
};

const struct top_view *top_view(enum side side, enum top_by by)
{
	return &views[side][by];
}

/* ---- The order ---- */

struct ranked {
	double value;
	size_t at;
	json_t *row;
};

static int by_value(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->value != y->value)
		return x->value < y->value ? 1 : -1;
	return x->at < y->at ? -1 : 1;
}

json_t *top_sorted(const json_t *rows, const char *member)
{
	size_t n = json_array_size(rows);
	struct ranked *v = calloc(n + 1, sizeof *v);
	json_t *sorted = v ? json_array() : NULL;
	for (size_t i = 0; sorted && i < n; i++) {
		json_t *row = json_array_get(rows, i);
		double value = json_number_value(json_object_get(row, member));
		v[i] = (struct ranked){value, i, row};
	}
	if (sorted)
		qsort(v, n, sizeof *v, by_value);
	for (size_t i = 0; sorted && i < n; i++)
		json_array_append(sorted, v[i].row);
	free(v);
	return sorted;
}

/* ---- The head ---- */

static void print_cell(FILE *to, const json_t *overview, const char *member, enum cell cell,
	const char *behind)
{
	const struct column column = {"", member, cell, NULL};
	struct buf text = BUF_NULL;
	if (columns_cell(&column, overview, &text) == 0)
		fprintf(to, "%.*s%s", (int)buf_len(&text), (const char *)buf_head(&text), behind);
	buf_deinit(&text);
}

void top_rates(FILE *to, enum side side, const json_t *o)
{
	if (json_is_number(json_object_get(o, "rps")))
		print_cell(to, o, "rps", CELL_RATE, " requests/s  ");
	if (side == SIDE_CLIENT)
		print_cell(to, o, "cps", CELL_RATE, " connections/s  ");
	print_cell(to, o, "in", CELL_BYTES, "/s in  ");
	print_cell(to, o, "out", CELL_BYTES, "/s out  ");
	fprintf(to, "%lld under way", answer_number(o, "open"));
	if (side == SIDE_SERVER) {
		fputs("  p50 ", to);
		print_cell(to, o, "p50", CELL_TIME, "  p99 ");
		print_cell(to, o, "p99", CELL_TIME, "");
	}
	fputc('\n', to);
}

void top_head(FILE *to, enum side side, const json_t *info, const json_t *overview)
{
	char age[AGE_SIZE];
	int64_t started = age_parse(answer_text(info, "started"));
	if (side == SIDE_CLIENT)
		fprintf(to, "%s to %s", answer_text(info, "hostname"),
			answer_text(info, "exitNode"));
	else
		fprintf(to, "%s", answer_text(info, "hostname"));
	fprintf(to, "  up %s  %s  ", age_format((int64_t)time(NULL) - started, age),
		answer_text(info, "version"));
	print_cell(to, overview, "mem", CELL_BYTES, " of ");
	print_cell(to, overview, "budget", CELL_BYTES, " queued\n");
	top_rates(to, side, overview);
}
