/* SPDX-License-Identifier: MIT */
#include "client/config/service_options.h"

#include <errno.h>
#include <stddef.h>

#include "base/macros.h"
#include "client/config/upstreams.h"
#include "wire/alpn.h"
#include "wire/hostname.h"

#define IN(field) offsetof(struct service_options, field)

/* More than a client has descriptors and a link streams. */
#define CONNECTIONS_MAX (1 << 20)

/* A Host field: name or name:port. */
static int check_host(struct str text, struct error *err)
{
	char name[HOSTNAME_SIZE];
	size_t n;
	uint16_t port;
	int r = hostname_with_port(text, name, &n, &port);
	return r ? error_set(err, -EINVAL, "\"%.*s\" %s: write HOST or HOST:PORT", STR_ARG(text),
			   hostname_error_text(r))
		 : 0;
}

static int check_alpn(struct str text, struct error *err)
{
	return alpn_is_list(text)
		       ? 0
		       : error_set(err, -EINVAL,
				 "\"%.*s\" is no name of a protocol: those have visible characters "
				 "alone, such as h2",
				 STR_ARG(text));
}

static const char *const half_closed_words[] = {"abort", "keep", NULL}; /* bool */
static const char *const enabled_words[] = {"true", "false", NULL};     /* bool, the other way */
static const char *const proxy_versions[] = {"off", "v1", "v2", NULL};  /* enum upstream_proxy */

/* One service: what stands behind its --upstream. */
static const struct option_row service_rows[] = {
	{.name = "upstream",
		.letter = 'u',
		.type = OPTION_STRING,
		.metavar = "[KEY=]URL,...",
		.env = "TUNNEL_UPSTREAM",
		.help = "What to publish: a URL for every host, HOST=URL for one, *.HOST=URL for "
			"its subdomains, PORT=URL for a public port; http, https, tcp, udp, "
			"tls+tcp, sni+tcp, unix, or file for a folder",
		.brief = "What to publish: URL for every host, HOST=URL for one, "
			 "PORT=tcp://HOST:PORT for a public port",
		.offset = IN(upstream)},
	{.name = "port",
		.type = OPTION_RANGES,
		.max = SERVICE_RANGES_MAX,
		.help = "The public port of the --upstream before it; 0 for any",
		.brief = "Public port of the --upstream before it; 0: any",
		.section = "Of the --upstream before it",
		.offset = IN(port)},
	{.name = "proxy-protocol",
		.type = OPTION_ENUM,
		.default_text = "off",
		.metavar = "VERSION",
		.values = proxy_versions,
		.help = "Tell the --upstream before it each visitor's address in a PROXY header",
		.offset = IN(proxy_protocol)},
	{.name = "half-closed-requests",
		.type = OPTION_ENUM,
		.default_text = "abort",
		.metavar = "abort|keep",
		.values = half_closed_words,
		.help = "Whether a request of the --upstream before it is aborted or kept if its "
			"visitor shuts down its sending side",
		.offset = IN(half_closed)},
	{.name = "alpn",
		.type = OPTION_LIST,
		.metavar = "NAME,...",
		.check = check_alpn,
		.help = "The protocols that the tls+tcp --upstream before it speaks behind TLS, in "
			"order of preference: h2,http/1.1",
		.offset = IN(alpn)},
	{.name = "listing",
		.aliases = "allow-browsing",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "List the directories without an index.html in the folder (file://) of the "
			"--upstream before it",
		.offset = IN(listing)},
	{.name = "upstream-insecure",
		.key = "insecure",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Do not verify the certificate of the https --upstream before it",
		.offset = IN(insecure)},
	{.name = "upstream-ca",
		.key = "ca",
		.type = OPTION_STRING,
		.metavar = "FILE",
		.help = "Verify the https --upstream before it by these CAs instead of the "
			"system's",
		.offset = IN(ca)},
	{.name = "upstream-host",
		.key = "host",
		.type = OPTION_STRING,
		.metavar = "HOST[:PORT]",
		.check = check_host,
		.help = "The Host that is sent to the --upstream before it, and for https the name "
			"that its certificate must have",
		.offset = IN(host)},
	{.name = "upstream-host-only",
		.key = "host-only",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Rewrite only Host for the --upstream before it, and not Origin, Referer, "
			"Location, Content-Location and the Domain of Set-Cookie",
		.offset = IN(host_only)},
	{.name = "group",
		.type = OPTION_STRING,
		.metavar = "NAME",
		.help = "Publish the --upstream before it into that origin group of the exit "
			"node's "
			"file of routes, instead of for a host",
		.offset = IN(group)},
	{.name = "origin",
		.type = OPTION_STRING,
		.metavar = "NAME",
		.help = "What the --upstream before it is called among the origins of its group, "
			"or "
			"of its host; default: a name of this process",
		.offset = IN(origin)},
	{.name = "priority",
		.type = OPTION_NUMBER,
		.min = 0,
		.max = CONTROL_PRIORITY,
		.default_text = "0",
		.help = "Use the --upstream before it only if no origin of a lower number takes "
			"requests: 1 to 5, where 1 is used first and is what 0 stands for",
		.offset = IN(priority)},
	{.name = "weight",
		.type = OPTION_NUMBER,
		.min = 0,
		.max = CONTROL_WEIGHT,
		.default_text = "0",
		.help = "How much the --upstream before it gets beside others of its priority: 1 "
			"to "
			"1000; 0 for as much as they do, or 100 if one of them has a weight",
		.offset = IN(weight)},
	{.name = "enabled",
		.type = OPTION_ENUM,
		.default_text = "true",
		.metavar = "true|false",
		.values = enabled_words,
		.help = "false: no new requests and connections for the --upstream before it; "
			"those "
			"that are under way go on",
		.offset = IN(disabled)},
	{.name = "probe",
		.type = OPTION_STRING,
		.metavar = "PATH|connect",
		.help = "Ask the --upstream before it for this path now and then, or connect to "
			"it, "
			"and tell the exit node when it fails",
		.offset = IN(probe)},
	{.name = "probe-every",
		.type = OPTION_DURATION,
		.min = UPSTREAM_PROBE_EVERY_MIN,
		.max = UPSTREAM_PROBE_EVERY_MAX,
		.default_text = "10s",
		.help = "How often the --upstream before it is probed",
		.offset = IN(probe_every)},
	{.name = "probe-expect",
		.type = OPTION_RANGES,
		.max = UPSTREAM_PROBE_EXPECTED,
		.metavar = "STATUS,...",
		.help = "Which statuses are good answers to the --probe: 200,204; default: 200-399",
		.offset = IN(probe_expect)},
	{.name = "rules",
		.type = OPTION_STRING,
		.metavar = "FILE",
		.help = "Have the exit node go through the rules in this file for each request to "
			"the HTTP --upstream before it: deny, redirect, basic, rate and more",
		.offset = IN(rules)},
	{.name = "tcp-idle",
		.type = OPTION_STRING,
		.metavar = "TIME",
		.help = "How long a TCP connection of the --upstream before it may carry nothing, "
			"0 for no limit; default: 4h",
		.offset = IN(tcp_idle)},
	{.name = "max-connections",
		.type = OPTION_NUMBER,
		.default_text = "0",
		.max = CONNECTIONS_MAX,
		.help = "Concurrent connections to the TCP --upstream before it, 0 for no limit; "
			"further visitors wait",
		.offset = IN(max_connections)},
	{.name = "max-connections-per-visitor",
		.type = OPTION_NUMBER,
		.default_text = "0",
		.max = CONNECTIONS_MAX,
		.help = "Concurrent connections of one visitor's address to the TCP --upstream "
			"before it",
		.offset = IN(max_connections_per_visitor)},
	{.name = "private",
		.type = OPTION_STRING,
		.metavar = "NAME",
		.help = "Make the --upstream before it a private service of that name: without a "
			"public name or port, for other clients of the exit node alone",
		.offset = IN(private_name)},
	{.name = "visibility",
		.type = OPTION_LIST,
		.metavar = "NAME,...",
		.help = "Which identities may ask for the private service: names, * for all who "
			"have its alias, @all for all; default: its owner alone",
		.offset = IN(visibility)},
	{.name = "auto-approve",
		.type = OPTION_LIST,
		.metavar = "NAME,...",
		.help = "Which of them need not wait for an approval",
		.offset = IN(auto_approve)},
	{.name = "end-to-end",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Seal the private service's streams between its consumers' clients and "
			"this one, so that the exit node cannot read them",
		.offset = IN(end_to_end)},
	{.name = "fqdns",
		.type = OPTION_LIST,
		.metavar = "NAME,...",
		.help = "Names by which consumers may call the private service, such as those of "
			"its certificate",
		.offset = IN(fqdns)},
	{.name = "source-addresses",
		.type = OPTION_LIST,
		.metavar = "ADDRESS,...",
		.help = "Addresses of this machine that connections to the private service's "
			"upstream come from: for each consumer one of them",
		.offset = IN(source_addresses)},
	{.name = "on-pending",
		.type = OPTION_STRING,
		.metavar = "PROGRAM",
		.help = "Run this program when somebody asks for the private service, with the "
			"request as JSON on its standard input",
		.offset = IN(on_pending)},
};

const struct option_table service_option_table = {
	.rows = service_rows,
	.n = ARRAY_LEN(service_rows),
};
