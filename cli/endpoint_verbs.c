/* SPDX-License-Identifier: MIT */
/* tunnel endpoint: who may use which private service, decided by its owner, as az has it for private endpoints. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/macros.h"
#include "cli/answer.h"
#include "cli/endpoint_wait.h"
#include "cli/target.h"
#include "cli/verb.h"

#define ENDPOINTS        "/api/v1/endpoints"
#define ENDPOINT         ENDPOINTS "/{id}"
#define PATH_OF_SERVICES "/services/"

static int no_memory(struct call *c)
{
	return error_set(c->err, STATUS_FAILED, "no memory");
}

static const char *text_at(const json_t *endpoint, const char *path)
{
	const char *text = json_string_value(columns_member(endpoint, path));
	return text ? text : "";
}

#define STATE    "properties.privateLinkServiceConnectionState.status"
#define CONSUMER "properties.privateEndpoint.resourceGroup"
#define LINK     "properties.linkIdentifier"
#define KEY      "properties.endToEndKey"

/* "/services/super-api/privateEndpointConnections/web.7f3a9c2e41d05b68": the second part. */
static struct str service_of(const json_t *endpoint)
{
	const char *id = answer_text(endpoint, "id");
	size_t n = strlen(PATH_OF_SERVICES);
	if (strncmp(id, PATH_OF_SERVICES, n) != 0)
		return STR("?");
	return (struct str){id + n, strcspn(id + n, "/")};
}

/* ---- How they are shown ---- */

static int write_service(const json_t *row, bool raw, struct buf *to)
{
	struct str service = service_of(row);
	return buf_append(to, service.p, service.n);
}

static const struct column columns[] = {
	{"ID", "name", CELL_TEXT, NULL},
	{"SERVICE", NULL, CELL_TEXT, write_service},
	{"CONSUMER", CONSUMER, CELL_TEXT, NULL},
	{"STATE", STATE, CELL_TEXT, NULL},
	{"LINK", LINK, CELL_TEXT, NULL},
	{"MESSAGE", "properties.requestMessage", CELL_TEXT, NULL},
	{"STREAMS", "properties.streams", CELL_TEXT, NULL},
	{"AGE", "properties.createdAt", CELL_AGE, NULL},
};

static const struct column show_columns[] = {
	{"ID", "name", CELL_TEXT, NULL},
	{"Service", NULL, CELL_TEXT, write_service},
	{"Owner", "resourceGroup", CELL_TEXT, NULL},
	{"Consumer", CONSUMER, CELL_TEXT, NULL},
	{"State", STATE, CELL_TEXT, NULL},
	{"Description", "properties.privateLinkServiceConnectionState.description", CELL_TEXT,
		NULL},
	{"Decided by", "properties.decidedBy", CELL_TEXT, NULL},
	{"Link", LINK, CELL_TEXT, NULL},
	{"Message", "properties.requestMessage", CELL_TEXT, NULL},
	{"End-to-end key", KEY, CELL_TEXT, NULL},
	{"Online", "properties.online", CELL_TEXT, NULL},
	{"Streams", "properties.streams", CELL_TEXT, NULL},
	{"Age", "properties.createdAt", CELL_AGE, NULL},
	{"Changed", "properties.updatedAt", CELL_AGE, NULL},
};

static int say_endpoint(struct call *c, const json_t *endpoint)
{
	struct columns table;
	columns_init(&table, show_columns, ARRAY_LEN(show_columns), true);
	return columns_print_one(&table, stdout, endpoint) ? no_memory(c) : 0;
}

/* "web may use super-api (link 17)" */
static void say_may(struct call *c, const json_t *endpoint)
{
	struct str service = service_of(endpoint);
	call_say(c, "%s may use %.*s (link %s)", text_at(endpoint, CONSUMER), STR_ARG(service),
		text_at(endpoint, LINK));
}

/* ---- list ---- */

/* As az has it, --id names the private service by its path. */
/* With the option that says which service. */
#define LISTED(service) ENDPOINTS "?status={status}&service={" service "}&consumer={consumer}"
#define BASIC           "&view=basic"

static int list(struct call *c)
{
	const char *id = c->o->id;
	size_t n = strlen(PATH_OF_SERVICES);
	struct verb of_service = *c->verb;
	/* A table has no use for the other two thirds of an endpoint. */
	bool basic = call_output(c) != OUTPUT_JSON;
	if (basic)
		of_service.path = LISTED("service") BASIC;
	if (!id)
		return call_run_as(c, &of_service);
	if (config_given(c->config, "service"))
		return error_set(c->err, STATUS_USAGE,
			"only one of --id and --service may be given");
	if (strncmp(id, PATH_OF_SERVICES, n) != 0 || !id[n] || strchr(id + n, '/'))
		return error_set(c->err, STATUS_USAGE,
			"--id of a list is that of a private service, such as " PATH_OF_SERVICES
			"redis");
	memmove(c->o->id, id + n, strlen(id + n) + 1);
	of_service.path = basic ? LISTED("id") BASIC : LISTED("id");
	return call_run_as(c, &of_service);
}

/* ---- One ---- */

#define BEHIND_SERVICE "/privateEndpointConnections/"

/*
 * "/services/super-api/privateEndpointConnections/web.7f3a9c2e41d05b68", as JSON has it: the id is what comes last, and
 * the private service goes into the query. 0; 2: it is no such path; -ENOMEM.
 */
static int split_path(char *id, const char *target, char **target_out)
{
	const size_t n = strlen(PATH_OF_SERVICES);
	char *behind = strstr(id, BEHIND_SERVICE);
	if (strncmp(id, PATH_OF_SERVICES, n) != 0 || !behind || behind < id + n ||
		memchr(id + n, '/', (size_t)(behind - id) - n))
		return STATUS_USAGE;
	struct buf query = BUF_NULL;
	*behind = '\0';
	int r = target_append(&query, target) || target_add(&query, "service", id + n) ||
				buf_append(&query, "", 1)
			? -ENOMEM
			: 0;
	*target_out = r ? NULL : strdup((const char *)buf_head(&query));
	buf_deinit(&query);
	behind += strlen(BEHIND_SERVICE);
	memmove(id, behind, strlen(behind) + 1);
	return *target_out ? 0 : -ENOMEM;
}

/* Of verbs that are about one endpoint: what else they do, once the id is one. */
static int with_id(struct call *c, int (*run)(struct call *c))
{
	struct verb at = *c->verb;
	const struct verb *was = c->verb;
	auto_free char *target = NULL;
	int r = strchr(c->o->id, '/') ? split_path(c->o->id, at.path, &target) : 0;
	if (r == STATUS_USAGE)
		return error_set(c->err, STATUS_USAGE,
			"an id is written as list has it, or " PATH_OF_SERVICES
			"NAME" BEHIND_SERVICE "ID");
	if (r)
		return no_memory(c);
	at.path = target ? target : at.path;
	at.run = NULL;
	c->verb = &at;
	r = run(c);
	c->verb = was;
	return r;
}

static int run_with_id(struct call *c)
{
	return with_id(c, call_run);
}

static int wait_with_id(struct call *c)
{
	return with_id(c, endpoint_wait);
}

/* ---- approve, reject ---- */

static int decision_body(struct call *c, json_t **body_out)
{
	*body_out = json_pack("{s:s*, s:s*}", "description", c->o->description, "endToEndKey",
		c->o->key);
	return *body_out ? 0 : error_set(c->err, STATUS_USAGE, "the description is not UTF-8");
}

/* Whoever has not said which key he means is told which one it was. */
static int say_approved(struct call *c, const json_t *endpoint)
{
	say_may(c, endpoint);
	if (*text_at(endpoint, KEY) && !c->o->key)
		call_advise(c, "its end-to-end key is %s", text_at(endpoint, KEY));
	return 0;
}

static void say_cut(struct call *c, const char *who, const char *what, struct str service,
	const json_t *answer)
{
	long long cut = answer_number(answer, "streamsCut");
	if (cut)
		call_say(c, "%s %s %.*s; cut %lld stream%s", who, what, STR_ARG(service), cut,
			plural(cut));
	else
		call_say(c, "%s %s %.*s", who, what, STR_ARG(service));
}

static int say_rejected(struct call *c, const json_t *endpoint)
{
	say_cut(c, text_at(endpoint, CONSUMER), "may not use", service_of(endpoint), endpoint);
	return 0;
}

/* ---- delete ---- */

/* "web" of "…/web.7f3a9c2e41d05b68" */
static struct str consumer_of(const char *id)
{
	const char *slash = strrchr(id, '/');
	const char *name = slash ? slash + 1 : id;
	return (struct str){name, strcspn(name, ".")};
}

static int say_deleted(struct call *c, const json_t *answer)
{
	char who[128];
	snprintf(who, sizeof who, "%.*s", STR_ARG(consumer_of(answer_text(answer, "id"))));
	say_cut(c, who,
		*answer_text(answer, "status") ? "is disconnected from"
					       : "has no endpoint any more at",
		service_of(answer), answer);
	return 0;
}

/* ---- create ---- */

static int create_body(struct call *c, json_t **body_out)
{
	const struct admin_options *o = c->o;
	*body_out = json_pack("{s:s, s:s*, s:s*, s:s*}", "service", o->service, "name", o->name,
		"consumer", o->consumer, "message", o->message);
	return *body_out ? 0 : error_set(c->err, STATUS_USAGE, "what was typed is not UTF-8");
}

static int say_created(struct call *c, const json_t *endpoint)
{
	struct str service = service_of(endpoint);
	const char *state = text_at(endpoint, STATE);
	if (strcmp(state, "Approved") == 0)
		say_may(c, endpoint);
	else if (strcmp(state, "Pending") == 0)
		call_say(c, "%.*s is pending: its owner decides (tunnel endpoint approve %s)",
			STR_ARG(service), answer_text(endpoint, "name"));
	else
		call_say(c, "%s at %.*s is %s", answer_text(endpoint, "name"), STR_ARG(service),
			state);
	return 0;
}

/* ---- The table ---- */

static const char *const states[] = {"Pending", "Approved", "Rejected", "Disconnected"};

static int check_state(struct str text, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (str_eq_nocase(text, str_from(states[i])))
			return 0;
	return error_set(err, -EINVAL,
		"\"%.*s\" is no status: Pending, Approved, Rejected or Disconnected",
		STR_ARG(text));
}

#define ID_ROW                                                                            \
	{                                                                                 \
		.name = "id", .type = OPTION_STRING, .metavar = "ID",                     \
		.help = "The endpoint, as list has it or by its path, and as much of it " \
			"as no other has; it may also stand alone, without --id",         \
		.offset = ADMIN_AT(id)                                                    \
	}
#define DESCRIPTION_ROW                                                                         \
	{                                                                                       \
		.name = "description", .letter = 'd', .type = OPTION_STRING, .metavar = "TEXT", \
		.help = "Why, which its consumer is told; without it "                          \
			"the one before is taken away",                                         \
		.brief = "Why, which its consumer is told", .offset = ADMIN_AT(description)     \
	}
#define KEY_ROW                                                                                   \
	{                                                                                         \
		.name = "e2e-key", .type = OPTION_STRING, .metavar = "KEY",                       \
		.help = "Only if this is its consumer's end-to-end key, as show has it: "         \
			"x25519/...",                                                             \
		.brief = "Only if this is its consumer's end-to-end key", .offset = ADMIN_AT(key) \
	}

static const struct option_operand which = {.metavar = "ID",
	.help = "The endpoint, as tunnel endpoint list has it",
	.option = "id",
	.missing = "the ID of the endpoint is missing; tunnel endpoint list has them"};

static const struct option_row list_rows[] = {
	{.name = "id",
		.type = OPTION_STRING,
		.metavar = "PATH",
		.help = "Only those at the private service of this path, /services/NAME, as az "
			"names it",
		.offset = ADMIN_AT(id)},
	{.name = "service",
		.type = OPTION_STRING,
		.metavar = "NAME",
		.help = "Only those at this private service",
		.brief = "Only those at this private service",
		.offset = ADMIN_AT(service)},
	{.name = "status",
		.type = OPTION_STRING,
		.metavar = "WORD",
		.check = check_state,
		.help = "Only those that are Pending, Approved, Rejected or Disconnected",
		.brief = "Only those that are Pending, Approved, Rejected or Disconnected",
		.offset = ADMIN_AT(status)},
	{.name = "consumer",
		.type = OPTION_STRING,
		.metavar = "NAME",
		.help = "Only those of this identity",
		.brief = "Only those of this identity",
		.offset = ADMIN_AT(consumer)},
};
static const struct option_row create_rows[] = {
	{.name = "service",
		.type = OPTION_STRING,
		.metavar = "ALIAS",
		.required = true,
		.help = "The private service, by its alias, or by its name where its visibility "
			"names the consumer",
		.brief = "The private service, by its alias or name",
		.offset = ADMIN_AT(service)},
	{.name = "message",
		.type = OPTION_STRING,
		.metavar = "TEXT",
		.help = "For who decides, 140 characters at most",
		.brief = "For who decides, 140 characters at most",
		.offset = ADMIN_AT(message)},
	{.name = "name",
		.letter = 'n',
		.type = OPTION_STRING,
		.metavar = "NAME",
		.help = "What it is called; default: as its consumer",
		.offset = ADMIN_AT(name)},
	{.name = "consumer",
		.type = OPTION_STRING,
		.metavar = "NAME",
		.help = "The identity that is to use it, an operator's to say; default: who "
			"asks, and at the admin socket default",
		.offset = ADMIN_AT(consumer)},
};
static const struct option_row show_rows[] = {ID_ROW};
static const struct option_row approve_rows[] = {ID_ROW, DESCRIPTION_ROW, KEY_ROW,
	ADMIN_IF_MATCH_ROW};
static const struct option_row delete_rows[] = {ID_ROW, ADMIN_YES_ROW, ADMIN_IF_MATCH_ROW};
static const struct option_row wait_rows[] = {ID_ROW,
	{.name = "status",
		.type = OPTION_STRING,
		.default_text = "Approved",
		.metavar = "WORD",
		.check = check_state,
		.help = "What it is to be: Pending, Approved, Rejected or Disconnected",
		.brief = "What it is to be",
		.offset = ADMIN_AT(status)},
	{.name = "timeout",
		.type = OPTION_DURATION,
		.default_text = "1h",
		.max = 30 * 24 * 3600 * CLOCK_S,
		.help = "How long to wait; then the exit status is 6",
		.brief = "How long to wait; then the exit status is 6",
		.offset = ADMIN_AT(timeout)}};

#define TABLE(words, rows_of, says, shown) \
	VERB_TABLE("endpoint " words, rows_of, &which, 1, says, "ID [OPTION]...", shown)
#define SHOWN .columns = columns, .n_columns = ARRAY_LEN(columns)

static const struct verb verbs[] = {
	{.name = "list",
		.aliases = "ls",
		.table = {.command = "endpoint list",
			.summary = "Lists the endpoints at one's private services, and one's own.",
			.example = "Example:\n"
				   "  tunnel endpoint list --status=Pending -o name | xargs -n1 "
				   "tunnel endpoint approve\n",
			.rows = list_rows,
			.n = ARRAY_LEN(list_rows)},
		.offline = true,
		.method = "GET",
		.path = LISTED("service"),
		.pages = true,
		SHOWN,
		.run = list},
	{.name = "show",
		.aliases = "get",
		TABLE("show", show_rows, "Shows an endpoint.", NULL),
		.offline = true,
		.method = "GET",
		.path = ENDPOINT,
		SHOWN,
		.say = say_endpoint,
		.run = run_with_id},
	{.name = "create",
		.table = {.command = "endpoint create",
			.summary = "Asks for a private service before tunnel connect does.",
			.usage = "--service=ALIAS [OPTION]...",
			.rows = create_rows,
			.n = ARRAY_LEN(create_rows)},
		.offline = true,
		.method = "POST",
		.path = ENDPOINTS,
		.body = create_body,
		SHOWN,
		.say = say_created},
	{.name = "approve",
		TABLE("approve", approve_rows,
			"Lets a consumer use the private service, from the moment when the command "
			"returns.",
			NULL),
		.offline = true,
		.method = "POST",
		.path = ENDPOINT "/approve",
		.body = decision_body,
		SHOWN,
		.say = say_approved,
		.run = run_with_id},
	{.name = "reject",
		TABLE("reject", approve_rows,
			"Lets a consumer not use the private service, and cuts its streams.", NULL),
		.offline = true,
		.method = "POST",
		.path = ENDPOINT "/reject",
		.body = decision_body,
		SHOWN,
		.say = say_rejected,
		.run = run_with_id},
	{.name = "delete",
		.aliases = "rm",
		TABLE("delete", delete_rows,
			"Deletes an endpoint and cuts its streams. By the private service's owner "
			"it is disconnected for good; by its consumer it is gone, and may be asked "
			"for again.",
			NULL),
		.offline = true,
		.method = "DELETE",
		.path = ENDPOINT,
		.question = "delete it, and cut its streams?",
		.say = say_deleted,
		.run = run_with_id},
	{.name = "wait",
		TABLE("wait", wait_rows,
			"Waits until an endpoint is approved, or what --status says.",
			"Example:\n"
			"  tunnel endpoint wait web.7f3a --status=Approved --timeout=10m\n"),
		.method = "GET",
		.path = ENDPOINT,
		SHOWN,
		.run = wait_with_id},
};

static const struct option_habit others[] = {
	{"allow accept permit grant", "tunnel endpoint approve ID"},
	{"deny refuse decline block revoke", "tunnel endpoint reject ID"},
	{"describe view info read", "tunnel endpoint show ID shows one"},
	{"remove disconnect", "tunnel endpoint delete ID"},
	{"add new make request ask", "tunnel endpoint create --service=ALIAS"},
	{"watch poll", "tunnel endpoint wait ID waits for one"},
	{0},
};
const struct noun noun_endpoint = {.habits = others,
	.name = "endpoint",
	.summary = "Who may use which private service: approved, rejected, removed",
	.verbs = verbs,
	.n = ARRAY_LEN(verbs)};
