/* SPDX-License-Identifier: MIT */
/* tunnel ca: the certificate authority of an exit node. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "cli/answer.h"
#include "cli/verb.h"
#include "config/value.h"
#include "policy/root.h"

#define CA "/api/v1/ca"

static int lifetime_body(struct call *c, json_t **body_out)
{
	json_int_t seconds = (json_int_t)(c->o->lifetime / CLOCK_S);
	*body_out = config_given(c->config, "lifetime") ? json_pack("{s:I}", "lifetime", seconds)
							: json_object();
	return *body_out ? 0 : error_set(c->err, STATUS_FAILED, "no memory");
}

static const char *lifetime_text(const json_t *ca, char to[32])
{
	return value_format_duration((uint64_t)answer_number(ca, "lifetimeSeconds") * CLOCK_S, to,
		32);
}

static int say_made(struct call *c, const json_t *ca)
{
	char text[32];
	call_say(c, "the certificate authority of %s signs certificates that last for %s",
		answer_text(ca, "trustDomain"), lifetime_text(ca, text));
	call_advise(c, "where a program needs one: tunnel cert --out DIR --remote=... "
		       "--token-from=FILE");
	return 0;
}

static int say_rotated(struct call *c, const json_t *ca)
{
	const json_t *before = json_array_get(json_object_get(ca, "roots"), 1);
	call_say(c, "a new root signs for %s; the one before is listed until %s",
		answer_text(ca, "trustDomain"), answer_text(before, "listedUntil"));
	return 0;
}

/* ---- show ---- */

static const struct column root_columns[] = {
	{"ROOT", "id", CELL_TEXT, NULL},
	{"STATE", "state", CELL_TEXT, NULL},
	{"VALID UNTIL", "notAfter", CELL_TEXT, NULL},
	{"LISTED UNTIL", "listedUntil", CELL_TEXT, NULL},
	{"SERIAL", "serial", CELL_TEXT, NULL},
	{"PIN", "pin", CELL_TEXT, NULL},
};

static int print_roots(struct call *c, const json_t *ca)
{
	struct columns columns;
	char text[32];
	enum output how = call_output(c);
	if (how == OUTPUT_TABLE) {
		call_say(c, "trust domain %s, certificates last for %s",
			answer_text(ca, "trustDomain"), lifetime_text(ca, text));
		call_say(c, "%s", "");
	}
	columns_init(&columns, root_columns, ARRAY_LEN(root_columns), !c->o->quiet);
	return columns_print(&columns, stdout, json_object_get(ca, "roots"), how)
		       ? error_set(c->err, STATUS_FAILED, "no memory")
		       : 0;
}

static int show(struct call *c)
{
	json_t *ca = NULL;
	int r = call_ask(c, &ca);
	if (!r && c->o->pem)
		fputs(answer_text(ca, "bundle"), stdout);
	else if (!r && call_output(c) == OUTPUT_JSON)
		r = call_print_json(c, ca);
	else if (!r)
		r = print_roots(c, ca);
	json_decref(ca);
	return r;
}

/* ---- The table ---- */

#define LIFETIME(says, text)                                                                      \
	{                                                                                         \
		.name = "lifetime", .type = OPTION_DURATION, .default_text = text,                \
		.min = POLICY_CERTIFICATE_LIFETIME_MIN, .max = POLICY_CERTIFICATE_LIFETIME_MAX,   \
		.help = says, .brief = "How long certificates last", .offset = ADMIN_AT(lifetime) \
	}

static const struct option_row init_rows[] = {
	LIFETIME("How long certificates last that it signs, unless less is asked for", "72h")};
static const struct option_row rotate_rows[] = {
	LIFETIME("How long certificates last from now on; default: as before", NULL)};
static const struct option_row show_rows[] = {{.name = "pem",
	.type = OPTION_FLAG,
	.default_text = "false",
	.help = "Print the certificates of the roots, for the file of trusted CAs of a program",
	.brief = "Print the certificates of the roots",
	.offset = ADMIN_AT(pem)}};

static const struct verb verbs[] = {
	{.name = "init",
		.aliases = "create",
		.table = {.command = "ca init",
			.summary = "Makes the certificate authority: from then on identities get "
				   "certificates for mutual TLS.",
			.rows = init_rows,
			.n = ARRAY_LEN(init_rows)},
		.offline = true,
		.method = "POST",
		.path = CA,
		.body = lifetime_body,
		.say = say_made},
	{.name = "show",
		.table = {.command = "ca show",
			.summary = "Shows the certificate authority and its roots.",
			.rows = show_rows,
			.n = ARRAY_LEN(show_rows)},
		.offline = true,
		.method = "GET",
		.path = CA,
		.columns = root_columns,
		.n_columns = ARRAY_LEN(root_columns),
		.run = show},
	{.name = "rotate",
		.table = {.command = "ca rotate",
			.summary = "Gives it a new root, for which the one before vouches: nothing "
				   "that it signed ends by that.",
			.rows = rotate_rows,
			.n = ARRAY_LEN(rotate_rows)},
		.offline = true,
		.method = "POST",
		.path = CA "/rotate",
		.body = lifetime_body,
		.say = say_rotated},
};
static const struct option_habit others[] = {
	{"new make setup", "tunnel ca init makes it"},
	{"get list ls bundle export root roots",
		"tunnel ca show; tunnel ca show --pem prints the bundle"},
	{"renew update", "tunnel ca rotate makes another root"},
	{"sign issue cert", "tunnel cert --out DIR gets a certificate"},
	{"revoke crl", "tunnel token revoke NAME: who is revoked gets no further certificate"},
	{0},
};
const struct noun noun_ca = {.habits = others,
	.name = "ca",
	.summary = "The certificate authority for programs that speak mutual TLS",
	.verbs = verbs,
	.n = ARRAY_LEN(verbs)};
