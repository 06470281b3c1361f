/* SPDX-License-Identifier: MIT */
#include "cli/identity_members.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "config/value.h"

#define PORT_ANY "*" /* to people; to the server it is port 0 */

/* The server knows better; this is what would be a slip of the hand. */
static int check_ports(struct str text, struct error *err)
{
	struct option_ranges ranges = {0};
	const struct option_row row = {.type = OPTION_RANGES, .max = 1};
	if (str_eq(text, STR(PORT_ANY)))
		return 0;
	int r = value_set(&row, &ranges, text, err);
	value_clear(&row, &ranges);
	return r;
}

static bool is_date(struct str text)
{
	return text.n > 4 && isdigit((unsigned char)text.p[0]) && text.p[4] == '-';
}

static int check_expires(struct str text, struct error *err)
{
	uint64_t us;
	return is_date(text) || value_parse_duration(text, &us) == 0
		       ? 0
		       : error_set(err, -EINVAL,
				 "\"%.*s\" is neither a time from now, such as 90d or 12h, nor a "
				 "date such as 2027-01-31T00:00:00Z",
				 STR_ARG(text));
}

#define LIST(option, field, meta, first, says, more)                                     \
	{                                                                                \
		.name = option, .type = OPTION_LIST, .metavar = meta, .clears = true,    \
		.help = says, .brief = more, .section = first, .offset = ADMIN_AT(field) \
	}
#define LIMIT(option, field, says)                                                        \
	{                                                                                 \
		.name = option, .type = OPTION_NUMBER, .clears = true, .max = UINT32_MAX, \
		.help = says, .offset = ADMIN_AT(field)                                   \
	}
#define RATE(option, field, says)                                                              \
	{                                                                                      \
		.name = option, .type = OPTION_SIZE, .clears = true, .max = UINT64_C(1) << 40, \
		.help = says, .offset = ADMIN_AT(field)                                        \
	}

const struct option_row identity_rows[] = {
	LIST("hosts", hosts, "HOST,...", "What it may",
		"Host names that it may publish: a.example.org, *.b.example.org; * is every name, "
		"and the "
		"requests for none that anybody publishes",
		"Host names that it may publish"),
	{.name = "ports",
		.type = OPTION_LIST,
		.metavar = "PORT[-PORT],...",
		.clears = true,
		.check = check_ports,
		.help = "Public TCP ports that it may publish at, of those that the server allows; "
			"* is "
			"each of these",
		.brief = "Public TCP ports that it may publish at",
		.offset = ADMIN_AT(ports)},
	{.name = "udp-ports",
		.type = OPTION_LIST,
		.metavar = "PORT[-PORT],...",
		.clears = true,
		.check = check_ports,
		.help = "The same for UDP",
		.offset = ADMIN_AT(udp_ports)},
	LIST("publish", publish, "NAME,...", NULL,
		"Names of private services that it may publish: redis, super-*, *", NULL),
	LIST("consume", consume, "NAME,...", NULL, "Names of private services that it may ask for",
		NULL),
	LIST("allow-from", allow_from, "CIDR,...", NULL,
		"Addresses that its clients may come from; default: any",
		"Addresses that its clients may come from"),
	LIMIT("max-sessions", max_sessions, "Clients that it may have connected at a time"),
	LIMIT("max-streams", max_streams, "Streams of all its clients at a time"),
	LIMIT("max-endpoints", max_endpoints, "Private services that it may use at a time"),
	RATE("rate-up", rate_up,
		"Bytes a second from its clients to visitors, all together: 10MiB"),
	RATE("rate-down", rate_down,
		"Bytes a second from visitors to its clients, all together: 10MiB"),
	{.name = "expires",
		.type = OPTION_STRING,
		.metavar = "TIME",
		.check = check_expires,
		.help = "When it ends by itself: 90d from now, or 2027-01-31T00:00:00Z",
		.brief = "When it ends by itself: 90d",
		.offset = ADMIN_AT(expires)},
	{.name = "operator",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "It may ask the server everything, with --remote",
		.brief = "It may ask the server everything, with --remote",
		.offset = ADMIN_AT(operator_)},
	{.name = "description",
		.letter = 'd',
		.type = OPTION_STRING,
		.metavar = "TEXT",
		.help = "Whose it is, for people",
		.offset = ADMIN_AT(description)},
};
const size_t n_identity_rows = ARRAY_LEN(identity_rows);

/* "expires" becomes one of two, by its form. */
static const struct {
	const char *option, *member;
} members[] = {
	{"hosts", "hosts"},
	{"ports", "ports"},
	{"udp-ports", "udpPorts"},
	{"publish", "publish"},
	{"consume", "consume"},
	{"allow-from", "allowFrom"},
	{"max-sessions", "maxSessions"},
	{"max-streams", "maxStreams"},
	{"max-endpoints", "maxEndpoints"},
	{"rate-up", "rateUp"},
	{"rate-down", "rateDown"},
	{"expires", "expiresAt"},
	{"expires", "expiresIn"},
	{"operator", "operator"},
	{"description", "description"},
};

const char *identity_member(const char *option)
{
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (strcmp(members[i].option, option) == 0)
			return members[i].member;
	return NULL;
}

const struct option_row *identity_row(const char *name)
{
	const struct option_table t = {.rows = identity_rows, .n = n_identity_rows};
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (strcmp(members[i].member, name) == 0)
			name = members[i].option;
	return option_find(&t, name, strlen(name)).row;
}

static json_t *list_of(const struct option_row *row, const struct option_list *list)
{
	json_t *array = json_array();
	for (size_t i = 0; array && i < list->n; i++) {
		bool any = row->check == check_ports && strcmp(list->v[i], PORT_ANY) == 0;
		if (json_array_append_new(array, json_string(any ? "0" : list->v[i]))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *value_of(const struct option_row *row, struct admin_options *o)
{
	void *field = option_field(row, o);
	switch (row->type) {
	case OPTION_LIST:
	case OPTION_LINES:
		return list_of(row, field);
	case OPTION_FLAG:
		return json_boolean(*(bool *)field);
	case OPTION_NUMBER:
	case OPTION_DURATION:
	case OPTION_SIZE:
		return *(uint64_t *)field == OPTION_CLEARED
			       ? json_null()
			       : json_integer((json_int_t) * (uint64_t *)field);
	case OPTION_STRING:
		return *(char **)field ? json_string(*(char **)field) : json_null();
	case OPTION_SECRET:
	case OPTION_ENUM:
	case OPTION_PORTS:
	case OPTION_RANGES:
	case OPTION_GROUP:
		break; /* no identity has such */
	}
	return NULL;
}

int identity_put(json_t *object, const struct option_row *row, struct admin_options *o)
{
	const char *name = identity_member(row->name);
	bool time = strcmp(row->name, "expires") == 0;
	if (time && o->expires && !is_date(str_from(o->expires)))
		name = "expiresIn";
	return json_object_set_new(object, name, value_of(row, o));
}

int identity_put_given(json_t *object, const struct config *c, struct admin_options *o)
{
	int r = 0;
	for (size_t i = 0; !r && i < n_identity_rows; i++)
		if (config_given(c, identity_rows[i].name))
			r = identity_put(object, &identity_rows[i], o);
	return r;
}
