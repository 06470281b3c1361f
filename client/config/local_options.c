/* SPDX-License-Identifier: MIT */
#include "client/config/local_options.h"

#include <errno.h>
#include <stddef.h>

#include "base/macros.h"
#include "client/config/local_service.h"

#define IN(field) offsetof(struct local_options, field)

int local_check_socket_mode(struct str text, struct error *err)
{
	bool octal = text.n >= 3 && text.n <= 4 && (text.n == 3 || text.p[0] == '0');
	for (size_t i = 0; i < text.n; i++)
		octal = octal && text.p[i] >= '0' && text.p[i] <= '7';
	return octal ? 0
		     : error_set(err, -EINVAL,
			       "\"%.*s\" is no mode of a file, such as 0600, or 0660 for its group",
			       STR_ARG(text));
}

/* `brief` is of --service, in a table in which it is one of the options that most people need. */
#define SERVICE_ROWS(short_help)                                                                 \
	{.name = "service",                                                                      \
		.type = OPTION_STRING,                                                           \
		.metavar = "ALIAS=LISTEN",                                                       \
		.help = "A private service to use, by its alias or name, and where programs of " \
			"this machine find it: PORT, ADDRESS:PORT, unix:PATH, udp:PORT or "      \
			"udp://ADDRESS:PORT",                                                    \
		.brief = short_help,                                                             \
		.section = "Private services to use",                                            \
		.offset = IN(service)},                                                          \
		{.name = "endpoint",                                                             \
			.type = OPTION_STRING,                                                   \
			.metavar = "NAME",                                                       \
			.help = "The name of the endpoint at the private service before it; "    \
				"default: the identity's",                                       \
			.offset = IN(endpoint)},                                                 \
		{.name = "end-to-end",                                                           \
			.type = OPTION_FLAG,                                                     \
			.default_text = "false",                                                 \
			.help = "Use the private service before it only if its streams are "     \
				"sealed between its provider's client and this one",             \
			.offset = IN(end_to_end)},                                               \
	{                                                                                        \
		.name = "message", .type = OPTION_STRING, .metavar = "TEXT",                     \
		.help = "What the owner of the private service before it is told with "          \
			"the request",                                                           \
		.offset = IN(message)                                                            \
	}

static const struct option_row rows[] = {SERVICE_ROWS(NULL)};

static const struct option_row stdio_rows[] = {
	SERVICE_ROWS("A private service, and where it is found here: redis=6379, dns=udp:53"),
	{.name = "stdio",
		.type = OPTION_STRING,
		.metavar = "ALIAS",
		.help = "Instead of --service: one connection to that private service, over "
			"standard input and output, as ssh's ProxyCommand",
		.brief = "One connection over standard input and output, as for ssh's ProxyCommand",
		.begins = true,
		.offset = IN(stdio)},
};

const struct option_table local_option_table = {
	.rows = rows,
	.n = ARRAY_LEN(rows),
};

const struct option_table local_stdio_option_table = {
	.rows = stdio_rows,
	.n = ARRAY_LEN(stdio_rows),
};
