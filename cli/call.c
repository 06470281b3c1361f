/* SPDX-License-Identifier: MIT */
/* One request of a command and its answer, as the verb's row says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/admin_client.h"
#include "cli/target.h"
#include "cli/verb.h"
#include "config/value.h"

#define OPTION_NAME_MAX 32   /* of a name in braces in a path */
#define OPTION_TEXT_MAX 4096 /* bytes of its value; names have 63, host names 253 */

/* ---- What is asked ---- */

/* The value of the option whose name is between braces at `*path`, which is moved behind them. */
static const char *take_value(const struct call *c, const char **path, char text[OPTION_TEXT_MAX],
	bool *given_out)
{
	const char *name = *path + 1, *end = strchr(name, '}');
	char option[OPTION_NAME_MAX];
	snprintf(option, sizeof option, "%.*s", (int)(end - name), name);
	const struct option_row *row = option_find(&c->verb->table, option, strlen(option)).row;
	*path = end + 1;
	value_format(row, c->o, text, OPTION_TEXT_MAX);
	if (row->type == OPTION_DURATION)
		snprintf(text, OPTION_TEXT_MAX, "%llu",
			(unsigned long long)(*(uint64_t *)option_field(row, c->o) / CLOCK_S));
	/* A command may have taken one apart: HOST/PATH. */
	bool made = row->type == OPTION_STRING && *(char **)option_field(row, c->o);
	*given_out = row->default_text || made || config_given(c->config, option);
	return text;
}

/* "since={since}" and so on, each if it is given or has a default; and "by=source", as it stands. */
static int write_query(const struct call *c, const char *query, struct buf *to)
{
	int r = 0;
	while (!r && *query) {
		char name[OPTION_NAME_MAX], text[OPTION_TEXT_MAX];
		size_t n = strcspn(query, "=");
		bool given;
		snprintf(name, sizeof name, "%.*s", (int)n, query);
		query += n + 1;
		if (*query == '{') {
			take_value(c, &query, text, &given);
		} else {
			n = strcspn(query, "&");
			snprintf(text, sizeof text, "%.*s", (int)n, query);
			query += n;
			given = true;
		}
		query += strspn(query, "&");
		if (given)
			r = target_add(to, name, text);
	}
	return r;
}

int call_target(const struct call *c, struct buf *to)
{
	const char *path = c->verb->path;
	int r = 0;
	while (!r && *path && *path != '?') {
		char text[OPTION_TEXT_MAX];
		size_t n = strcspn(path, "{?");
		bool given;
		r = buf_append(to, path, n);
		path += n;
		if (!r && *path == '{')
			r = target_encode(to, take_value(c, &path, text, &given));
	}
	if (!r && *path == '?')
		r = write_query(c, path + 1, to);
	return r ? r : buf_append(to, "", 1);
}

int call_ask(struct call *c, json_t **answer_out)
{
	struct buf target = BUF_NULL;
	json_t *body = NULL;
	int r = call_target(c, &target) ? error_set(c->err, STATUS_FAILED, "no memory") : 0;
	if (!r && c->verb->body)
		r = c->verb->body(c, &body);
	if (!r)
		r = call_open(c);
	const struct admin_client_request ask = {c->verb->method, (const char *)buf_head(&target),
		body, c->o->if_match};
	if (!r && c->verb->pages)
		r = admin_client_list(c->transport, ask.target, NULL, answer_out, c->err);
	else if (!r)
		r = admin_client_ask(c->transport, &ask, answer_out, c->err);
	json_decref(body);
	buf_deinit(&target);
	return r;
}

/* ---- How it is printed ---- */

enum output call_output(const struct call *c)
{
	/* What a query picks is no row of ours. */
	return c->o->json || c->o->query ? OUTPUT_JSON : (enum output)c->o->output;
}

static int print_table(struct call *c, const json_t *answer)
{
	struct columns columns;
	enum output how = call_output(c);
	columns_init(&columns, c->verb->columns, c->verb->n_columns, !c->o->quiet);
	json_t *row = json_is_array(answer) ? NULL : json_pack("[O]", answer);
	int r = how == OUTPUT_TABLE && row
			? columns_print_one(&columns, stdout, answer)
			: columns_print(&columns, stdout, row ? row : answer, how);
	json_decref(row);
	return r ? error_set(c->err, STATUS_FAILED, "no memory") : 0;
}

int call_print(struct call *c, const json_t *answer)
{
	enum output how = call_output(c);
	if (how == OUTPUT_JSON)
		return call_print_json(c, answer);
	if (c->verb->say && (how == OUTPUT_TABLE || !c->verb->n_columns))
		return c->verb->say(c, answer);
	return c->verb->n_columns ? print_table(c, answer) : 0;
}

int call_run(struct call *c)
{
	json_t *answer = NULL;
	if (c->verb->question &&
		!call_agreed(c, c->verb->question, c->o->name ? c->o->name : c->o->id))
		return error_set(c->err, STATUS_FAILED, "nothing is changed");
	int r = call_ask(c, &answer);
	if (!r)
		r = call_print(c, answer);
	json_decref(answer);
	return r;
}

int call_run_as(struct call *c, const struct verb *verb)
{
	const struct verb *was = c->verb;
	c->verb = verb;
	int r = call_run(c);
	c->verb = was;
	return r;
}
