/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The options by which either side is told of its panel over TCP, and what comes of them: where it listens, with what
 * token and certificate, and what people are told of it.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "config/kept_file.h"
#include "config/option.h"
#include "crypto/token.h"
#include "panel/panel.h"

#define PANEL_NONE "none" /* --panel=none */

/* In the state directory: the token that was made where none was given. */
#define PANEL_TOKEN_FILE "panel.token"

struct panel_settings {
	char *address; /* "[ADDRESS:]PORT", "none" */
	char *token_from;
	struct option_list hosts;
	char *cert, *key;
	bool insecure, metrics_open;
};

/* The rows of a table whose struct has it as `panel`. */
#define PANEL_ROWS(side, address_help)                                                          \
	{.name = "panel",                                                                       \
		.type = OPTION_STRING,                                                          \
		.metavar = "[ADDRESS:]PORT|none",                                               \
		.help = address_help,                                                           \
		.section = "Panel",                                                             \
		.offset = offsetof(side, panel.address)},                                       \
		{.name = "panel-token-from",                                                    \
			.type = OPTION_STRING,                                                  \
			.metavar = "FILE",                                                      \
			.help = "Read the panel's token from this file; default: one that is "  \
				"made "                                                         \
				"and kept in --state-dir",                                      \
			.offset = offsetof(side, panel.token_from)},                            \
		{.name = "panel-host",                                                          \
			.type = OPTION_LIST,                                                    \
			.metavar = "NAME,...",                                                  \
			.help = "Names by which browsers reach the panel, besides its address " \
				"and "                                                          \
				"localhost",                                                    \
			.offset = offsetof(side, panel.hosts)},                                 \
		{.name = "panel-cert",                                                          \
			.type = OPTION_STRING,                                                  \
			.metavar = "FILE",                                                      \
			.help = "The panel's certificate, for TLS: a PEM file with the chain",  \
			.offset = offsetof(side, panel.cert)},                                  \
		{.name = "panel-key",                                                           \
			.type = OPTION_STRING,                                                  \
			.metavar = "FILE",                                                      \
			.help = "Its key; default: in the file of --panel-cert",                \
			.offset = offsetof(side, panel.key)},                                   \
		{.name = "panel-insecure",                                                      \
			.type = OPTION_FLAG,                                                    \
			.default_text = "false",                                                \
			.help = "Let other machines reach the panel without TLS, as behind a "  \
				"proxy that has it",                                            \
			.offset = offsetof(side, panel.insecure)},                              \
	{                                                                                       \
		.name = "metrics-open", .type = OPTION_FLAG, .default_text = "false",           \
		.help = "Answer /metrics at the panel without its token",                       \
		.offset = offsetof(side, panel.metrics_open)                                    \
	}

/* Whether there is to be one by these options: `address` is given, and not "none". */
bool panel_settings_wanted(const struct panel_settings *s);

/*
 * Whether they fit together; `own_cert`: this side has a certificate that the panel may use. 0, or -EINVAL with a
 * sentence.
 */
int panel_settings_check(const struct panel_settings *s, bool own_cert, struct error *err);

/* Whether the files that they name can be used: 0, or -errno with a sentence. */
int panel_settings_inspect(const struct panel_settings *s, struct error *err);

/* What a panel is opened with. */
struct panel_place {
	struct panel_tcp_options tcp; /* of the fields below and of the settings */
	char *address;                /* owned */
	char *token;                  /* owned, wiped */
	char *token_path;             /* owned; NULL: the token is nowhere but here */
};

/* What this side lends to its panel. */
struct panel_side {
	const struct kept_dir *dir; /* the state directory; NULL: nothing can be kept */
	const char *cert, *key; /* its own certificate, for when other machines come; NULL: none */
};

/*
 * Finds or makes the token. 0, or -errno with a sentence. `place` and what it borrows must outlive the panel;
 * panel_place_deinit() in any case.
 */
int panel_place_init(struct panel_place *place, const struct panel_settings *s,
	const struct panel_side *side, struct error *err);
void panel_place_deinit(struct panel_place *place); /* accepts zeroed memory */

/*
 * Logs where the panel is, when it listens at `port`. With `show` its token stands in the address, behind "#", which
 * no browser sends.
 */
void panel_place_say(const struct panel_place *place, uint16_t port, bool show);
