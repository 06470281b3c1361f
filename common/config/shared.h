/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The rows that both sides' tables have, for fields of the same names in either config struct: one
 * wording, one default, one reason.
 */
#include "base/clock.h"
#include "config/log_rooms.h"
#include "config/option.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* In the order of enum log_level and enum log_format. */
extern const char *const shared_log_levels[];
extern const char *const shared_log_formats[];

/* What a command prints instead of running; a client makes no machine of its own. */
enum generate {
	GENERATE_NO,
	GENERATE_SYSTEMD,
	GENERATE_COMPOSE,
	GENERATE_K8S_YAML,
	GENERATE_CLOUD_INIT
};
extern const char *const shared_generate_client[];
extern const char *const shared_generate_server[];

/* `words` are those of the side. */
#define SHARED_GENERATE_ROW(side, words)                                                          \
	{                                                                                         \
		.name = "generate", .type = OPTION_ENUM, .default_text = "no", .metavar = "FORM", \
		.values = (words),                                                                \
		.help = "Do not run: print what runs it with these options, for systemd, for "    \
			"compose or for a cluster",                                               \
		.section = "Running it", .offset = offsetof(side, generate)                       \
	}

/*
 * What a link may hold.
 *	base-window	one turn's read of a socket; windows that need more grow
 *	max-window	100 ms at 640 Mbit/s
 *	max-streams	a guess: as many requests at a time as one upstream could answer
 */
#define SHARED_LINK_ROWS(side)                                                                   \
	{.name = "base-window",                                                                  \
		.type = OPTION_SIZE,                                                             \
		.default_text = "64KiB",                                                         \
		.min = 16 * KIB,                                                                 \
		.max = 16 * MIB,                                                                 \
		.help = "How much a stream may send before the other end has read it",           \
		.section = "Links of clients",                                                   \
		.offset = offsetof(side, base_window)},                                          \
		{.name = "max-window",                                                           \
			.type = OPTION_SIZE,                                                     \
			.default_text = "8MiB",                                                  \
			.min = 16 * KIB,                                                         \
			.max = GIB,                                                              \
			.help = "The largest window that a fast stream may grow to",             \
			.offset = offsetof(side, max_window)},                                   \
		{.name = "memory-budget",                                                        \
			.type = OPTION_SIZE,                                                     \
			.default_text = "0",                                                     \
			.max = UINT64_C(1) << 40,                                                \
			.help = "Memory for data that waits to be read; 0 is an eighth of the "  \
				"machine's, from 32MiB to 1GiB",                                 \
			.offset = offsetof(side, memory_budget)},                                \
	{                                                                                        \
		.name = "max-streams", .type = OPTION_NUMBER, .default_text = "16384", .min = 1, \
		.max = 1 << 16, .help = "Streams of one link at a time",                         \
		.offset = offsetof(side, max_streams)                                            \
	}

/*
 * Stated by both, since either end of a flow may be the one that is left.
 *	udp-idle	what home routers keep a flow for at least, and DNS answers long before
 */
#define SHARED_UDP_ROW(side)                                                        \
	{                                                                           \
		.name = "udp-idle", .type = OPTION_DURATION, .default_text = "60s", \
		.min = CLOCK_S, .max = 86400 * CLOCK_S,                             \
		.help = "How long a UDP flow is kept without a datagram",           \
		.offset = offsetof(side, udp_idle)                                  \
	}

/* How it is run. */
#define SHARED_RUN_ROWS(side)                                                                  \
	{.name = "grace",                                                                      \
		.type = OPTION_DURATION,                                                       \
		.default_text = "10s",                                                         \
		.max = 3600 * CLOCK_S,                                                         \
		.help = "How long running requests may take to finish after SIGTERM",          \
		.section = "Running it",                                                       \
		.offset = offsetof(side, grace)},                                              \
		{.name = "config",                                                             \
			.type = OPTION_STRING,                                                 \
			.metavar = "FILE",                                                     \
			.env = "TUNNEL_CONFIG",                                                \
			.help = "Read further options from this YAML file",                    \
			.brief = "Read further options from this YAML file",                   \
			.offset = offsetof(side, config)},                                     \
		{.name = "log-level",                                                          \
			.type = OPTION_ENUM,                                                   \
			.default_text = "info",                                                \
			.metavar = "LEVEL",                                                    \
			.values = shared_log_levels,                                           \
			.env = "TUNNEL_LOG_LEVEL",                                             \
			.help = "The least severe messages that are logged",                   \
			.brief = "What to log: error, warn, info or debug",                    \
			.reloadable = true,                                                    \
			.offset = offsetof(side, log_level)},                                  \
		{.name = "log-rooms",                                                          \
			.type = OPTION_LIST,                                                   \
			.metavar = "ROOM=LEVEL,...",                                           \
			.check = log_rooms_check,                                              \
			.help = "Rooms of the program whose messages have another level, as "  \
				"link=debug",                                                  \
			.reloadable = true,                                                    \
			.offset = offsetof(side, log_rooms)},                                  \
	{                                                                                      \
		.name = "log-format", .type = OPTION_ENUM, .default_text = "text",             \
		.metavar = "FORMAT", .values = shared_log_formats, .env = "TUNNEL_LOG_FORMAT", \
		.help = "The format of the log's lines", .offset = offsetof(side, log_format)  \
	}
