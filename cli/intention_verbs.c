/* SPDX-License-Identifier: MIT */
/* tunnel intention: who may use which private service, in the words of Consul's command. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "cli/admin_client.h"
#include "cli/age.h"
#include "cli/answer.h"
#include "cli/intention_check.h"
#include "cli/intention_file.h"
#include "cli/target.h"
#include "cli/verb.h"

#define INTENTIONS "/api/v1/intentions"
#define INTENTION  INTENTIONS "/{source}/{destination}"

static int no_memory(struct call *c)
{
	return error_set(c->err, STATUS_FAILED, "no memory");
}

/* What it cut is for the person; a script reads the line before. */
static void say_cut(struct call *c, const json_t *answer)
{
	long long cut = answer_number(answer, "streamsCut");
	if (cut)
		call_advise(c, "cut %lld stream%s", cut, plural(cut));
}

static void say_pair(const json_t *intention, struct call *c, const char *before)
{
	call_say(c, "%s%s => %s (%s)", before, answer_text(intention, "source"),
		answer_text(intention, "destination"), answer_text(intention, "action"));
}

/* ---- create ---- */

/* "K=V" of each --meta. */
static int put_meta(struct call *c, json_t *intention)
{
	json_t *meta = c->o->meta.n ? json_object() : NULL;
	for (size_t i = 0; i < c->o->meta.n; i++) {
		const char *pair = c->o->meta.v[i], *sign = strchr(pair, '=');
		if (json_object_setn_new(meta, pair, (size_t)(sign - pair),
			    json_string(sign + 1))) {
			json_decref(meta);
			return error_set(c->err, STATUS_USAGE, "--meta: \"%s\" is not UTF-8", pair);
		}
	}
	return !meta || json_object_set_new(intention, "meta", meta) == 0 ? 0 : no_memory(c);
}

static int typed(struct call *c, json_t *list)
{
	const struct admin_options *o = c->o;
	if (!o->source || !o->destination)
		return error_set(c->err, STATUS_USAGE,
			"two names are needed, SOURCE and DESTINATION, such as web and redis in "
			"tunnel intention create web redis");
	json_t *intention = json_pack("{s:s, s:s, s:s, s:s*}", "source", o->source, "destination",
		o->destination, "action", o->deny ? "deny" : "allow", "description",
		o->description);
	if (!intention || json_array_append_new(list, intention))
		return error_set(c->err, STATUS_USAGE, "a name or the description is not UTF-8");
	return put_meta(c, intention);
}

static int from_files(struct call *c, json_t *list)
{
	const struct admin_options *o = c->o;
	int r = 0;
	if (o->source || o->destination || o->allow || o->deny || o->meta.n || o->description)
		return error_set(c->err, STATUS_USAGE,
			"--file has all of an intention: nothing else of it may be given beside");
	for (size_t i = 0; !r && i < o->files.n; i++)
		r = intention_file_read(o->files.v[i], list, c->err);
	return r;
}

/* POST for a new one; PUT for the one that a pair has, whether it is there or not. 0 or -ENOMEM. */
static int write_target(const struct call *c, const json_t *intention, struct buf *to)
{
	int r = target_append(to, INTENTIONS);
	if (c->o->replace)
		r = r || target_append(to, "/") ||
		    target_encode(to, answer_text(intention, "source")) || target_append(to, "/") ||
		    target_encode(to, answer_text(intention, "destination"));
	if (c->o->keep_live)
		r = r || target_add(to, "keepLive", "true");
	return r ? r : buf_append(to, "", 1);
}

static int ask_for(struct call *c, json_t *intention, json_t **answer_out)
{
	struct buf target = BUF_NULL;
	json_auto_t *body = json_copy(intention);
	int r = write_target(c, intention, &target) || !body ? no_memory(c) : call_open(c);
	if (c->o->replace) {
		json_object_del(body, "source");
		json_object_del(body, "destination");
	}
	const struct admin_client_request ask = {.method = c->o->replace ? "PUT" : "POST",
		.target = (const char *)buf_head(&target),
		.body = body};
	if (!r)
		r = admin_client_ask(c->transport, &ask, answer_out, c->err);
	buf_deinit(&target);
	return r;
}

static int create_one(struct call *c, json_t *intention, json_t *answers)
{
	json_t *answer = NULL;
	int r = ask_for(c, intention, &answer);
	if (!r && call_output(c) != OUTPUT_JSON)
		say_pair(answer, c,
			json_is_true(json_object_get(answer, "replaced")) ? "Replaced: "
									  : "Created: ");
	if (!r)
		say_cut(c, answer);
	if (!r && json_array_append(answers, answer))
		r = no_memory(c);
	json_decref(answer);
	return r;
}

/* Of several files one after the other, up to the first that is refused, as Consul's command does. */
static int create(struct call *c)
{
	json_auto_t *list = json_array(), *answers = json_array();
	size_t i;
	json_t *intention;
	if (!list || !answers)
		return no_memory(c);
	if (c->o->allow && c->o->deny)
		return error_set(c->err, STATUS_USAGE,
			"only one of --allow and --deny may be given");
	int r = c->o->files.n ? from_files(c, list) : typed(c, list);
	json_array_foreach(list, i, intention) r = r ? r : create_one(c, intention, answers);
	if (call_output(c) == OUTPUT_JSON && json_array_size(answers)) {
		int printed =
			call_print_json(c, c->o->files.n ? answers : json_array_get(answers, 0));
		r = r ? r : printed;
	}
	return r;
}

/* ---- list, match ---- */

/* The first eight characters, as with commits: to be told apart by eye. */
static int write_id(const json_t *row, bool raw, struct buf *to)
{
	const char *id = answer_text(row, "id");
	return buf_append(to, id, raw ? strlen(id) : strcspn(id, "-"));
}

static const struct column columns[] = {
	{"ID", NULL, CELL_TEXT, write_id},
	{"SOURCE", "source", CELL_TEXT, NULL},
	{"ACTION", "action", CELL_TEXT, NULL},
	{"DESTINATION", "destination", CELL_TEXT, NULL},
	{"PRECEDENCE", "precedence", CELL_TEXT, NULL},
};

static int say_matches(struct call *c, const json_t *answer)
{
	size_t i;
	const json_t *intention;
	json_array_foreach(answer, i, intention)
		printf("%s => %s (%s)\n", answer_text(intention, "source"),
			answer_text(intention, "destination"), answer_text(intention, "action"));
	return 0;
}

static int match(struct call *c)
{
	struct verb one = *c->verb;
	if (c->o->by_source && c->o->by_destination)
		return error_set(c->err, STATUS_USAGE,
			"only one of --source and --destination may be given");
	if (c->o->by_source)
		one.path = INTENTIONS "/match?by=source&name={name}";
	c->verb = &one;
	return call_run(c);
}

/* ---- get ---- */

/* As Consul's command has it: RFC 850, whose years have two digits, in the time of this place. */
static json_t *created_at(const json_t *intention)
{
	char day[32], hour[32], text[96];
	time_t then = (time_t)age_parse(answer_text(intention, "createdAt"));
	struct tm tm;
	if (then < 0 || !localtime_r(&then, &tm) || !strftime(day, sizeof day, "%A, %d-%b", &tm) ||
		!strftime(hour, sizeof hour, "%H:%M:%S %Z", &tm))
		return json_null();
	snprintf(text, sizeof text, "%s-%02d %s", day, tm.tm_year % 100, hour);
	return json_string(text);
}

/* A line; of what is not there none. */
static void add(json_t *flat, const char *title, json_t *value)
{
	if (json_is_string(value) && *json_string_value(value))
		json_object_set(flat, title, value);
	json_decref(value);
}

static json_t *flatten(const json_t *intention)
{
	json_t *flat = json_object(), *value;
	const char *key;
	add(flat, "Source", json_incref(json_object_get(intention, "source")));
	add(flat, "Destination", json_incref(json_object_get(intention, "destination")));
	add(flat, "Action", json_incref(json_object_get(intention, "action")));
	add(flat, "ID", json_incref(json_object_get(intention, "id")));
	add(flat, "Description", json_incref(json_object_get(intention, "description")));
	json_object_foreach(json_object_get(intention, "meta"), key, value)
	{
		auto_free char *title = NULL;
		if (asprintf(&title, "Meta[%s]", key) >= 0)
			add(flat, title, json_incref(value));
	}
	add(flat, "Created At", created_at(intention));
	return flat;
}

static int say_intention(struct call *c, const json_t *intention)
{
	json_auto_t *flat = flatten(intention);
	struct column *lines = calloc(json_object_size(flat) + 1, sizeof *lines);
	struct columns table;
	const char *title;
	json_t *value;
	size_t n = 0;
	if (!lines)
		return no_memory(c);
	json_object_foreach(flat, title, value) lines[n++] =
		(struct column){.title = title, .member = title, .cell = CELL_TEXT};
	columns_init(&table, lines, n, true);
	int r = columns_print_one(&table, stdout, flat) ? no_memory(c) : 0;
	free(lines);
	return r;
}

/* ---- delete ---- */

/* Also when there was none: what was asked for is so. */
static int say_deleted(struct call *c, const json_t *answer)
{
	call_say(c, "Intention deleted.");
	say_cut(c, answer);
	return 0;
}

/* ---- The table ---- */

static int check_meta(struct str text, struct error *err)
{
	const char *sign = memchr(text.p, '=', text.n);
	return sign && sign > text.p
		       ? 0
		       : error_set(err, -EINVAL, "\"%.*s\" is not KEY=VALUE", STR_ARG(text));
}

#define SOURCE_ROW                                                                          \
	{                                                                                   \
		.name = "source", .type = OPTION_STRING, .metavar = "NAME",                 \
		.help = "The identity that uses it, or *; it may also stand alone, before " \
			"the destination",                                                  \
		.offset = ADMIN_AT(source)                                                  \
	}
#define DESTINATION_ROW                                                                      \
	{                                                                                    \
		.name = "destination", .type = OPTION_STRING, .metavar = "NAME",             \
		.help = "The private service, or *; it may also stand alone, behind source", \
		.offset = ADMIN_AT(destination)                                              \
	}
#define KEEP_LIVE_ROW                                                                            \
	{                                                                                        \
		.name = "keep-live", .type = OPTION_FLAG, .default_text = "false",               \
		.help = "Leave streams alone that are under way, as Consul does: only new "      \
			"ones are denied",                                                       \
		.brief = "Leave streams alone that are under way", .offset = ADMIN_AT(keep_live) \
	}

#define PAIR(source_missing, destination_missing)                    \
	{                                                            \
		{.metavar = "SRC",                                   \
			.help = "The identity that uses it, or *",   \
			.option = "source",                          \
			.missing = source_missing},                  \
			{.metavar = "DST",                           \
				.help = "The private service, or *", \
				.option = "destination",             \
				.missing = destination_missing},     \
	}
#define MISSING "two names are needed, SOURCE and DESTINATION; tunnel intention list has them"

static const struct option_operand pair[] = PAIR(MISSING, MISSING);
static const struct option_operand new_pair[] = PAIR(NULL, NULL); /* a file may have them */
static const struct option_operand name[] = {{.metavar = "NAME",
	.help = "The private service, or with --source the identity",
	.option = "name",
	.missing = "the NAME of the private service is missing, or with --source that of the "
		   "identity"}};

static const struct option_row create_rows[] = {SOURCE_ROW, DESTINATION_ROW,
	{.name = "allow",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Allow it, which it does without --deny too",
		.offset = ADMIN_AT(allow)},
	{.name = "deny",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Deny it, at once: streams that are under way are cut",
		.brief = "Deny it, and cut streams that are under way",
		.offset = ADMIN_AT(deny)},
	{.name = "replace",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Replace the one that the pair has",
		.brief = "Replace the one that the pair has",
		.offset = ADMIN_AT(replace)},
	KEEP_LIVE_ROW,
	{.name = "description",
		.letter = 'd',
		.type = OPTION_STRING,
		.metavar = "TEXT",
		.help = "What it is for, for people",
		.offset = ADMIN_AT(description)},
	{.name = "meta",
		.type = OPTION_LINES,
		.metavar = "KEY=VALUE",
		.check = check_meta,
		.help = "A note beside it, for programs; may be given several times",
		.offset = ADMIN_AT(meta)},
	{.name = "file",
		.letter = 'f',
		.type = OPTION_LINES,
		.metavar = "FILE",
		.help = "Read it from this file, JSON as Consul's, one or an array of them; - is "
			"standard input. May be given several times",
		.brief = "Read it from this file, JSON as Consul's",
		.offset = ADMIN_AT(files)}};

static const struct option_row pair_rows[] = {SOURCE_ROW, DESTINATION_ROW};
static const struct option_row delete_rows[] = {SOURCE_ROW, DESTINATION_ROW, KEEP_LIVE_ROW,
	ADMIN_IF_MATCH_ROW};
static const struct option_row check_rows[] = {SOURCE_ROW, DESTINATION_ROW,
	{.name = "explain",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Also say which intention decides, and what else a connection needs: an "
			"approved endpoint, grants, a provider",
		.brief = "Also say why, and what else a connection needs",
		.offset = ADMIN_AT(explain)}};
static const struct option_row match_rows[] =
	{{.name = "name",
		 .letter = 'n',
		 .type = OPTION_STRING,
		 .metavar = "NAME",
		 .help = "The private service or identity, which may also stand alone",
		 .offset = ADMIN_AT(name)},
		{.name = "destination",
			.type = OPTION_FLAG,
			.default_text = "false",
			.help = "NAME is a private service: so it is without --source too",
			.offset = ADMIN_AT(by_destination)},
		{.name = "source",
			.type = OPTION_FLAG,
			.default_text = "false",
			.help = "NAME is an identity",
			.brief = "NAME is an identity",
			.offset = ADMIN_AT(by_source)}};

#define TABLE(words, rows_of, operands_of, says, takes, shown)                             \
	VERB_TABLE("intention " words, rows_of, operands_of, ARRAY_LEN(operands_of), says, \
		takes " [OPTION]...", shown)

static const struct verb verbs[] = {
	{.name = "create",
		TABLE("create", create_rows, new_pair,
			"Allows or denies that an identity uses a private service.", "SRC DST",
			"Examples:\n"
			"  tunnel intention create --deny web redis\n"
			"  tunnel intention create --replace --allow web redis\n"),
		.offline = true,
		.run = create},
	{.name = "list",
		.aliases = "ls",
		.table = {.command = "intention list",
			.summary = "Lists the intentions, those that count first in front."},
		.offline = true,
		.method = "GET",
		.path = INTENTIONS,
		.pages = true,
		.columns = columns,
		.n_columns = ARRAY_LEN(columns)},
	{.name = "get",
		.aliases = "show",
		TABLE("get", pair_rows, pair, "Shows the intention of a pair.", "SRC DST", NULL),
		.offline = true,
		.method = "GET",
		.path = INTENTION,
		.columns = columns,
		.n_columns = ARRAY_LEN(columns),
		.say = say_intention},
	{.name = "check",
		TABLE("check", check_rows, pair,
			"Says whether intentions allow a connection: Allowed with exit status 0, "
			"Denied with 1.",
			"SRC DST", NULL),

		.method = "GET",
		.path = INTENTIONS
		"/check?source={source}&destination={destination}&explain={explain}",
		.run = intention_check},
	{.name = "match",
		TABLE("match", match_rows, name,
			"Lists the intentions that concern a private service, or with --source an "
			"identity, the one that counts first in front.",
			"NAME", NULL),
		.offline = true,
		.method = "GET",
		.path = INTENTIONS "/match?by=destination&name={name}",
		.pages = true,
		.columns = columns,
		.n_columns = ARRAY_LEN(columns),
		.say = say_matches,
		.run = match},
	{.name = "delete",
		.aliases = "rm",
		TABLE("delete", delete_rows, pair,
			"Deletes the intention of a pair: the next one that matches decides.",
			"SRC DST", NULL),
		.offline = true,
		.method = "DELETE",
		.path = INTENTION "?keepLive={keep-live}",
		.say = say_deleted},
};

static const struct option_habit others[] = {
	{"add new make set", "tunnel intention create SRC DST makes one"},
	{"allow", "tunnel intention create --allow SRC DST"},
	{"deny block", "tunnel intention create --deny SRC DST"},
	{"update edit replace modify", "tunnel intention create --replace SRC DST"},
	{"describe view info read", "tunnel intention get SRC DST shows one"},
	{"test may can", "tunnel intention check SRC DST"},
	{"remove", "tunnel intention delete SRC DST"},
	{0},
};
const struct noun noun_intention = {.habits = others,
	.name = "intention",
	.summary = "Who may use which private service: allowed, or denied at once",
	.verbs = verbs,
	.n = ARRAY_LEN(verbs)};
