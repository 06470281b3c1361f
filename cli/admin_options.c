/* SPDX-License-Identifier: MIT */
#include "cli/admin_options.h"

#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "cli/query.h"

static const char *const outputs[] = {"table", "json", "name", "tsv", NULL};

static int check_query(struct str text, struct error *err)
{
	struct query *q = NULL;
	int r = query_parse(text, &q, err);
	query_free(q);
	return r;
}

static const struct option_row common_rows[] = {
	{.name = "output",
		.letter = 'o',
		.type = OPTION_ENUM,
		.default_text = "table",
		.metavar = "FORMAT",
		.values = outputs,
		.help = "How to print the answer",
		.brief = "How to print: table, json, name or tsv",
		.section = "How it is printed",
		.offset = ADMIN_AT(output)},
	{.name = "json",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "The same as --output=json",
		.offset = ADMIN_AT(json)},
	{.name = "query",
		.type = OPTION_STRING,
		.metavar = "JMESPATH",
		.check = check_query,
		.help = "Print of the JSON only what this picks, as az has it: as JSON, or with "
			"--output=tsv as values",
		.offset = ADMIN_AT(query)},
	{.name = "quiet",
		.letter = 'q',
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Print only what was asked for: no head of a table, and no sentence about "
			"what "
			"is done",
		.offset = ADMIN_AT(quiet)},
	{.name = "admin-socket",
		.type = OPTION_STRING,
		.metavar = "PATH",
		.env = "TUNNEL_ADMIN_SOCKET",
		.help = "The server's admin socket; default: /run/tunnel/admin.sock, else "
			"admin.sock in "
			"the state directory",
		.brief = "The server's admin socket",
		.section = "The server that is asked",
		.offset = ADMIN_AT(admin_socket)},
	{.name = "state-dir",
		.type = OPTION_STRING,
		.metavar = "DIR",
		.help = "The server's state directory, if it was started with another --state-dir",
		.offset = ADMIN_AT(state_dir)},
};

/* Of tunnel client: the way to an exit node elsewhere. */
static const char *const remote_names[] = {
	"remote",
	"token",
	"token-from",
	"no-seal",
	"proxy",
	"control-path",
	"tls-ca",
	"tls-pin",
	"tls-client-cert",
	"tls-client-key",
};

/*
 * $TUNNEL_REMOTE is not read: whoever publishes through an exit node does not mean that one when he asks for the
 * server of this machine.
 */
static struct option_row remote_row(const char *name)
{
	struct option_row row = *option_find(&client_option_table, name, strlen(name)).row;
	bool way = strcmp(name, "remote") == 0, file = strcmp(name, "token-from") == 0;
	row.offset += ADMIN_AT(remote);
	row.section = way ? "An exit node elsewhere" : NULL;
	row.letter = way ? row.letter : 0; /* -f is a file in other commands */
	row.required = false;
	row.brief = way    ? "An exit node elsewhere: HOST[:PORT], or wss://HOST"
		    : file ? "The token of an operator there, in a file"
			   : NULL;
	if (way) {
		row.env = NULL;
		row.help = "Ask the exit node there, as an identity that may: HOST, HOST:PORT, "
			   "ws://HOST[:PORT] or wss://HOST[:PORT]";
	}
	if (strcmp(name, "token") == 0)
		row.help = "The token of an identity with --operator";
	return row;
}

struct option_table *admin_table_new(const struct option_table *own, const struct option_row *more,
	size_t n)
{
	size_t most = own->n + n + ARRAY_LEN(common_rows) + ARRAY_LEN(remote_names);
	struct option_table *t = malloc(sizeof *t);
	struct option_row *rows = t ? calloc(most, sizeof *rows) : NULL;
	if (!rows) {
		free(t);
		return NULL;
	}
	*t = *own;
	t->rows = rows;
	t->n = 0;
	for (size_t i = 0; i < own->n; i++)
		rows[t->n++] = own->rows[i];
	for (size_t i = 0; i < n; i++)
		rows[t->n++] = more[i];
	for (size_t i = 0; i < ARRAY_LEN(common_rows); i++)
		rows[t->n++] = common_rows[i];
	for (size_t i = 0; i < ARRAY_LEN(remote_names); i++)
		rows[t->n++] = remote_row(remote_names[i]);
	return t;
}

struct option_table *admin_table_own(const struct option_table *own)
{
	struct option_table *t = malloc(sizeof *t);
	struct option_row *rows = t ? calloc(own->n, sizeof *rows) : NULL;
	if (!rows) {
		free(t);
		return NULL;
	}
	*t = *own;
	t->rows = memcpy(rows, own->rows, own->n * sizeof *rows);
	return t;
}

struct option_table *admin_table_free(struct option_table *t)
{
	if (t)
		free((void *)t->rows);
	free(t);
	return NULL;
}
