/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What both sides answer to options of other programs, and to some that are to come: rows for the `habits`
 * of either table. Neither side has an option of these names; a test sees to it.
 */

#define SHARED_HABITS                                                                              \
	{"token-env", "the token is read from the variable TUNNEL_TOKEN without an option, or "    \
		      "from the file of --token-from"},                                            \
		{"license license-file license-env", "no license is needed: omit it"},             \
		{"authtoken auth secret password psk",                                             \
			"the secret that both sides know is the token: --token-from=FILE, or "     \
			"--token=TOKEN"},                                                          \
		{"verbose debug vv vvv", "write --log-level=debug"},                               \
		{"v", "more in the log is --log-level=debug, the version is tunnel version"},      \
		{"quiet q silent", "write --log-level=warn, or error"},                            \
		{"version", "tunnel version prints the program's version; a file needs none"},     \
		{"log log-file logfile",                                                           \
			"the log goes to standard error: write 2>FILE behind the command"},        \
		{"daemon daemonize background detach d fork",                                      \
			"it stays in the foreground: let systemd run it, by the unit that is "     \
			"installed with it"},                                                      \
		{"metrics dashboard dashboard-port dashboard-addr web-port status",                \
			"write --panel=ADDRESS:PORT: pages for a browser are there, and /metrics " \
			"for scrapers; tunnel status shows the same in a terminal"},               \
		{"basic-auth basic-auth-username basic-auth-password bearer-token oauth "          \
		 "oauth-provider oauth-acl oauth-client-id oauth-client-secret oidc http-user "    \
		 "http-pwd",                                                                       \
			"rules ask visitors for a password: basic, in the file of --rules "        \
			"(client) or --front (server); see docs/rules.md"},                        \
		{"allow-ips allow-cidr cidr-allow cidr-deny deny-ips",                             \
			"rules say who may: deny, with when: {not: {address: 10.0.0.0/8}}, in "    \
			"the file of --rules (client) or --front (server); ports of TCP and UDP "  \
			"need a firewall"},                                                        \
		{"region edge protocol edge-ip-version",                                           \
			"there is no hosted service in between: the exit node is the machine on "  \
			"which tunnel server runs"},                                               \
		{"compression use-compression compress",                                           \
			"nothing is compressed on the way, because data that is worth it is "      \
			"mostly compressed already"},                                              \
	{                                                                                          \
		"keepalive heartbeat heartbeat-interval keepalive-interval",                       \
			"a link that does not respond is detected without an option"               \
	}
