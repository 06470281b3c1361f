/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The rows about end-to-end keys, of every command whose streams may be sealed between two clients. For tables of struct
 * client_options.
 */
#include "client/config/options.h"

#define KEY_ROWS                                                                                  \
	{.name = "identity-key",                                                                  \
		.type = OPTION_STRING,                                                            \
		.metavar = "FILE",                                                                \
		.help = "The key by which other clients know this one, end to end; default: one " \
			"of its own, kept in the state directory",                                \
		.section = "Keys, for what is sealed end to end",                                 \
		.offset = offsetof(struct client_options, identity_key)},                         \
	{                                                                                         \
		.name = "state-dir", .type = OPTION_STRING, .metavar = "DIR",                     \
		.env = "STATE_DIRECTORY",                                                         \
		.help = "The directory for that key, and for those of others that were seen; "    \
			"default: in the XDG state home",                                         \
		.offset = offsetof(struct client_options, state_dir)                              \
	}
