/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The rows of every command that opens a session with an exit node: where it is, how it is reached and as whom. For
 * tables of struct client_options, which has a field for each.
 */
#include "client/config/options.h"
#include "link/upgrade.h"

/* A guess: eight make up for 1 % of loss, and each takes its share from others on the same path. */
#define EXIT_NODE_LINKS_MAX 16

int exit_node_check_remote(struct str text, struct error *err);
/* Its sentence may name anything but the password. */
int exit_node_check_proxy(struct str text, struct error *err);
int exit_node_check_pin(struct str text, struct error *err);

/* Under `heading` stand the rows that follow, too. */
#define EXIT_NODE_ROW(heading)                                                                  \
	{                                                                                       \
		.name = "remote", .letter = 'r', .aliases = "url", .type = OPTION_STRING,       \
		.metavar = "URL", .env = "TUNNEL_REMOTE", .check = exit_node_check_remote,      \
		.help = "The exit node: HOST (port 8000), HOST:PORT, ws://HOST[:PORT] (80) or " \
			"wss://HOST[:PORT] (443)",                                              \
		.required = true, .brief = "The exit node: HOST[:PORT], over TLS wss://HOST",   \
		.section = heading, .offset = offsetof(struct client_options, remote)           \
	}

/*
 * As whom, and by which way.
 *	links	one is never slower on a path that loses nothing
 */
#define EXIT_NODE_WAY_ROWS                                                                         \
	{.name = "token",                                                                          \
		.letter = 't',                                                                     \
		.type = OPTION_SECRET,                                                             \
		.metavar = "TOKEN",                                                                \
		.env = "TUNNEL_TOKEN",                                                             \
		.help = "The secret shared with the exit node",                                    \
		.brief = "The secret shared with the exit node",                                   \
		.section = "Token, and the way to the exit node",                                  \
		.offset = offsetof(struct client_options, token)},                                 \
		{.name = "token-from",                                                             \
			.letter = 'f',                                                             \
			.aliases = "token-file",                                                   \
			.type = OPTION_STRING,                                                     \
			.metavar = "FILE",                                                         \
			.env = "TUNNEL_TOKEN_FROM",                                                \
			.help = "Read the token from this file",                                   \
			.brief = "Read the token from this file, of mode 600",                     \
			.offset = offsetof(struct client_options, token_from)},                    \
		{.name = "no-token",                                                               \
			.type = OPTION_FLAG,                                                       \
			.default_text = "false",                                                   \
			.help = "Use an exit node that lets anyone publish",                       \
			.offset = offsetof(struct client_options, no_token)},                      \
		{.name = "no-seal",                                                                \
			.type = OPTION_FLAG,                                                       \
			.default_text = "false",                                                   \
			.help = "Do not encrypt the link if the exit node also says --no-seal: "   \
				"only for "                                                        \
				"trusted networks",                                                \
			.offset = offsetof(struct client_options, no_seal)},                       \
		{.name = "proxy",                                                                  \
			.type = OPTION_SECRET,                                                     \
			.metavar = "URL",                                                          \
			.check = exit_node_check_proxy,                                            \
			.help = "Connect through this proxy, http://, socks5:// or "               \
				"socks5h://[USER:PASSWORD@]HOST:PORT, or none; default: "          \
				"https_proxy, "                                                    \
				"all_proxy, http_proxy and no_proxy",                              \
			.brief = "Connect through this http:// or socks5h:// proxy",               \
			.offset = offsetof(struct client_options, proxy)},                         \
		{.name = "control-path",                                                           \
			.type = OPTION_STRING,                                                     \
			.metavar = "PATH",                                                         \
			.help = "Path of the WebSocket handshake; default: the path in --remote, " \
				"else " UPGRADE_PATH,                                              \
			.offset = offsetof(struct client_options, control_path)},                  \
		{.name = "links",                                                                  \
			.type = OPTION_NUMBER,                                                     \
			.default_text = "1",                                                       \
			.min = 1,                                                                  \
			.max = EXIT_NODE_LINKS_MAX,                                                \
			.help = "Number of connections to the exit node: more than one helps on "  \
				"paths that "                                                      \
				"lose "                                                            \
				"packets",                                                         \
			.offset = offsetof(struct client_options, links)},                         \
		{.name = "tls-ca",                                                                 \
			.type = OPTION_STRING,                                                     \
			.metavar = "FILE",                                                         \
			.help = "Verify the exit node's certificate by these CAs instead of the "  \
				"system's",                                                        \
			.brief = "Verify the exit node's certificate by these CAs",                \
			.offset = offsetof(struct client_options, tls_ca)},                        \
		{.name = "tls-pin",                                                                \
			.type = OPTION_STRING,                                                     \
			.metavar = "sha256/...",                                                   \
			.check = exit_node_check_pin,                                              \
			.help = "Accept the exit node's certificate only by its key",              \
			.offset = offsetof(struct client_options, tls_pin)},                       \
		{.name = "tls-client-cert",                                                        \
			.type = OPTION_STRING,                                                     \
			.metavar = "FILE",                                                         \
			.help = "The client's own certificate, shown to the exit node",            \
			.offset = offsetof(struct client_options, tls_client_cert)},               \
	{                                                                                          \
		.name = "tls-client-key", .type = OPTION_STRING, .metavar = "FILE",                \
		.help = "Its key; default: in the certificate's file or beside it",                \
		.offset = offsetof(struct client_options, tls_client_key)                          \
	}

/* Behind SHARED_RUN_ROWS, in whose section it stands. */
#define ADMIN_SOCKET_ROW                                                                        \
	{                                                                                       \
		.name = "admin-socket", .type = OPTION_STRING, .metavar = "PATH|none",          \
		.help = "The socket at which tunnel status and curl ask this client; default: " \
			"client-PID.sock in $RUNTIME_DIRECTORY or $XDG_RUNTIME_DIR/tunnel, as " \
			"root in /run/tunnel",                                                  \
		.offset = offsetof(struct client_options, admin_socket)                         \
	}
