/* SPDX-License-Identifier: MIT */
/* What a server has at the moment: tunnel status, sessions, routes. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/macros.h"
#include "cli/admin_client.h"
#include "cli/age.h"
#include "cli/client_status.h"
#include "cli/answer.h"
#include "cli/verb.h"

/* ---- status ---- */

static const struct column client_columns[] = {
	{"CLIENT ID", "session", CELL_TEXT, NULL},
	{"IDENTITY", "identity", CELL_TEXT, NULL},
	{"REMOTE ADDRESS", "remoteAddr", CELL_TEXT, NULL},
	{"CONNECTED", "since", CELL_AGE, NULL},
	{"UPSTREAMS", "upstreams", CELL_LIST, NULL},
	{"PUBLISHES", "publishes", CELL_LIST, NULL},
	{"TRIP", "roundTripSeconds", CELL_TIME, NULL},
	{"REQ/S", "rps", CELL_RATE, NULL},
};

static const struct column lost_columns[] = {
	{"LOST CLIENT OF", "identity", CELL_TEXT, NULL},
	{"LOST", "lost", CELL_AGE, NULL},
	{"PUBLISHED", "place", CELL_TEXT, NULL},
	{"WAITING", "waiting", CELL_TEXT, NULL},
};

/* Those who wait for them to come back are visitors. */
static int print_lost(const json_t *lost)
{
	struct columns columns;
	if (!json_array_size(lost))
		return 0;
	putchar('\n');
	columns_init(&columns, lost_columns, ARRAY_LEN(lost_columns), true);
	return columns_print(&columns, stdout, lost, OUTPUT_TABLE);
}

static void say_status(struct call *c, const json_t *status)
{
	char age[AGE_SIZE];
	long long sessions = answer_number(status, "sessions"),
		  links = answer_number(status, "links");
	long long streams = answer_number(status, "streams"),
		  services = answer_number(status, "services");
	const char *address = answer_text(status, "publicAddress");
	call_say(c,
		"tunnel %s%s%s, for %s: %lld client%s, %lld link%s, %lld stream%s, %lld service%s",
		answer_text(status, "version"), *address ? " at " : "", address,
		age_format(answer_number(status, "uptimeSeconds"), age), sessions, plural(sessions),
		links, plural(links), streams, plural(streams), services, plural(services));
	status_rates(c, SIDE_SERVER);
	call_say(c, "%s", "");
}

/* The table of clients; and whether everything that a visitor needs is there. */
static int server_status(struct call *c)
{
	json_t *answer = NULL, *ready = NULL;
	int r = call_ask(c, &answer);
	enum output how = call_output(c);
	if (!r && how == OUTPUT_JSON)
		r = call_print_json(c, answer);
	if (!r && how == OUTPUT_TABLE)
		say_status(c, answer);
	if (!r && how != OUTPUT_JSON) {
		struct columns columns;
		columns_init(&columns, client_columns, ARRAY_LEN(client_columns), !c->o->quiet);
		if (columns_print(&columns, stdout, json_object_get(answer, "clients"), how))
			r = error_set(c->err, STATUS_FAILED, "no memory");
	}
	if (!r && how == OUTPUT_TABLE && !c->o->quiet &&
		print_lost(json_object_get(answer, "lost")))
		r = error_set(c->err, STATUS_FAILED, "no memory");
	if (!r && how == OUTPUT_TABLE)
		status_attention(c);
	const struct admin_client_request ask = {.method = "GET", .target = "/readyz"};
	if (!r && admin_client_ask(c->transport, &ask, &ready, c->err))
		r = STATUS_NOT_READY;
	json_decref(answer);
	json_decref(ready);
	return r;
}

/* At a socket that was named there may be a client. */
static bool is_client(struct call *c)
{
	json_t *info = NULL;
	struct error ignored;
	const struct admin_client_request ask = {.method = "GET", .target = "/api/v1/info"};
	bool is = c->o->admin_socket && call_open(c) == 0 &&
		  admin_client_ask(c->transport, &ask, &info, &ignored) == 0 &&
		  strcmp(answer_text(info, "side"), "client") == 0;
	json_decref(info);
	return is;
}

/* The server that is named, or that runs here; and the clients that do. */
static int status(struct call *c)
{
	if (is_client(c))
		return client_status_one(c);
	if (c->o->admin_socket || c->o->remote.remote || c->o->state_dir)
		return server_status(c);
	int open = call_open(c);
	int server = open ? open : server_status(c);
	if (open && open != STATUS_NO_ANSWER)
		return open;
	if (open == 0 && call_output(c) != OUTPUT_TABLE)
		return server;
	call_close(c);
	struct error no_server = *c->err;
	int clients = client_status(c, open == 0);
	if (clients == STATUS_NO_ANSWER) {
		*c->err = no_server;
		return server;
	}
	if (open)
		*c->err = clients ? *c->err : (struct error){""};
	return open || (clients && !server) ? clients : server;
}

static const struct verb status_verbs[] = {
	{.name = "",
		.table = {.command = "status",
			.summary = "Shows the server and the clients that are connected, or the "
				   "client "
				   "that runs here; its exit "
				   "status is "
				   "7 if something is not ready.",
			.example = "Examples:\n"
				   "  tunnel status\n"
				   "  tunnel status --remote=exit.example.org "
				   "--token-from=operator.token\n"},
		.method = "GET",
		.path = "/api/v1/status",
		.columns = client_columns,
		.n_columns = ARRAY_LEN(client_columns),
		.run = status},
};
const struct noun noun_status = {.name = "status",
	.summary = "The server and its clients",
	.verbs = status_verbs,
	.n = ARRAY_LEN(status_verbs)};

/* ---- sessions ---- */

static int write_links(const json_t *row, bool raw, struct buf *to)
{
	char text[32];
	snprintf(text, sizeof text, "%zu", json_array_size(json_object_get(row, "links")));
	return buf_append(to, text, strlen(text));
}

static int write_services(const json_t *row, bool raw, struct buf *to)
{
	const json_t *service;
	size_t i;
	json_array_foreach(json_object_get(row, "services"), i, service)
	{
		const char *address = answer_text(service, "address"),
			   *place = answer_text(service, "place");
		const char *text = *address ? address
				   : *place ? place
					    : answer_text(service, "kind");
		if ((i && buf_append(to, ",", 1)) || buf_append(to, text, strlen(text)))
			return -ENOMEM;
	}
	return i ? 0 : buf_append(to, "-", 1);
}

static const struct column session_columns[] = {
	{"ID", "id", CELL_TEXT, NULL},
	{"IDENTITY", "identity", CELL_TEXT, NULL},
	{"REMOTE ADDRESS", "remoteAddr", CELL_TEXT, NULL},
	{"CONNECTED", "since", CELL_AGE, NULL},
	{"VERSION", "version", CELL_TEXT, NULL},
	{"LINKS", NULL, CELL_TEXT, write_links},
	{"STREAMS", "streams", CELL_TEXT, NULL},
	{"SERVICES", NULL, CELL_TEXT, write_services},
	{"TRIP", "roundTripSeconds", CELL_TIME, NULL},
	{"REQ/S", "rps", CELL_RATE, NULL},
	{"IN/S", "in", CELL_BYTES, NULL},
	{"OUT/S", "out", CELL_BYTES, NULL},
	{"LAST ERROR", "lastError.what", CELL_TEXT, NULL},
};

static const struct option_operand session = {.metavar = "ID",
	.help = "The session, as tunnel sessions lists it",
	.option = "id",
	.missing = "the ID of the session is missing; tunnel sessions lists them"};

static const struct option_row end_rows[] = {
	{.name = "id",
		.type = OPTION_STRING,
		.metavar = "ID",
		.help = "The session, which may also stand alone, without --id",
		.offset = ADMIN_AT(session)},
	/* The server's --grace has the same bound. */
	{.name = "drain",
		.type = OPTION_DURATION,
		.default_text = "0s",
		.max = 3600 * CLOCK_S,
		.help = "How long its streams may take to finish before they are cut",
		.brief = "How long its streams may take to finish",
		.offset = ADMIN_AT(drain)},
};

static int say_ended(struct call *c, const json_t *answer)
{
	long long cut = answer_number(answer, "streamsCut");
	call_say(c, "session %s is ended: %lld stream%s cut", c->o->session, cut, plural(cut));
	return 0;
}

static const struct verb session_verbs[] = {
	{.name = "list",
		.aliases = "ls",
		.table = {.command = "sessions list",
			.summary =
				"Lists the clients that are connected, and what each publishes."},
		.method = "GET",
		.path = "/api/v1/sessions",
		.pages = true,
		.columns = session_columns,
		.n_columns = ARRAY_LEN(session_columns)},
	{.name = "end",
		.aliases = "rm delete",
		.table = {.command = "sessions end",
			.summary = "Ends a client's session. The client may come back: to keep it "
				   "out, "
				   "revoke its token.",
			.usage = "ID [OPTION]...",
			.rows = end_rows,
			.n = ARRAY_LEN(end_rows),
			.operands = &session,
			.n_operands = 1},
		.method = "DELETE",
		.path = "/api/v1/sessions/{id}?drain={drain}",
		.say = say_ended},
};
static const struct option_habit others[] = {
	{"kill close drop disconnect remove stop", "tunnel sessions end ID ends one"},
	{"show get describe", "tunnel sessions list --json has all of each"},
	{0},
};
const struct noun noun_sessions = {.habits = others,
	.name = "sessions",
	.summary = "The clients that are connected",
	.verbs = session_verbs,
	.n = ARRAY_LEN(session_verbs),
	.first_is_default = true};

/* ---- routes ---- */

/* "line:4 to, no-admins deny" */
static int write_rules(const json_t *row, bool raw, struct buf *to)
{
	const json_t *rule;
	size_t i;
	json_array_foreach(json_object_get(row, "rules"), i, rule)
	{
		const char *name = answer_text(rule, "rule"), *verb = answer_text(rule, "verb");
		if ((i && buf_append(to, ", ", 2)) || buf_append(to, name, strlen(name)) ||
			buf_append(to, " ", 1) || buf_append(to, verb, strlen(verb)))
			return -ENOMEM;
	}
	return i ? 0 : buf_append(to, "-", 1);
}

/* "blue used priority=1 weight=900, cloud reserve priority=2 weight=-" */
static int write_origins(const json_t *row, bool raw, struct buf *to)
{
	const json_t *origin;
	char text[160], weight[24];
	size_t i;
	json_array_foreach(json_object_get(row, "origins"), i, origin)
	{
		const json_t *w = json_object_get(origin, "weight");
		snprintf(weight, sizeof(weight), json_is_integer(w) ? "%lld" : "-",
			(long long)json_integer_value(w));
		int n = snprintf(text, sizeof(text), "%s%s %s priority=%lld weight=%s",
			i ? ", " : "", answer_text(origin, "origin"), answer_text(origin, "state"),
			(long long)json_integer_value(json_object_get(origin, "priority")), weight);
		if (buf_append(to, text, MIN((size_t)n, sizeof(text) - 1)))
			return -ENOMEM;
	}
	return i ? 0 : buf_append(to, "-", 1);
}

static const struct column route_columns[] = {
	{"HOST", "host", CELL_TEXT, NULL},
	{"KIND", "kind", CELL_TEXT, NULL},
	{"IDENTITY", "identity", CELL_TEXT, NULL},
	{"SESSIONS", "sessions", CELL_LIST, NULL},
	{"REQ/S", "rps", CELL_RATE, NULL},
	{"IN/S", "in", CELL_BYTES, NULL},
	{"OUT/S", "out", CELL_BYTES, NULL},
	{"LAST ERROR", "lastError.what", CELL_TEXT, NULL},
};
static const struct column match_columns[] = {
	{"Host", "host", CELL_TEXT, NULL},
	{"Matched", "matched", CELL_TEXT, NULL},
	{"Why", "why", CELL_TEXT, NULL},
	{"Sessions", "sessions", CELL_LIST, NULL},
};

static const struct column explain_columns[] = {
	{"Host", "host", CELL_TEXT, NULL},
	{"Route", "route", CELL_TEXT, NULL},
	{"Rules", NULL, CELL_TEXT, write_rules},
	{"Why", "why", CELL_TEXT, NULL},
	{"Status", "status", CELL_TEXT, NULL},
	{"Location", "location", CELL_TEXT, NULL},
	{"To", "to", CELL_TEXT, NULL},
	{"Sessions", "sessions", CELL_LIST, NULL},
	{"Origins", NULL, CELL_TEXT, write_origins},
};

static const struct option_operand route_operands[] = {
	{.metavar = "HOST[/PATH]",
		.help = "Only where a request for this host would go, and why; with --explain a "
			"method, and behind it a URL",
		.option = "host"},
	{.metavar = "URL", .help = "With --explain: what is asked for", .option = "url"},
};
static const struct option_row route_rows[] = {
	{.name = "host",
		.type = OPTION_STRING,
		.metavar = "HOST",
		.help = "The host, which may also stand alone, without --host",
		.offset = ADMIN_AT(host)},
	{.name = "path",
		.type = OPTION_STRING,
		.metavar = "PATH",
		.help = "The path of the request, with a HOST",
		.brief = "The path of the request, with a HOST",
		.offset = ADMIN_AT(path)},
	{.name = "explain",
		.type = OPTION_FLAG,
		.help = "Say which rules hold for a request, METHOD URL, and which one ends it",
		.offset = ADMIN_AT(explain)},
	{.name = "url",
		.type = OPTION_STRING,
		.metavar = "URL",
		.help = "The URL of the request, which may also stand alone behind its method",
		.brief = "The URL of the request, with --explain",
		.offset = ADMIN_AT(url)},
	{.name = "header",
		.type = OPTION_LINES,
		.metavar = "\"NAME: VALUE\"",
		.help = "A field of the request, with --explain; any number of them",
		.offset = ADMIN_AT(headers)},
	{.name = "address",
		.type = OPTION_STRING,
		.metavar = "ADDRESS",
		.help = "Where the request comes from, with --explain; default: 127.0.0.1",
		.offset = ADMIN_AT(address)},
};

static int explain_body(struct call *c, json_t **body_out)
{
	const struct admin_options *o = c->o;
	json_t *headers = json_array();
	for (size_t i = 0; i < o->headers.n; i++)
		json_array_append_new(headers, json_string(o->headers.v[i]));
	bool whole = json_array_size(headers) == o->headers.n;
	*body_out = json_pack("{s:s, s:s, s:o, s:s*}", "method", o->host, "url", o->url, "headers",
		headers, "address", o->address);
	return *body_out && whole ? 0
				  : error_set(c->err, STATUS_USAGE, "what was typed is not UTF-8");
}

static int explain_request(struct call *c)
{
	struct verb one = *c->verb;
	if (!c->o->host || !c->o->url)
		return error_set(c->err, STATUS_USAGE,
			"--explain takes a method and a URL: tunnel routes --explain GET "
			"https://app.example.org/path");
	one.pages = false;
	one.method = "POST";
	one.path = "/api/v1/routes/explain";
	one.body = explain_body;
	one.columns = explain_columns;
	one.n_columns = ARRAY_LEN(explain_columns);
	return call_run_as(c, &one);
}

/* HOST/PATH in one word. -EINVAL: there is a path besides. */
static int split_host(struct call *c)
{
	struct admin_options *o = c->o;
	char *path = o->host ? strchr(o->host, '/') : NULL;
	if (!path)
		return 0;
	if (o->path)
		return -EINVAL;
	o->path = strdup(path);
	*path = 0;
	return 0;
}

/* With a host the answer is another: one thing. */
static int routes(struct call *c)
{
	struct verb one = *c->verb;
	if (c->o->explain)
		return explain_request(c);
	if (c->o->url || c->o->headers.n || c->o->address)
		return error_set(c->err, STATUS_USAGE,
			"a URL, --header and --address describe a request for --explain");
	if (split_host(c))
		return error_set(c->err, STATUS_USAGE,
			"HOST/PATH has the path already: leave --path out");
	if (!c->o->host && c->o->path)
		return error_set(c->err, STATUS_USAGE,
			"--path is the path of a request for a HOST");
	if (c->o->host) {
		one.pages = false;
		one.columns = match_columns;
		one.n_columns = ARRAY_LEN(match_columns);
	}
	return call_run_as(c, &one);
}

static const struct verb route_verbs[] = {
	{.name = "",
		.table = {.command = "routes",
			.summary = "Lists the public names and ports, and the sessions that each "
				   "leads to.",
			.usage = "[HOST[/PATH]] [OPTION]... | --explain METHOD URL [OPTION]...",
			.example = "Examples:\n"
				   "  tunnel routes app.example.org/login\n"
				   "  tunnel routes --explain GET https://app.example.org/admin "
				   "--header=\"X-Key: k\"\n",
			.rows = route_rows,
			.n = ARRAY_LEN(route_rows),
			.operands = route_operands,
			.n_operands = ARRAY_LEN(route_operands)},
		.method = "GET",
		.path = "/api/v1/routes?host={host}&path={path}",
		.pages = true,
		.columns = route_columns,
		.n_columns = ARRAY_LEN(route_columns),
		.run = routes},
};
const struct noun noun_routes = {.name = "routes",
	.summary = "Public names and ports, and where they lead",
	.verbs = route_verbs,
	.n = ARRAY_LEN(route_verbs)};
