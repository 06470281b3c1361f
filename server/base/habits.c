/* SPDX-License-Identifier: MIT */
/* Options of other programs' servers, and what they are here. */
#include "server/base/habits.h"

#include "config/habits.h"

const struct option_habit server_habits[] = {
	SHARED_HABITS,
	{"insecure", "clients without TLS are accepted, because the token encrypts their links: "
		     "omit it; for a server without any token write --no-token"},
	{"auto-tls-san auto-tls-name",
		"the certificate of --auto-tls needs no name, because clients verify it by the "
		"token; for a certificate with names for visitors write --tls-cert=FILE"},
	{"auto-tls-path", "the certificate of --auto-tls is kept in --state-dir"},
	{"tls-domain domain-cert acme-email",
		"write --acme=EMAIL for certificates of published names, with --acme-domain=NAME "
		"for one of the exit node's own"},
	{"lb-proxy-protocol",
		"write --accept-proxy-protocol with the balancers' addresses: 10.0.0.0/8"},
	{"proxy-protocol",
		"it is an option of tunnel client, behind the --upstream that expects it"},
	{"client-forwarding socks5 backend proxy",
		"clients publish their own upstreams, and get no access to the server's network"},
	{"reverse R", "clients always publish here what they can reach: omit it"},
	{"upstream u remote r url ports links upstream-insecure",
		"it is an option of tunnel client: the server needs to know nothing about the "
		"upstreams"},
	{"host bind bind-address listen address addr",
		"write --bind-addr=ADDRESS, and --port for the port"},
	{"bind-port vhost-http-port vhost-https-port http-port https-port data-port",
		"visitors and clients connect to --port, which takes several: --port=80,443"},
	{"control-plane-port tunnel-port", "write --control-port"},
	{"min-port max-port port-range", "write --allow-ports=FIRST-LAST"},
	{"subdomain-host domain domains hostname subdomain",
		"the client says which hosts it publishes: --upstream=app.example.org=URL; the "
		"server accepts every name that leads to it"},
	{"authfile keyfile users-file", "each client can have a token of its own: tunnel token "
					"create NAME; the one that all "
					"share is --token-from=FILE"},
	{"cert tls-crt crt certificate", "write --tls-cert=FILE"},
	{"key", "write --tls-key=FILE"},
	{"config-file", "write --config=FILE"},
	{0},
};
