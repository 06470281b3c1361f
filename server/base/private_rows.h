/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Rows of the server's option table: how many streams of private services there may be.
 *
 *	max-private-streams			at 2 KiB each, 128 MiB
 *	max-private-streams-per-identity	a 64th of these: more than the pools of one machine's programs have, and
 *						one consumer leaves room for others
 */
#define PRIVATE_ROWS(side)                                                                     \
	{.name = "max-private-streams",                                                        \
		.type = OPTION_NUMBER,                                                         \
		.default_text = "65536",                                                       \
		.max = 1 << 24,                                                                \
		.help = "Streams of private services at a time",                               \
		.reloadable = true,                                                            \
		.offset = offsetof(side, max_private_streams)},                                \
	{                                                                                      \
		.name = "max-private-streams-per-identity", .type = OPTION_NUMBER,             \
		.default_text = "1024", .max = 1 << 24,                                        \
		.help = "Streams to private services that one consumer may have at a time",    \
		.reloadable = true, .offset = offsetof(side, max_private_streams_per_identity) \
	}
