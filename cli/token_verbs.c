/* SPDX-License-Identifier: MIT */
/* tunnel token: identities, what they may, and their tokens. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "cli/admin_client.h"
#include "cli/age.h"
#include "cli/answer.h"
#include "cli/identity_members.h"
#include "cli/token_columns.h"
#include "cli/token_file.h"
#include "cli/verb.h"
#include "config/token_source.h"
#include "config/value.h"

static int no_memory(struct call *c)
{
	return error_set(c->err, STATUS_FAILED, "no memory");
}

/* ---- Bodies ---- */

/* What was given of an identity. */
static int grants_body(struct call *c, json_t **body_out)
{
	json_t *body = json_object();
	if (!body || identity_put_given(body, c->config, c->o)) {
		json_decref(body);
		return no_memory(c);
	}
	*body_out = body;
	return 0;
}

/* A date that has passed; how long from now ("90d") is none. */
static bool is_over(const char *expires)
{
	int64_t then = age_parse(expires);
	return then >= 0 && then <= time(NULL);
}

static int create_body(struct call *c, json_t **body_out)
{
	if (is_over(c->o->expires))
		return error_set(c->err, STATUS_USAGE,
			"--expires: %s is over already: the token would be of no use",
			c->o->expires);
	int r = grants_body(c, body_out);
	if (!r && json_object_set_new(*body_out, "name", json_string(c->o->name)))
		r = error_set(c->err, STATUS_USAGE, "the name is no text: it is not UTF-8");
	return r;
}

static int update_body(struct call *c, json_t **body_out)
{
	int r = grants_body(c, body_out);
	if (!r && json_object_size(*body_out) == 0)
		r = error_set(c->err, STATUS_USAGE,
			"nothing to change is given: see tunnel token update --help");
	return r;
}

/* The token to take over. Without --remote nobody needs --token-from for anything else. */
static int import_body(struct call *c, json_t **body_out)
{
	const char *path = c->o->from            ? c->o->from
			   : c->o->remote.remote ? NULL
						 : c->o->remote.token_from;
	struct token_source source = {.path = path};
	struct error warning;
	char *token = NULL;
	if (!path)
		return error_set(c->err, STATUS_USAGE,
			"the token to take over is missing: --from FILE");
	if (token_source_find(&source, &token, &warning, c->err))
		return STATUS_USAGE;
	int r = create_body(c, body_out);
	if (!r && json_object_set_new(*body_out, "token", json_string(token)))
		r = error_set(c->err, STATUS_USAGE, "the token in %s is not UTF-8", path);
	explicit_bzero(token, strlen(token));
	free(token);
	return r;
}

static int rotate_body(struct call *c, json_t **body_out)
{
	*body_out = json_pack("{s:s, s:s*}", "overlap", c->o->overlap, "label", c->o->label);
	return *body_out ? 0 : no_memory(c);
}

/* ---- A token that was made ---- */

/* The exit node's own name for others; the caller frees it. NULL: it did not say. */
static char *public_address(struct call *c)
{
	struct error err;
	json_t *status = NULL;
	struct admin_client_request ask = {.method = "GET", .target = "/api/v1/status"};
	int r = admin_client_ask(c->transport, &ask, &status, &err);
	const char *text = r ? NULL : json_string_value(json_object_get(status, "publicAddress"));
	char *copy = text ? strdup(text) : NULL;
	json_decref(status);
	return copy;
}

static void advise(struct call *c, const json_t *answer)
{
	auto_free char *address = c->o->quiet ? NULL : public_address(c);
	bool rotated = c->o->overlap;
	const char *until = json_string_value(json_object_get(answer, "previousExpireAt"));
	call_advise(c,
		"%s has a %stoken%s%s%s%s%s; it is shown only now. %s  tunnel client --remote=%s "
		"--token-from=%s --upstream=URL",
		c->o->name, rotated ? "new " : "", c->o->out ? ", in the file " : "",
		c->o->out ? c->o->out : "", until ? "; those before it end at " : "",
		until ? until : "", rotated && !until ? "; those before it have ended" : "",
		c->o->out ? "Where that file is taken:"
			  : "On the other machine, with it in a file of mode 600:",
		address ? address : "EXIT-NODE", c->o->out ? c->o->out : "FILE");
}

static int print_token(struct call *c, json_t *answer, int fd)
{
	const char *token = json_string_value(json_object_get(answer, "token"));
	if (!token)
		return error_set(c->err, STATUS_FAILED, "the server's answer has no token in it");
	int r = fd >= 0 && token_file_write(fd, c->o->out, token, c->err) ? STATUS_FAILED : 0;
	if (!r && call_output(c) == OUTPUT_JSON)
		r = call_print_json(c, answer);
	else if (!r && fd < 0)
		printf("%s\n", token);
	if (!r)
		advise(c, answer);
	return r;
}

/* create and rotate: the file is there before the server makes what goes into it. */
static int make_token(struct call *c)
{
	auto_close int fd = c->o->out ? token_file_make(c->o->out, c->err) : -1;
	if (c->o->out && fd < 0)
		return STATUS_FAILED;
	json_t *answer = NULL;
	int r = call_ask(c, &answer);
	if (r && c->o->out)
		unlink(c->o->out);
	if (!r)
		r = print_token(c, answer, fd);
	json_decref(answer);
	return r;
}

/* ---- Sentences ---- */

static int say_imported(struct call *c, const json_t *answer)
{
	call_say(c, "%s is there, with the token of %s", c->o->name,
		c->o->from ? c->o->from : c->o->remote.token_from);
	return 0;
}

static int say_updated(struct call *c, const json_t *answer)
{
	call_say(c, "%s is changed", c->o->name);
	return 0;
}

static int say_ended(struct call *c, const json_t *answer, const char *what)
{
	long long sessions = answer_number(answer, "sessionsEnded");
	long long streams = answer_number(answer, "streamsCut");
	call_say(c, "%s: %lld session%s ended, %lld stream%s cut", what, sessions, plural(sessions),
		streams, plural(streams));
	return 0;
}

static int say_deleted(struct call *c, const json_t *answer)
{
	auto_free char *what = NULL;
	long long services = answer_number(answer, "privateServicesDeleted");
	long long endpoints = answer_number(answer, "endpointsDeleted");
	if (asprintf(&what, "%s is deleted", c->o->name) < 0) {
		what = NULL;
		return no_memory(c);
	}
	say_ended(c, answer, what);
	if (services || endpoints)
		call_say(c, "with it %lld private service%s and %lld endpoint%s", services,
			plural(services), endpoints, plural(endpoints));
	return 0;
}

static int say_revoked(struct call *c, const json_t *answer)
{
	auto_free char *what = NULL;
	int n = c->o->credential
			? asprintf(&what, "token %s of %s is revoked", c->o->credential, c->o->name)
			: asprintf(&what, "%s is revoked", c->o->name);
	return n < 0 ? no_memory(c) : say_ended(c, answer, what);
}

/* One of several tokens is another request than all of them. */
static int revoke_token(struct call *c)
{
	struct verb one = *c->verb;
	if (c->o->credential) {
		one.method = "DELETE";
		one.path = "/api/v1/identities/{name}/tokens/{credential}";
	}
	return call_run_as(c, &one);
}

/* ---- The table ---- */

static int check_time(struct str text, struct error *err)
{
	uint64_t us;
	return value_parse_duration(text, &us) == 0
		       ? 0
		       : error_set(err, -EINVAL,
				 "\"%.*s\" is not a time with its unit, such as 30m, 24h or 7d",
				 STR_ARG(text));
}

#define IDENTITIES "/api/v1/identities"
#define IDENTITY   IDENTITIES "/{name}"

static const struct option_operand which = {.metavar = "NAME",
	.help = "The identity",
	.option = "name",
	.missing = "the NAME of the identity is missing; tunnel token list has them"};
static const struct option_operand new_name = {.metavar = "NAME",
	.help = "The new identity: letters, digits and hyphens",
	.option = "name",
	.missing =
		"the NAME of the new identity is missing, such as web in tunnel token create web"};

static const struct option_row list_rows[] = {{.name = "prefix",
	.type = OPTION_STRING,
	.metavar = "TEXT",
	.help = "Only those whose names begin so",
	.brief = "Only those whose names begin so",
	.offset = ADMIN_AT(name)}};
static const struct option_row show_rows[] = {ADMIN_NAME_ROW};
static const struct option_row revoke_rows[] = {ADMIN_NAME_ROW,
	{.name = "credential",
		.type = OPTION_STRING,
		.metavar = "KEYID",
		.help = "This token alone, one of several; tunnel token show has their key ids",
		.brief = "This token alone, one of several",
		.offset = ADMIN_AT(credential)}};
static const struct option_row delete_rows[] = {ADMIN_NAME_ROW, ADMIN_YES_ROW, ADMIN_IF_MATCH_ROW};
static const struct option_row rotate_rows[] = {ADMIN_NAME_ROW,
	{.name = "overlap",
		.type = OPTION_STRING,
		.default_text = "1h",
		.metavar = "TIME",
		.check = check_time,
		.help = "How long the tokens before it work beside it; 0 ends them at once",
		.brief = "How long the tokens before it work beside it",
		.offset = ADMIN_AT(overlap)},
	{.name = "label",
		.type = OPTION_STRING,
		.metavar = "TEXT",
		.help = "What the new token is for, for people",
		.offset = ADMIN_AT(label)},
	ADMIN_OUT_ROW};

/* And those of an identity. */
static const struct option_row create_rows[] = {ADMIN_NAME_ROW, ADMIN_OUT_ROW};
static const struct option_row update_rows[] = {ADMIN_NAME_ROW, ADMIN_IF_MATCH_ROW};
static const struct option_row import_rows[] = {ADMIN_NAME_ROW,
	{.name = "from",
		.type = OPTION_STRING,
		.metavar = "FILE",
		.help = "The file with the token to take over, of 16 characters at least; without "
			"--remote, --token-from does as well",
		.brief = "The file with the token to take over",
		.offset = ADMIN_AT(from)}};

#define TABLE(words, rows_of, operand, says, takes, shown) \
	VERB_TABLE("token " words, rows_of, operand, 1, says, takes "[OPTION]...", shown)

static const struct verb verbs[] = {
	{.name = "create",
		TABLE("create", create_rows, &new_name,
			"Makes an identity, and a token for it, which is printed and shown only "
			"now.",
			"NAME ",
			"Examples:\n"
			"  tunnel token create web --hosts=web.example.org --out=web.token\n"
			"  tunnel token create ssh --ports=2222 --expires=90d --out=ssh.token\n"),
		.identity = true,
		.offline = true,
		.method = "POST",
		.path = IDENTITIES,
		.body = create_body,
		.run = make_token},
	{.name = "list",
		.aliases = "ls",
		.table = {.command = "token list",
			.summary = "Lists the identities, and what each may.",
			.rows = list_rows,
			.n = ARRAY_LEN(list_rows)},
		.offline = true,
		.method = "GET",
		.path = IDENTITIES "?name={prefix}",
		.pages = true,
		.columns = identity_columns,
		.n_columns = N_IDENTITY_COLUMNS},
	{.name = "show",
		TABLE("show", show_rows, &which, "Shows an identity and its tokens.", "NAME ",
			NULL),
		.offline = true,
		.method = "GET",
		.path = IDENTITY,
		.columns = identity_columns,
		.n_columns = N_IDENTITY_COLUMNS,
		.say = token_show},
	{.name = "update",
		TABLE("update", update_rows, &which,
			"Changes what an identity may, for its live sessions too. What is given "
			"replaces what was; '' takes it away.",
			"NAME ",
			"Examples:\n"
			"  tunnel token update web --hosts=web.example.org,api.example.org\n"
			"  tunnel token update web --expires=''\n"),
		.identity = true,
		.offline = true,
		.method = "PATCH",
		.path = IDENTITY,
		.body = update_body,
		.say = say_updated},
	{.name = "rotate",
		TABLE("rotate", rotate_rows, &which,
			"Makes another token of an identity; those before it end after --overlap.",
			"NAME ",
			"Example:\n  tunnel token rotate web --overlap=24h --out=web.token.new\n"),
		.offline = true,
		.method = "POST",
		.path = IDENTITY "/tokens",
		.body = rotate_body,
		.run = make_token},
	{.name = "revoke",
		TABLE("revoke", revoke_rows, &which,
			"Ends an identity's tokens and its sessions, at once and for good.",
			"NAME ", NULL),
		.offline = true,
		.method = "POST",
		.path = IDENTITY "/revoke",
		.say = say_revoked,
		.run = revoke_token},
	{.name = "delete",
		.aliases = "rm",
		TABLE("delete", delete_rows, &which,
			"Ends an identity's sessions, and forgets it and its tokens.", "NAME ",
			NULL),
		.offline = true,
		.method = "DELETE",
		.path = IDENTITY,
		.question = "delete it, its tokens, what it may, its private services and "
			    "endpoints, and end its sessions?",
		.say = say_deleted},
	{.name = "import",
		TABLE("import", import_rows, &new_name,
			"Makes an identity for a token that exists already.", "NAME --from=FILE ",
			NULL),
		.identity = true,
		.offline = true,
		.method = "POST",
		.path = IDENTITIES,
		.body = import_body,
		.say = say_imported},
};

static const struct option_habit others[] = {
	{"add new make generate issue", "tunnel token create NAME makes an identity and its token"},
	{"get describe view info read",
		"tunnel token show NAME shows one, and tunnel token list all"},
	{"remove",
		"tunnel token delete NAME forgets an identity; tunnel token revoke NAME ends its "
		"tokens for good, and it stays in the list"},
	{"edit set modify patch grant allow", "tunnel token update NAME changes what it may"},
	{"renew refresh regenerate reset roll", "tunnel token rotate NAME makes another token"},
	{"disable block ban", "tunnel token revoke NAME ends its tokens and its sessions"},
	{0},
};
const struct noun noun_token = {.habits = others,
	.name = "token",
	.summary = "Identities: what each may publish, and the tokens that stand for it",
	.verbs = verbs,
	.n = ARRAY_LEN(verbs)};
