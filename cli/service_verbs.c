/* SPDX-License-Identifier: MIT */
/* tunnel service: private services, which an identity owns whether it publishes them now or not. */
#include <string.h>

#include "base/macros.h"
#include "cli/answer.h"
#include "cli/verb.h"

#define SERVICES "/api/v1/services"
#define SERVICE  SERVICES "/{name}"

static int no_memory(struct call *c)
{
	return error_set(c->err, STATUS_FAILED, "no memory");
}

/* ---- Bodies ---- */

static int put(struct call *c, json_t *body, const char *member, json_t *value)
{
	return json_object_set_new(body, member, value)
		       ? error_set(c->err, STATUS_USAGE, "\"%s\" is no text: it is not UTF-8",
				 member)
		       : 0;
}

/* A list that was given, which may be an empty one. */
static int put_list(struct call *c, json_t *body, const char *option, const char *member,
	const struct option_list *list)
{
	json_t *array = config_given(c->config, option) ? json_array() : NULL;
	for (size_t i = 0; array && i < list->n; i++)
		if (json_array_append_new(array, json_string(list->v[i]))) {
			json_decref(array);
			return error_set(c->err, STATUS_USAGE, "--%s: it is not UTF-8", option);
		}
	return array ? put(c, body, member, array) : 0;
}

static int put_given(struct call *c, json_t *body)
{
	const struct admin_options *o = c->o;
	int r = put_list(c, body, "visibility", "visibility", &o->visibility);
	r = r ? r : put_list(c, body, "auto-approve", "autoApproval", &o->auto_approve);
	r = r ? r : put_list(c, body, "fqdns", "fqdns", &o->fqdns);
	if (!r && config_given(c->config, "managed"))
		r = put(c, body, "managed", json_boolean(o->managed));
	if (!r && o->description)
		r = put(c, body, "description", json_string(o->description));
	return r;
}

static int create_body(struct call *c, json_t **body_out)
{
	json_t *body = json_object();
	int r = body ? put(c, body, "name", json_string(c->o->name)) : no_memory(c);
	if (!r && c->o->owner)
		r = put(c, body, "owner", json_string(c->o->owner));
	if (!r && config_given(c->config, "kind"))
		r = put(c, body, "kind", json_string(c->o->kind ? "udp" : "tcp"));
	r = r ? r : put_given(c, body);
	if (r)
		json_decref(body);
	else
		*body_out = body;
	return r;
}

static int update_body(struct call *c, json_t **body_out)
{
	json_t *body = json_object();
	int r = body ? put_given(c, body) : no_memory(c);
	if (!r && json_object_size(body) == 0)
		r = error_set(c->err, STATUS_USAGE,
			"nothing to change is given: see tunnel service update --help");
	if (r)
		json_decref(body);
	else
		*body_out = body;
	return r;
}

/* ---- How it is shown ---- */

/* How many sessions publish it; whose it is not is told whether any does. */
static int write_online(const json_t *row, bool raw, struct buf *to)
{
	const json_t *sessions = columns_member(row, "properties.sessions");
	return columns_cell_text(sessions ? sessions : columns_member(row, "properties.online"),
		to);
}

static const struct column columns[] = {
	{"NAME", "name", CELL_TEXT, NULL},
	{"ALIAS", "properties.alias", CELL_TEXT, NULL},
	{"OWNER", "resourceGroup", CELL_TEXT, NULL},
	{"ONLINE", NULL, CELL_TEXT, write_online},
	{"APPROVED", "properties.endpoints.approved", CELL_TEXT, NULL},
	{"PENDING", "properties.endpoints.pending", CELL_TEXT, NULL},
	{"STREAMS", "properties.streams", CELL_TEXT, NULL},
	{"VISIBILITY", "properties.visibility.subscriptions", CELL_LIST, NULL},
};

static const struct column show_columns[] = {
	{"Name", "properties.displayName", CELL_TEXT, NULL},
	{"Alias", "properties.alias", CELL_TEXT, NULL},
	{"Owner", "resourceGroup", CELL_TEXT, NULL},
	{"Kind", "properties.kind", CELL_TEXT, NULL},
	{"Description", "properties.description", CELL_TEXT, NULL},
	{"Online", NULL, CELL_TEXT, write_online},
	{"Visibility", "properties.visibility.subscriptions", CELL_LIST, NULL},
	{"Auto-approve", "properties.autoApproval.subscriptions", CELL_LIST, NULL},
	{"FQDNs", "properties.fqdns", CELL_LIST, NULL},
	{"End-to-end key", "properties.endToEndKey", CELL_TEXT, NULL},
	{"Managed", "properties.managed", CELL_TEXT, NULL},
	{"Pending", "properties.endpoints.pending", CELL_TEXT, NULL},
	{"Approved", "properties.endpoints.approved", CELL_TEXT, NULL},
	{"Rejected", "properties.endpoints.rejected", CELL_TEXT, NULL},
	{"Disconnected", "properties.endpoints.disconnected", CELL_TEXT, NULL},
	{"Streams", "properties.streams", CELL_TEXT, NULL},
	{"Age", "properties.createdAt", CELL_AGE, NULL},
	{"Changed", "properties.updatedAt", CELL_AGE, NULL},
};

static int say_service(struct call *c, const json_t *service)
{
	struct columns table;
	columns_init(&table, show_columns, ARRAY_LEN(show_columns), true);
	return columns_print_one(&table, stdout, service) ? no_memory(c) : 0;
}

static int say_created(struct call *c, const json_t *service)
{
	call_say(c, "%s is private: %s", answer_text(service, "name"),
		answer_text(json_object_get(service, "properties"), "alias"));
	return 0;
}

static int say_updated(struct call *c, const json_t *service)
{
	call_say(c, "%s is changed", answer_text(service, "name"));
	return 0;
}

static int say_deleted(struct call *c, const json_t *answer)
{
	long long endpoints = answer_number(answer, "endpointsDisconnected"),
		  cut = answer_number(answer, "streamsCut"),
		  sessions = answer_number(answer, "sessions");
	call_say(c, "%s is deleted: %lld endpoint%s disconnected, %lld stream%s cut", c->o->name,
		endpoints, plural(endpoints), cut, plural(cut));
	if (sessions)
		call_advise(c,
			"its client is still there, and makes it anew when it asks again, with "
			"another alias: stop it, or take its identity's --publish away");
	return 0;
}

/* ---- The table ---- */

static const char *const kinds[] = {"tcp", "udp", NULL};

#define NAME_ROW                                                                         \
	{                                                                                \
		.name = "name", .letter = 'n', .type = OPTION_STRING, .metavar = "NAME", \
		.help = "The private service, which may also stand alone, without "      \
			"--name",                                                        \
		.offset = ADMIN_AT(name)                                                 \
	}
#define VALUE_ROWS                                                                              \
	{.name = "visibility",                                                                  \
		.type = OPTION_LIST,                                                            \
		.metavar = "NAME,...",                                                          \
		.clears = true,                                                                 \
		.help = "Identities that may ask for it; * is whoever has the alias, @all "     \
			"every identity. Without it the owner alone",                           \
		.brief = "Identities that may ask for it; * has the alias, @all is every one",  \
		.offset = ADMIN_AT(visibility)},                                                \
		{.name = "auto-approve",                                                        \
			.type = OPTION_LIST,                                                    \
			.metavar = "NAME,...",                                                  \
			.clears = true,                                                         \
			.help = "Those of them who need not wait for an approval",              \
			.brief = "Those of them who need not wait for an approval",             \
			.offset = ADMIN_AT(auto_approve)},                                      \
		{.name = "fqdns",                                                               \
			.type = OPTION_LIST,                                                    \
			.metavar = "HOST,...",                                                  \
			.clears = true,                                                         \
			.help = "Host names by which consumers may call it, as its "            \
				"certificate has them",                                         \
			.offset = ADMIN_AT(fqdns)},                                             \
		{.name = "managed",                                                             \
			.type = OPTION_FLAG,                                                    \
			.default_text = "false",                                                \
			.help = "What is said here counts, not what the client that "           \
				"publishes it states",                                          \
			.brief = "What is said here counts, not what its client states",        \
			.offset = ADMIN_AT(managed)},                                           \
	{                                                                                       \
		.name = "description", .letter = 'd', .type = OPTION_STRING, .metavar = "TEXT", \
		.help = "What it is, for people", .offset = ADMIN_AT(description)               \
	}

static const struct option_operand new_name = {.metavar = "NAME",
	.help = "The new private service: letters, digits and hyphens",
	.option = "name",
	.missing = "the NAME of the new private service is missing, such as redis in tunnel "
		   "service create redis"};
static const struct option_operand which = {.metavar = "NAME",
	.help = "The private service, or its alias",
	.option = "name",
	.missing = "the NAME of the private service is missing; tunnel service list has them"};

static const struct option_row create_rows[] = {NAME_ROW,
	{.name = "owner",
		.type = OPTION_STRING,
		.metavar = "NAME",
		.help = "The identity whose it is; default: who asks, and at the admin socket "
			"default",
		.brief = "The identity whose it is",
		.offset = ADMIN_AT(owner)},
	{.name = "kind",
		.type = OPTION_ENUM,
		.default_text = "tcp",
		.metavar = "KIND",
		.values = kinds,
		.help = "What it carries: tcp or udp",
		.offset = ADMIN_AT(kind)},
	VALUE_ROWS};
static const struct option_row list_rows[] = {
	{.name = "owner",
		.type = OPTION_STRING,
		.metavar = "NAME",
		.help = "Only those of this identity",
		.brief = "Only those of this identity",
		.offset = ADMIN_AT(owner)},
	{.name = "all",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "With --remote, an operator's: those of everybody, and not only what "
			"concerns its own identity",
		.offset = ADMIN_AT(all)},
};
static const struct option_row show_rows[] = {NAME_ROW};
static const struct option_row update_rows[] = {NAME_ROW, VALUE_ROWS, ADMIN_IF_MATCH_ROW};
static const struct option_row delete_rows[] = {NAME_ROW, ADMIN_YES_ROW, ADMIN_IF_MATCH_ROW};

#define TABLE(words, rows_of, operand, says, takes, shown) \
	VERB_TABLE("service " words, rows_of, operand, 1, says, takes "[OPTION]...", shown)

static const struct verb verbs[] = {
	{.name = "create",
		TABLE("create", create_rows, &new_name,
			"Puts a private service on the books, before anybody publishes it: its "
			"alias is there and can be handed over.",
			"NAME ",
			"Example:\n  tunnel service create redis --owner=redis-host "
			"--visibility=web,batch --auto-approve=web\n"),
		.offline = true,
		.method = "POST",
		.path = SERVICES,
		.body = create_body,
		.columns = columns,
		.n_columns = ARRAY_LEN(columns),
		.say = say_created},
	{.name = "list",
		.aliases = "ls",
		.table = {.command = "service list",
			.summary = "Lists the private services: one's own, and those that show "
				   "themselves.",
			.rows = list_rows,
			.n = ARRAY_LEN(list_rows)},
		.offline = true,
		.method = "GET",
		.path = SERVICES "?owner={owner}&all={all}",
		.pages = true,
		.columns = columns,
		.n_columns = ARRAY_LEN(columns)},
	{.name = "show",
		.aliases = "get",
		TABLE("show", show_rows, &which, "Shows a private service.", "NAME|ALIAS ", NULL),
		.offline = true,
		.method = "GET",
		.path = SERVICE,
		.columns = columns,
		.n_columns = ARRAY_LEN(columns),
		.say = say_service},
	{.name = "update",
		TABLE("update", update_rows, &which,
			"Changes who may ask for a private service. What is given replaces what "
			"was; '' takes it away. Endpoints that are there stay as they are.",
			"NAME ", NULL),
		.offline = true,
		.method = "PATCH",
		.path = SERVICE,
		.body = update_body,
		.columns = columns,
		.n_columns = ARRAY_LEN(columns),
		.say = say_updated},
	{.name = "delete",
		.aliases = "rm",
		TABLE("delete", delete_rows, &which,
			"Takes a private service off the books: its endpoints are disconnected, "
			"and "
			"its alias is void for good.",
			"NAME ", NULL),
		.offline = true,
		.method = "DELETE",
		.path = SERVICE,
		.question = "delete it, disconnect its endpoints, and make its alias void?",
		.say = say_deleted},
};

static const struct option_habit others[] = {
	{"add new make", "tunnel service create NAME, or tunnel client --private NAME"},
	{"publish expose serve", "tunnel client --upstream=URL --private=NAME publishes one"},
	{"describe view info read", "tunnel service show NAME shows one"},
	{"edit set modify patch", "tunnel service update NAME"},
	{"remove", "tunnel service delete NAME"},
	{"connect use attach", "tunnel connect --service ALIAS=PORT uses one"},
	{0},
};
const struct noun noun_service = {.habits = others,
	.name = "service",
	.summary = "Private services: whose each is, its alias, and who may ask for it",
	.verbs = verbs,
	.n = ARRAY_LEN(verbs)};
