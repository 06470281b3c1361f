/* SPDX-License-Identifier: MIT */
/* tunnel apply: identities, private services, endpoints and intentions as a file says. */
#include <string.h>

#include "base/macros.h"
#include "cli/answer.h"
#include "cli/change_text.h"
#include "cli/apply_file.h"
#include "cli/verb.h"

static const struct column columns[] = {
	{"ACTION", "action", CELL_TEXT, NULL},
	{"SUBJECT", "subject", CELL_TEXT, NULL},
	{"DETAIL", NULL, CELL_TEXT, change_text_write},
};

static int file_body(struct call *c, json_t **body_out)
{
	return apply_file_read(c->o->file, body_out, c->err);
}

/* Those that are as the file says already are no change. */
static json_t *changes_of(const json_t *answer)
{
	json_t *changes = json_array();
	size_t i;
	json_t *change;
	json_array_foreach(json_object_get(answer, "changes"), i,
		change) if (strcmp(answer_text(change, "action"), "none") != 0)
		json_array_append(changes, change);
	return changes;
}

static void say_tokens(struct call *c, const json_t *tokens)
{
	const char *name;
	json_t *token;
	json_object_foreach((json_t *)tokens, name, token)
	{
		printf("%s\t%s\n", name, json_string_value(token));
	}
	if (json_object_size(tokens))
		call_advise(c,
			"the tokens of new identities are shown only now: name and token in each "
			"line above");
}

static int apply(struct call *c)
{
	json_t *answer = NULL;
	int r = call_ask(c, &answer);
	enum output how = call_output(c);
	if (!r && how == OUTPUT_JSON) {
		r = call_print_json(c, answer);
	} else if (!r) {
		json_t *changes = changes_of(answer);
		struct columns table;
		columns_init(&table, columns, ARRAY_LEN(columns), false);
		if (!json_array_size(changes))
			call_say(c, "everything is as %s says already",
				strcmp(c->o->file, "-") == 0 ? "standard input" : c->o->file);
		if (!c->o->quiet && columns_print(&table, stdout, changes, how))
			r = error_set(c->err, STATUS_FAILED, "no memory");
		say_tokens(c, json_object_get(answer, "tokens"));
		if (answer_number(answer, "streamsCut"))
			call_advise(c, "cut %lld stream%s", answer_number(answer, "streamsCut"),
				plural(answer_number(answer, "streamsCut")));
		if (c->o->dry_run && json_array_size(changes))
			call_advise(c, "nothing is changed: --dry-run");
		json_decref(changes);
	}
	json_decref(answer);
	return r;
}

static const struct option_operand file = {.metavar = "FILE",
	.help = "The file, YAML or JSON; - is standard input",
	.option = "file",
	.missing = "the file is missing: -f FILE"};
static const struct option_row rows[] = {
	{.name = "file",
		.letter = 'f',
		.type = OPTION_STRING,
		.metavar = "FILE",
		.help = "The file, YAML or JSON; - is standard input. It may also stand alone, "
			"without "
			"--file",
		.brief = "The file, YAML or JSON; - is standard input",
		.offset = ADMIN_AT(file)},
	{.name = "dry-run",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Print what would change, and change nothing",
		.brief = "Print what would change, and change nothing",
		.offset = ADMIN_AT(dry_run)},
};

static const struct verb verbs[] = {
	{.name = "",
		.table = {.command = "apply",
			.summary = "Makes identities, private services, endpoints and intentions "
				   "as a file says, and prints what changes.",
			.usage = "-f FILE [OPTION]...",
			.example = "The file has the options of tunnel token create:\n"
				   "  identities:\n"
				   "    - name: web\n"
				   "      hosts: [web.example.org, '*.web.example.org']\n"
				   "    - name: ssh\n"
				   "      ports: 2222\n"
				   "  services:\n"
				   "    - {name: redis, owner: ssh, visibility: web}\n"
				   "  endpoints:\n"
				   "    - {consumer: web, service: redis, status: Approved}\n"
				   "  intentions:\n"
				   "    - {source: web, destination: redis, action: deny}\n",
			.rows = rows,
			.n = ARRAY_LEN(rows),
			.operands = &file,
			.n_operands = 1},
		.offline = true,
		.method = "POST",
		.path = "/api/v1/apply?dryRun={dry-run}",
		.body = file_body,
		.columns = columns,
		.n_columns = ARRAY_LEN(columns),
		.run = apply},
};
const struct noun noun_apply = {.name = "apply",
	.summary = "Identities, private services, endpoints and intentions as a file says",
	.verbs = verbs,
	.n = ARRAY_LEN(verbs)};
