/* SPDX-License-Identifier: MIT */
#pragma once
/* The rows about the access log, for the server's table of options. Who reads logs is not who may log in. */
#include "server/base/access_log.h"
#include "server/base/options.h"

extern const char *const access_query_words[];  /* enum access_query */
extern const char *const access_format_words[]; /* enum access_format */

#define ACCESS_LOG_ROWS                                                                         \
	{.name = "access-log",                                                                  \
		.type = OPTION_STRING,                                                          \
		.metavar = "off|stdout|FILE",                                                   \
		.check = access_log_check,                                                      \
		.help = "Where the access log goes, with a line for each request; default: to " \
			"the "                                                                  \
			"log",                                                                  \
		.offset = offsetof(struct server_options, access_log)},                         \
		{.name = "access-log-format",                                                   \
			.type = OPTION_ENUM,                                                    \
			.default_text = "log",                                                  \
			.metavar = "FORMAT",                                                    \
			.values = access_format_words,                                          \
			.help = "The access log's form: that of the log, logfmt, json, or "     \
				"combined, which "                                              \
				"is "                                                           \
				"Apache's",                                                     \
			.offset = offsetof(struct server_options, access_log_format)},          \
	{                                                                                       \
		.name = "access-log-query", .type = OPTION_ENUM, .default_text = "mask",        \
		.metavar = "MODE", .values = access_query_words,                                \
		.help = "What the access log shows of queries: all, all but the values of "     \
			"tokens, "                                                              \
			"passwords and the like, or nothing",                                   \
		.reloadable = true, .offset = offsetof(struct server_options, access_log_query) \
	}
