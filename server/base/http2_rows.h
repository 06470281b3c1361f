/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Rows of the server's option table: HTTP/2 of visitors.
 *
 *	max-exchanges			4,096 connections with as many streams as they may have were half a million
 *	max-exchanges-per-address	as many as HTTP/1 has by --max-visitors-per-address
 */
#include "server/base/options.h"

extern const char *const server_http2_words[]; /* enum server_http2 */

#define HTTP2_ROWS                                                                            \
	{.name = "http2",                                                                     \
		.type = OPTION_ENUM,                                                          \
		.default_text = "on",                                                         \
		.metavar = "on|off",                                                          \
		.values = server_http2_words,                                                 \
		.help = "Whether visitors may use HTTP/2: over TLS by ALPN, else where they " \
			"begin with it",                                                      \
		.reloadable = true,                                                           \
		.offset = offsetof(struct server_options, http2)},                            \
		{.name = "max-exchanges",                                                     \
			.type = OPTION_NUMBER,                                                \
			.default_text = "65536",                                              \
			.min = 1,                                                             \
			.max = 1 << 24,                                                       \
			.help = "Requests under way over HTTP/2, beside the first of each "   \
				"connection, else 503",                                       \
			.reloadable = true,                                                   \
			.offset = offsetof(struct server_options, max_exchanges)},            \
	{                                                                                     \
		.name = "max-exchanges-per-address", .type = OPTION_NUMBER,                   \
		.default_text = "4096", .min = 1, .max = 1 << 24,                             \
		.help = "Those of one visitor's address", .reloadable = true,                 \
		.offset = offsetof(struct server_options, max_exchanges_per_address)          \
	}
