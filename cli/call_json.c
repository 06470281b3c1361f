/* SPDX-License-Identifier: MIT */
/* Answers as JSON, all of one or what --query picks. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "cli/query.h"
#include "cli/verb.h"

static int cannot(struct call *c)
{
	return error_set(c->err, STATUS_FAILED, "the answer cannot be printed");
}

static int print_json(struct call *c, const json_t *value)
{
	/* jansson leaves characters that turn a line around as they are. */
	size_t flags = JSON_INDENT(2) | JSON_ENCODE_ANY;
	if (isatty(STDOUT_FILENO))
		flags |= JSON_ENSURE_ASCII;
	if (json_dumpf(value, stdout, flags))
		return cannot(c);
	fputc('\n', stdout);
	return 0;
}

/* ---- Values alone, as az prints them with -o tsv ---- */

/* A text as it stands, but for what would begin another line; other values as JSON; null as "None". */
static int print_value(struct call *c, const json_t *value)
{
	const char *text = json_string_value(value);
	auto_free char *json = text ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	char shown[1024];
	if (json_is_null(value))
		text = "None";
	else if (!text)
		text = json;
	if (!text)
		return cannot(c);
	for (size_t n = strlen(text), at = 0; at < n;) {
		size_t part = n - at < sizeof shown / 4 ? n - at : sizeof shown / 4;
		while (at + part < n && part > 1 && ((unsigned char)text[at + part] & 0xc0) == 0x80)
			part--;
		shown[escape_text(shown, sizeof shown - 1, text + at, part, ESCAPE_SENTENCE)] =
			'\0';
		fputs(shown, stdout);
		at += part;
	}
	return 0;
}

/* The values of a list or an object with tabs between. */
static int print_row(struct call *c, json_t *row)
{
	size_t i;
	json_t *value;
	const char *name, *tab = "";
	int r = 0;
	if (!json_is_array(row) && !json_is_object(row))
		r = print_value(c, row);
	json_array_foreach(row, i, value)
	{
		fputs(i ? "\t" : "", stdout);
		r = r ? r : print_value(c, value);
	}
	json_object_foreach(row, name, value)
	{
		fputs(tab, stdout);
		tab = "\t";
		r = r ? r : print_value(c, value);
	}
	fputc('\n', stdout);
	return r;
}

static int print_values(struct call *c, json_t *picked)
{
	size_t i;
	json_t *row;
	int r = 0;
	if (!json_is_array(picked))
		return print_row(c, picked);
	json_array_foreach(picked, i, row) r = r ? r : print_row(c, row);
	return r;
}

/* ---- All ---- */

static int print_picked(struct call *c, const json_t *answer)
{
	struct query *q = NULL;
	bool values = !c->o->json && (c->o->output == OUTPUT_TSV || c->o->output == OUTPUT_NAME);
	if (query_parse(str_from(c->o->query), &q, c->err))
		return STATUS_USAGE;
	json_t *picked = query_run(q, (json_t *)(uintptr_t)answer, c->err);
	int r = !picked ? STATUS_FAILED : values ? print_values(c, picked) : print_json(c, picked);
	json_decref(picked);
	query_free(q);
	return r;
}

int call_print_json(struct call *c, const json_t *answer)
{
	if (!answer)
		return 0;
	return c->o->query ? print_picked(c, answer) : print_json(c, answer);
}
