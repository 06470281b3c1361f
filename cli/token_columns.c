/* SPDX-License-Identifier: MIT */
/* How identities and their tokens are shown. */
#include "cli/token_columns.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/macros.h"
#include "cli/age.h"
#include "cli/answer.h"

static int put(struct buf *to, const char *text)
{
	return buf_append(to, text, strlen(text));
}

/* "2222,7000-7010,53/udp"; port 0 is any. */
static int write_ports(const json_t *row, bool raw, struct buf *to)
{
	static const struct {
		const char *member, *suffix;
	} lists[] = {{"ports", ""}, {"udpPorts", "/udp"}};
	size_t before = buf_len(to);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		size_t j;
		const json_t *port;
		json_array_foreach(json_object_get(row, lists[i].member), j, port)
		{
			const char *text = json_string_value(port);
			bool any = text && strcmp(text, "0") == 0;
			if ((buf_len(to) > before && put(to, ",")) ||
				put(to, any    ? "*"
					: text ? text
					       : "?") ||
				put(to, lists[i].suffix))
				return -ENOMEM;
		}
	}
	return buf_len(to) > before ? 0 : put(to, "-");
}

/* The next end to come: of the identity, or of one of its tokens. */
static int write_expires(const json_t *row, bool raw, struct buf *to)
{
	const char *identity = answer_text(row, "expiresAt"), *next = identity;
	const json_t *token, *tokens = json_object_get(row, "tokens");
	size_t i;
	json_array_foreach(tokens, i, token)
	{
		const char *when = answer_text(token, "expiresAt");
		bool live = strcmp(answer_text(token, "state"), "active") == 0;
		if (live && *when && (!*next || age_parse(when) < age_parse(next)))
			next = when;
	}
	if (!*next || raw)
		return put(to, *next ? next : "-");
	char age[AGE_SIZE], shown[AGE_SIZE + 16];
	int64_t left = age_parse(next) - time(NULL);
	bool one = next != identity && json_array_size(tokens) > 1;
	snprintf(shown, sizeof shown, left < 0 ? "%s%s ago" : "%sin %s", one ? "one " : "",
		age_format(left < 0 ? -left : left, age));
	return put(to, shown);
}

const struct column identity_columns[N_IDENTITY_COLUMNS] = {
	{"NAME", "name", CELL_TEXT, NULL},
	{"TOKENS", "tokens", CELL_COUNT, NULL},
	{"STATE", "state", CELL_TEXT, NULL},
	{"SESSIONS", "sessions", CELL_TEXT, NULL},
	{"HOSTS", "hosts", CELL_LIST, NULL},
	{"PORTS", NULL, CELL_TEXT, write_ports},
	{"PUBLISH", "publish", CELL_LIST, NULL},
	{"CONSUME", "consume", CELL_LIST, NULL},
	{"EXPIRES", NULL, CELL_TEXT, write_expires},
};

static const struct column show_columns[] = {
	{"Name", "name", CELL_TEXT, NULL},
	{"Description", "description", CELL_TEXT, NULL},
	{"State", "state", CELL_TEXT, NULL},
	{"Operator", "operator", CELL_TEXT, NULL},
	{"Sessions", "sessions", CELL_TEXT, NULL},
	{"Hosts", "hosts", CELL_LIST, NULL},
	{"Ports", NULL, CELL_TEXT, write_ports},
	{"Publish", "publish", CELL_LIST, NULL},
	{"Consume", "consume", CELL_LIST, NULL},
	{"From", "allowFrom", CELL_LIST, NULL},
	{"Private services", "privateServices", CELL_TEXT, NULL},
	{"Endpoints", "endpoints", CELL_TEXT, NULL},
	{"Max sessions", "maxSessions", CELL_TEXT, NULL},
	{"Max streams", "maxStreams", CELL_TEXT, NULL},
	{"Max endpoints", "maxEndpoints", CELL_TEXT, NULL},
	{"Rate up", "rateUp", CELL_SIZE, NULL},
	{"Rate down", "rateDown", CELL_SIZE, NULL},
	{"Expires", NULL, CELL_TEXT, write_expires},
	{"Age", "createdAt", CELL_AGE, NULL},
	{"Changed", "updatedAt", CELL_AGE, NULL},
	{"Revision", "revision", CELL_TEXT, NULL},
};
static const struct column token_columns[] = {
	{"KEYID", "keyId", CELL_TEXT, NULL},
	{"LABEL", "label", CELL_TEXT, NULL},
	{"STATE", "state", CELL_TEXT, NULL},
	{"AGE", "createdAt", CELL_AGE, NULL},
	{"LAST USED", "lastUsedAt", CELL_AGE, NULL},
	{"EXPIRES", NULL, CELL_TEXT, write_expires},
};

int token_show(struct call *c, const json_t *identity)
{
	struct columns table;
	columns_init(&table, show_columns, ARRAY_LEN(show_columns), true);
	int r = columns_print_one(&table, stdout, identity);
	fputc('\n', stdout);
	columns_init(&table, token_columns, ARRAY_LEN(token_columns), !c->o->quiet);
	if (!r)
		r = columns_print(&table, stdout, json_object_get(identity, "tokens"),
			OUTPUT_TABLE);
	return r ? error_set(c->err, STATUS_FAILED, "no memory") : 0;
}
