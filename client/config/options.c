/* SPDX-License-Identifier: MIT */
/* The client's option table. A default's reason stands beside it. */
#include "client/config/options.h"

#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "client/config/exit_node_rows.h"
#include "client/config/habits.h"
#include "client/config/key_rows.h"
#include "client/config/local_options.h"
#include "client/config/service_options.h"
#include "config/shared.h"

#define AT(field) offsetof(struct client_options, field)

static const struct option_row rows[] = {
	EXIT_NODE_ROW("The exit node, and what is published there"),
	{.name = "services",
		.type = OPTION_GROUP,
		.group = &service_option_table,
		.element = sizeof(struct service_options),
		.help = "What to publish",
		.required = true,
		.unless = "endpoints",
		.reloadable = true,
		.offset = AT(publications)},
	{.name = "exclusive",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Share no public name or port with another client: the one that comes "
			"second is refused",
		.brief = "Share no name or port with another client",
		.section = "More to publish",
		.reloadable = true,
		.offset = AT(exclusive)},
	{.name = "ports",
		.type = OPTION_RANGES,
		.min = 1,
		.max = SERVICE_RANGES_MAX,
		.help = "TCP ports to publish of an --upstream that is only a host",
		.section = "More to publish",
		.offset = AT(ports)},
	{.name = "endpoints",
		.type = OPTION_GROUP,
		.group = &local_option_table,
		.element = sizeof(struct local_options),
		.help = "Private services to use",
		.reloadable = true,
		.offset = AT(endpoints)},
	LOCAL_PLACE_ROWS,
	EXIT_NODE_WAY_ROWS,
	KEY_ROWS,
	{.name = "known-keys",
		.type = OPTION_STRING,
		.metavar = "FILE",
		.help = "Whom private services with --end-to-end take: lines of a consumer's name "
			"and key; default: each consumer's first key is remembered",
		.reloadable = true,
		.offset = AT(known_keys)},
	{.name = "strict-forwarding",
		.type = OPTION_FLAG,
		.default_text = "true",
		.help = "Accepted for compatibility with inlets: it is always on",
		.note = "turning it off changes nothing, the server can never make the client dial "
			"anything but its own upstreams",
		.section = "For command lines of inlets",
		.offset = AT(strict_forwarding)},

	/* Below curl's patience, and long enough for a lost SYN to be sent twice again. */
	{.name = "dial-timeout",
		.type = OPTION_DURATION,
		.default_text = "5s",
		.min = 100 * CLOCK_MS,
		.max = 120 * CLOCK_S,
		.help = "How long an upstream may take to accept a connection",
		.section = "Connections to upstreams",
		.offset = AT(dial_timeout)},
	/* A visitor that connects and resets in a loop must not become a flood at the upstream. */
	{.name = "max-dials",
		.type = OPTION_NUMBER,
		.default_text = "256",
		.min = 1,
		.max = 1 << 16,
		.help = "Connections to upstreams that may be opening at a time; further ones wait",
		.offset = AT(max_dials)},
	{.name = "max-dials-per-visitor",
		.type = OPTION_NUMBER,
		.default_text = "32",
		.min = 1,
		.max = 1 << 16,
		.help = "Connections for one visitor's address that may be opening at a time",
		.offset = AT(max_dials_per_visitor)},
	/* People and programs give up on a connection that says nothing at about this. */
	{.name = "queue-timeout",
		.type = OPTION_DURATION,
		.default_text = "10s",
		.min = 100 * CLOCK_MS,
		.max = 3600 * CLOCK_S,
		.help = "How long a visitor waits for a place under --max-connections",
		.offset = AT(queue_timeout)},
	SHARED_UDP_ROW(struct client_options),

	/* Some ten thousand small requests; touched only as it fills. */
	{.name = "inspect",
		.type = OPTION_SIZE,
		.default_text = "50MiB",
		.max = UINT64_C(16) << 30,
		.help = "Memory for HTTP requests to look at and send again, on a terminal or "
			"with --panel; none: none are kept",
		.section = "Inspecting requests",
		.offset = AT(inspect.size)},
	{.name = "inspect-body",
		.type = OPTION_SIZE,
		.default_text = "64KiB",
		.max = UINT64_C(1) << 30,
		.help = "How much of each body is kept; none: nothing",
		.offset = AT(inspect.body)},
	{.name = "inspect-mask",
		.type = OPTION_LIST,
		.metavar = "NAME,...",
		.help = "Fields and query parameters to hide besides Authorization, Cookie and the "
			"like",
		.offset = AT(inspect.mask)},
	{.name = "inspect-forget",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Do not even keep the values that are hidden; a request that is sent again "
			"goes without them",
		.offset = AT(inspect.forget)},

	SHARED_LINK_ROWS(struct client_options),

	SHARED_RUN_ROWS(struct client_options),
	ADMIN_SOCKET_ROW,
	SHARED_GENERATE_ROW(struct client_options, shared_generate_client),

	PANEL_ROWS(struct client_options,
		"Where a browser sees what this client does: 4040 is 127.0.0.1:4040; default: on "
		"a terminal 4040 or the next port that is free, else none"),
};

const struct option_table client_option_table = {
	.command = "client",
	.usage = "--remote=HOST[:PORT] --upstream=URL [OPTION]...",
	.example = "Examples:\n"
		   "  tunnel client --remote=127.0.0.1 --upstream=http://127.0.0.1:3000 \\\n"
		   "    --token-from ~/.local/state/tunnel/token\n"
		   "  tunnel client --config=/etc/tunnel/client-home.yaml\n",
	.summary = "Publishes services through an exit node; runs beside them.",
	.rows = rows,
	.n = ARRAY_LEN(rows),
	.stray = "what to publish stands behind --upstream, as in --upstream=3000; in short it is "
		 "tunnel http 3000, without the word client",
	.habits = client_habits,
};

/* ---- Short forms: the same options, and one upstream that needs no name ---- */

#define TO_PUBLISH(example)                                                                        \
	"what to publish is missing: a port, HOST:PORT, a folder, or NAME=PORT for one host name " \
	"alone, "                                                                                  \
	"such as tunnel " example "; --remote, or --url, is the exit node"

static const struct option_operand to_publish[] = {
	[UPSTREAM_FORM_HTTP] = {"[HOST=]UPSTREAM",
		"What to publish: a port of this machine, HOST:PORT, a URL, the path of a folder "
		"or "
		"a socket; app.example.org=3000 for one host",
		"upstream", TO_PUBLISH("http 3000")},
	[UPSTREAM_FORM_TCP] = {"[PORT=]UPSTREAM",
		"What to publish: a port of this machine, HOST:PORT, a socket's path; 2222=22 at "
		"that public port, else at any that is free",
		"upstream",
		"what to publish is missing: a port or HOST:PORT, such as tunnel tcp 22, or tunnel "
		"tcp 2222=22 for the public port 2222; --remote, or --url, is the exit node"},
	[UPSTREAM_FORM_UDP] = {"[PORT=]UPSTREAM",
		"What to publish: a port of this machine or HOST:PORT; 5353=53 at that public "
		"port, else at any that is free",
		"upstream",
		"what to publish is missing: a port or HOST:PORT, such as tunnel udp 53, or tunnel "
		"udp 5353=53 for the public port 5353; --remote, or --url, is the exit node"},
	[UPSTREAM_FORM_TLS] = {"HOST=UPSTREAM",
		"What to publish, and the name that leads there: app.example.org=443, "
		"'*.example.org=10.0.0.5:443'",
		"upstream",
		"what to publish is missing: a name and a port, such as tunnel tls "
		"app.example.org=443; --remote, or --url, is the exit node"},
};

#define SHORT_FORM(form, word, takes, says, shown)                                   \
	[form] = {.command = word,                                                   \
		.summary = says,                                                     \
		.usage = takes " --remote=HOST[:PORT] [OPTION]...",                  \
		.example = "Examples, with the exit node in TUNNEL_REMOTE:\n" shown, \
		.rows = rows,                                                        \
		.n = ARRAY_LEN(rows),                                                \
		.operands = &to_publish[form],                                       \
		.n_operands = 1,                                                     \
		.habits = client_habits}

const struct option_table client_short_forms[] = {
	SHORT_FORM(UPSTREAM_FORM_HTTP, "http", "[HOST=]UPSTREAM",
		"Publishes a web site: tunnel client with one HTTP --upstream.",
		"  tunnel http 3000\n"
		"  tunnel http app.example.org=3000\n"
		"  tunnel http ./dist\n"),
	SHORT_FORM(UPSTREAM_FORM_TCP, "tcp", "[PORT=]UPSTREAM",
		"Publishes a TCP service at a public port: tunnel client with one --upstream.",
		"  tunnel tcp 22\n"
		"  tunnel tcp 2222=22\n"),
	SHORT_FORM(UPSTREAM_FORM_UDP, "udp", "[PORT=]UPSTREAM",
		"Publishes a UDP service at a public port: tunnel client with one --upstream.",
		"  tunnel udp 53\n"
		"  tunnel udp 5353=53\n"),
	SHORT_FORM(UPSTREAM_FORM_TLS, "tls", "HOST=UPSTREAM",
		"Publishes a TLS service by its server name: tunnel client with one --upstream.",
		"  tunnel tls app.example.org=443\n"),
};
