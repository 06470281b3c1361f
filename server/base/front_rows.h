/* SPDX-License-Identifier: MIT */
#pragma once
/* The options about routes and their rules, for the table in options.c. */

/* As many keys as come within a minute at a large site; each takes 16 bytes. */
#define RATE_ENTRIES_DEFAULT "65536"
#define RATE_ENTRIES_MIN     1024
#define RATE_ENTRIES_MAX     (1 << 24)

#define FRONT_ROWS(options)                                                                     \
	{.name = "front",                                                                       \
		.type = OPTION_STRING,                                                          \
		.metavar = "FILE",                                                              \
		.help = "Routes and their rules, for HTTP: who may, where to, what is changed " \
			"(see docs/rules.md)",                                                  \
		.reloadable = true,                                                             \
		.offset = offsetof(options, front)},                                            \
	{                                                                                       \
		.name = "rate-entries", .type = OPTION_NUMBER,                                  \
		.default_text = RATE_ENTRIES_DEFAULT, .min = RATE_ENTRIES_MIN,                  \
		.max = RATE_ENTRIES_MAX,                                                        \
		.help = "How many keys the rates of rules can count at a time, 16 bytes each",  \
		.offset = offsetof(options, rate_entries)                                       \
	}
