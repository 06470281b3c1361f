/* SPDX-License-Identifier: MIT */
/* The server's option table. A default's reason stands beside it. */
#include "server/base/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "config/shared.h"
#include "link/upgrade.h"
#include "server/base/access_log.h"
#include "server/base/habits.h"
#include "server/base/https_redirect.h"

#define AT(field) offsetof(struct server_options, field)

/* Two minutes of anything is longer than a person or a load balancer waits. */
#define WAIT_MAX (120 * CLOCK_S)

/* As many listeners as one could mean. */
#define PORTS_MAX 64

/* As many ranges as one would type. */
#define RANGES_MAX 64

static int check_cidr(struct str text, struct error *err)
{
	struct cidr cidr;
	return cidr_parse(text, &cidr, err);
}

static int check_redirect(struct str text, struct error *err)
{
	bool redirects;
	uint16_t port;
	return https_redirect_parse(text, &redirects, &port)
		       ? error_set(err, -EINVAL, "\"%.*s\" is neither a port nor true nor false",
				 STR_ARG(text))
		       : 0;
}

static const char *const query_words[] = {"keep", "mask", "drop", NULL}; /* enum access_query */

static const char *const action_words[] = {"allow", "deny", NULL}; /* enum policy_action, from 1 */

static const struct option_row rows[] = {
	{.name = "port",
		.letter = 'p',
		.type = OPTION_PORTS,
		.default_text = "8000", /* URL_REMOTE_PORT */
		.metavar = "PORT,...",
		.max = PORTS_MAX,
		.help = "Ports for visitors, and for clients unless --control-port is given; 0 "
			"takes a free port",
		.brief = "Ports for visitors and clients (default 8000)",
		.section = "Where it listens",
		.offset = AT(ports)},
	{.name = "control-port",
		.letter = 'c',
		.type = OPTION_PORTS,
		.max = 1,
		.help = "A port for clients only: --port then refuses links",
		.offset = AT(control_port)},
	{.name = "bind-addr",
		.letter = 'b',
		.type = OPTION_STRING,
		.metavar = "ADDRESS",
		.help = "The address to listen on; default: all, IPv4 and IPv6",
		.brief = "The address to listen on; default: all",
		.offset = AT(bind_addr)},
	{.name = "data-addr",
		.type = OPTION_STRING,
		.metavar = "ADDRESS",
		.help = "The address to listen on for visitors; default: as --bind-addr",
		.offset = AT(data_addr)},
	{.name = "control-addr",
		.type = OPTION_STRING,
		.metavar = "ADDRESS",
		.help = "The address to listen on for --control-port; default: as --bind-addr",
		.offset = AT(control_addr)},
	{.name = "control-path",
		.type = OPTION_STRING,
		.default_text = UPGRADE_PATH,
		.metavar = "PATH",
		.help = "Path of the clients' WebSocket handshake",
		.offset = AT(control_path)},

	{.name = "token",
		.letter = 't',
		.type = OPTION_SECRET,
		.metavar = "TOKEN",
		.env = "TUNNEL_TOKEN",
		.help = "The secret shared with the clients; without one, the server makes one and "
			"keeps it in --state-dir",
		.brief = "The secret shared with clients; else one is made",
		.section = "Who may publish",
		.offset = AT(token)},
	{.name = "token-from",
		.letter = 'f',
		.aliases = "token-file",
		.type = OPTION_STRING,
		.metavar = "FILE",
		.env = "TUNNEL_TOKEN_FROM",
		.help = "Read the token from this file",
		.brief = "Read the token from this file, of mode 600",
		.offset = AT(token_from)},
	{.name = "no-token",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Let anyone publish; the clients need this option too",
		.offset = AT(no_token)},
	{.name = "no-seal",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Do not encrypt the links of clients that also say --no-seal: only for "
			"trusted networks",
		.offset = AT(no_seal)},
	{.name = "print-token",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Print a token that the server made even if standard error is not a "
			"terminal",
		.offset = AT(print_token)},
	{.name = "state-dir",
		.type = OPTION_STRING,
		.metavar = "DIR",
		.env = "STATE_DIRECTORY",
		.help = "The directory for a token that the server made and for the salt; default: "
			"in the XDG state home",
		.offset = AT(state_dir)},
	{.name = "advertise",
		.type = OPTION_STRING,
		.metavar = "[https://]HOST[:PORT]",
		.help = "This machine's public name or address, for the client command and the "
			"addresses of services, with https:// if a proxy in front terminates TLS; "
			"default: the default route's address",
		.brief = "This machine's public name or address",
		.offset = AT(advertise)},

	{.name = "tls-cert",
		.type = OPTION_LIST,
		.metavar = "FILE|DIR,...",
		.help = "Accept TLS as well, with this certificate and its chain; of several, the "
			"server name selects one",
		.reloadable = true,
		.brief = "Accept TLS as well, with this certificate",
		.section = "TLS",
		.offset = AT(tls_cert)},
	{.name = "tls-key",
		.type = OPTION_LIST,
		.metavar = "FILE,...",
		.help = "The certificate's key; default: in the certificate's file or beside it",
		.reloadable = true,
		.offset = AT(tls_key)},
	{.name = "auto-tls",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Make a self-signed certificate, keep it in --state-dir, and print its pin",
		.brief = "Accept TLS with a self-signed certificate",
		.offset = AT(auto_tls)},
	{.name = "tls-client-ca",
		.type = OPTION_STRING,
		.metavar = "FILE",
		.help = "Accept links only over TLS, and only from clients with a certificate of "
			"these CAs",
		.reloadable = true,
		.offset = AT(tls_client_ca)},
	{.name = "https-redirect",
		.type = OPTION_STRING,
		.default_text = "false",
		.implied = "true",
		.metavar = "PORT",
		.check = check_redirect,
		.help = "Redirect visitors without TLS to https://, at this public port",
		.reloadable = true,
		.offset = AT(https_redirect)},
	/* As for a request's head: a phone on a bad line needs a few seconds. */
	{.name = "tls-handshake-timeout",
		.type = OPTION_DURATION,
		.default_text = "10s",
		.min = 100 * CLOCK_MS,
		.max = WAIT_MAX,
		.help = "How long a visitor's TLS handshake may take",
		.offset = AT(tls_handshake_timeout)},

	/* Below 1024 stand the machine's own services. */
	{.name = "allow-ports",
		.type = OPTION_RANGES,
		.default_text = "1024-65535",
		.min = 1,
		.max = RANGES_MAX,
		.help = "Public ports that clients may ask for",
		.reloadable = true,
		.brief = "Public ports for clients (default 1024-65535)",
		.section = "Public ports of TCP and UDP services",
		.offset = AT(allow_ports)},
	/* Enough for a range of passive FTP; each is a listener. */
	{.name = "max-ports",
		.type = OPTION_NUMBER,
		.default_text = "64",
		.max = UINT16_MAX,
		.help = "Public ports that one client may have",
		.reloadable = true,
		.offset = AT(max_ports)},
	SHARED_UDP_ROW(struct server_options),
	{.name = "max-flows",
		.type = OPTION_NUMBER,
		.default_text = "1024",
		.min = 1,
		.max = 1 << 16,
		.help = "UDP flows of one client at a time; flows that were never answered end "
			"first",
		.offset = AT(max_flows)},
	{.name = "max-flows-per-visitor",
		.type = OPTION_NUMBER,
		.default_text = "64",
		.min = 1,
		.max = 1 << 16,
		.help = "UDP flows of one visitor's address, once half of --max-flows are taken",
		.offset = AT(max_flows_per_visitor)},

	{.name = "accept-proxy-protocol",
		.type = OPTION_LIST,
		.metavar = "CIDR,...",
		.check = check_cidr,
		.help = "Balancers that begin each connection to --port and to public ports with a "
			"PROXY header",
		.reloadable = true,
		.section = "Balancers and proxies in front",
		.offset = AT(accept_proxy_protocol)},
	{.name = "accept-proxy-protocol-control",
		.type = OPTION_LIST,
		.metavar = "CIDR,...",
		.check = check_cidr,
		.help = "The same for --control-port",
		.reloadable = true,
		.offset = AT(accept_proxy_protocol_control)},
	/* A balancer sends it at once; a lost packet is sent again within this. */
	{.name = "proxy-header-timeout",
		.type = OPTION_DURATION,
		.default_text = "3s",
		.min = 100 * CLOCK_MS,
		.max = WAIT_MAX,
		.help = "How long the PROXY header may take to arrive",
		.offset = AT(proxy_header_timeout)},

	{.name = "trusted-proxies",
		.type = OPTION_LIST,
		.metavar = "CIDR,...",
		.check = check_cidr,
		.help = "Proxies whose X-Forwarded-* fields are believed",
		.reloadable = true,
		.offset = AT(trusted_proxies)},
	/* Browsers keep connections for a minute or so. */
	{.name = "visitor-idle",
		.type = OPTION_DURATION,
		.default_text = "75s",
		.min = CLOCK_S,
		.max = 3600 * CLOCK_S,
		.help = "How long a visitor's connection is kept between requests",
		.section = "Visitors and their requests",
		.offset = AT(visitor_idle)},
	/* As --visitor-idle; nginx and HAProxy have 60 s, but count what their own socket takes. */
	{.name = "visitor-stalled",
		.type = OPTION_DURATION,
		.default_text = "75s",
		.min = CLOCK_S,
		.max = 24 * 3600 * CLOCK_S,
		.help = "How long a visitor may read nothing of a response that waits for it",
		.offset = AT(visitor_stalled)},
	{.name = "request-head-timeout",
		.type = OPTION_DURATION,
		.default_text = "10s",
		.min = 100 * CLOCK_MS,
		.max = WAIT_MAX,
		.help = "How long a request's head may take to arrive, else 408",
		.offset = AT(request_head_timeout)},
	{.name = "request-head-limit",
		.type = OPTION_SIZE,
		.default_text = "32KiB",
		.min = 4 * KIB,
		.max = MIB,
		.help = "How large a request's head may be, else 431",
		.offset = AT(request_head_limit)},
	{.name = "response-head-timeout",
		.type = OPTION_DURATION,
		.default_text = "60s",
		.min = 100 * CLOCK_MS,
		.max = 3600 * CLOCK_S,
		.help = "How long an upstream may take to respond, else 504",
		.offset = AT(response_head_timeout)},
	{.name = "response-head-limit",
		.type = OPTION_SIZE,
		.default_text = "64KiB",
		.min = 4 * KIB,
		.max = MIB,
		.help = "How large a response's head may be, else 502",
		.offset = AT(response_head_limit)},
	/* 10 KiB twice a worker; at the most 640 KiB: what a head of 64 KiB could have, at 4 bytes each. */
	{.name = "head-fields-limit",
		.type = OPTION_NUMBER,
		.default_text = "256",
		.min = 32,
		.max = 16384,
		.help = "How many fields a head may have: a request's, else 431, or a response's, "
			"else 502",
		.offset = AT(head_fields_limit)},
	{.name = "kept-streams",
		.type = OPTION_NUMBER,
		.default_text = "32",
		.max = 4096,
		.help = "Idle upstream connections kept for the next request, for each service",
		.reloadable = true,
		.offset = AT(kept_streams)},
	/* Below Node's keep-alive of 5 s: kept longer, a request meets a closing upstream. */
	{.name = "kept-idle",
		.type = OPTION_DURATION,
		.default_text = "4s",
		.min = 100 * CLOCK_MS,
		.max = 3600 * CLOCK_S,
		.help = "How long idle upstream connections are kept",
		.offset = AT(kept_idle)},
	{.name = "retry-body",
		.type = OPTION_SIZE,
		.default_text = "16KiB",
		.max = MIB,
		.help = "How much of a request's body is held so that the request can be sent "
			"again",
		.reloadable = true,
		.offset = AT(retry_body)},
	{.name = "max-waiting",
		.type = OPTION_NUMBER,
		.default_text = "1024",
		.max = 1 << 20,
		.help = "Requests that may wait for a lost client to come back, else 503",
		.reloadable = true,
		.offset = AT(max_waiting)},
	{.name = "max-waiting-per-address",
		.type = OPTION_NUMBER,
		.default_text = "16",
		.max = 1 << 20,
		.help = "Requests of one visitor's address that may wait for a lost client",
		.reloadable = true,
		.offset = AT(max_waiting_per_address)},
	{.name = "max-visitors",
		.type = OPTION_NUMBER,
		.default_text = "0",
		.max = 1 << 24,
		.help = "Connections of all visitors at a time; 0 is one for each 16KiB of the "
			"default --memory-budget",
		.reloadable = true,
		.offset = AT(max_visitors)},
	/* A guess: a large office behind one address, or an untrusted proxy, is still served. */
	{.name = "max-visitors-per-address",
		.type = OPTION_NUMBER,
		.default_text = "4096",
		.min = 1,
		.max = 1 << 20,
		.help = "Connections from one visitor's address at a time",
		.reloadable = true,
		.offset = AT(max_visitors_per_address)},

	/* No default: what is too much for a service, and how many share an address, is not to be guessed. */
	{.name = "connection-rate-per-address",
		.type = OPTION_STRING,
		.metavar = "N/s[:BURST]",
		.check = rate_limit_check,
		.help = "New connections and UDP flows from one visitor's address; default: any "
			"number",
		.offset = AT(connection_rate_per_address)},
	{.name = "request-rate-per-address",
		.type = OPTION_STRING,
		.metavar = "N/s[:BURST]",
		.check = rate_limit_check,
		.help = "Requests from one visitor's address, else 429; default: any number",
		.offset = AT(request_rate_per_address)},
	{.name = "connection-rate-per-service",
		.type = OPTION_STRING,
		.metavar = "N/s[:BURST]",
		.check = rate_limit_check,
		.help = "New connections or UDP flows of one TCP or UDP service; default: any "
			"number",
		.offset = AT(connection_rate_per_service)},
	{.name = "request-rate-per-service",
		.type = OPTION_STRING,
		.metavar = "N/s[:BURST]",
		.check = rate_limit_check,
		.help = "Requests for one HTTP service, else 429; default: any number",
		.offset = AT(request_rate_per_service)},

	SHARED_LINK_ROWS(struct server_options),
	/* A guess: all clients of a small site coming back in the same second. */
	{.name = "max-handshakes",
		.type = OPTION_NUMBER,
		.default_text = "256",
		.min = 1,
		.max = 1 << 16,
		.help = "Links at a time whose clients have not yet proved the token",
		.reloadable = true,
		.section = "Links of clients",
		.offset = AT(max_handshakes)},
	/* A guess: one that reads nothing, but half a record, costs 0.9 MB: 3.6 GiB at the worst. */
	{.name = "max-sessions",
		.type = OPTION_NUMBER,
		.default_text = "4096",
		.min = 1,
		.max = 1 << 20,
		.help = "Links of all clients at a time",
		.reloadable = true,
		.offset = AT(max_sessions)},
	{.name = "reconnect-grace",
		.type = OPTION_DURATION,
		.default_text = "5s",
		.max = WAIT_MAX,
		.help = "How long requests wait for a client that was just lost",
		.offset = AT(reconnect_grace)},

	{.name = "workers",
		.type = OPTION_NUMBER,
		.default_text = "0",
		.max = WORKERS_MAX,
		.help = "Threads that carry data; 0 is one for each core, at most 8",
		.section = "Running it",
		.offset = AT(workers)},
	{.name = "access-log",
		.type = OPTION_STRING,
		.metavar = "off|stdout|FILE",
		.check = access_log_check,
		.help = "Where the access log goes, with a line for each request; default: to the "
			"log",
		.offset = AT(access_log)},
	/* Who reads logs is not who may log in. */
	{.name = "access-log-query",
		.type = OPTION_ENUM,
		.default_text = "mask",
		.metavar = "MODE",
		.values = query_words,
		.help = "What the access log shows of queries: all, all but the values of tokens, "
			"passwords and the like, or nothing",
		.reloadable = true,
		.offset = AT(access_log_query)},
	{.name = "default-intention",
		.type = OPTION_ENUM,
		.default_text = "allow",
		.metavar = "ACTION",
		.values = action_words,
		.help = "Whether an identity may use a private service, its endpoint being "
			"approved, "
			"where no intention matches",
		.reloadable = true,
		.offset = AT(default_intention)},
	{.name = "audit-log",
		.type = OPTION_STRING,
		.metavar = "FILE",
		.help = "A line of JSON for each change of who may do what, and each session and "
			"claim that was accepted or refused; default: none",
		.offset = AT(audit_log)},
	{.name = "ready-file",
		.type = OPTION_STRING,
		.metavar = "FILE",
		.help = "Once the ports are open, write them to this file, each with its purpose",
		.offset = AT(ready_file)},
	{.name = "admin-socket",
		.type = OPTION_STRING,
		.metavar = "PATH|none",
		.help = "The socket at which commands and curl ask and change this server; "
			"default: "
			"admin.sock in $RUNTIME_DIRECTORY or in --state-dir",
		.offset = AT(admin_socket)},
	{.name = "admin-group",
		.type = OPTION_STRING,
		.metavar = "GROUP",
		.help = "Members of this group may use --admin-socket, as root and the server's "
			"own user may",
		.offset = AT(admin_group)},
	SHARED_RUN_ROWS(struct server_options),
	{.name = "disable-transport-wrapping",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Accepted for compatibility with inlets: fields for CORS are never removed",
		.note = "there is nothing to disable, fields for CORS are never taken out",
		.section = "For command lines of inlets",
		.offset = AT(disable_transport_wrapping)},
};

const struct option_table server_option_table = {
	.command = "server",
	.example = "Examples:\n"
		   "  tunnel server                     prints the command for the client\n"
		   "  tunnel server --port=9443 --auto-tls\n",
	.summary = "The exit node: accepts visitors and carries them to the clients.",
	.rows = rows,
	.n = ARRAY_LEN(rows),
	.stray = "what it takes has a name: --port=8000, --config=FILE; what is published is the "
		 "client's to say",
	.habits = server_habits,
};
