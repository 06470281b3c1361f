/* SPDX-License-Identifier: MIT */
/* Options of other programs' clients, and what they are here. */
#include "client/config/habits.h"

#include "config/habits.h"

const struct option_habit client_habits[] = {
	SHARED_HABITS,
	{"insecure k no-tls-verify skip-verify tls-skip-verify insecure-skip-verify",
		"links over ws:// are encrypted by the token, and over wss:// the exit node's own "
		"certificate is accepted: omit it; for an https:// upstream write "
		"--upstream-insecure behind it"},
	{"auto-tls auto-tls-name auto-tls-san auto-tls-path tls",
		"write --remote=wss://HOST: the client accepts the certificate that the exit node "
		"made, because the token proves whose it is"},
	{"webroot w plugin-local-path plugin_local_path",
		"publish a folder with tunnel http ./DIR, or --upstream=file:///DIR"},
	{"fingerprint tls-fingerprint", "the pin of the exit node's key is --tls-pin=sha256/..."},
	{"print-token", "the client never prints the token: omit it"},
	{"hostname host-name domain domains subdomain custom-domain custom-domains "
	 "letsencrypt-domain",
		"write the host before the upstream: --upstream=app.example.org=URL, or tunnel "
		"http app.example.org=3000"},
	{"letsencrypt-email letsencrypt-issuer",
		"the server has the certificates for visitors: tunnel server --acme=EMAIL"},
	{"host-header http-host-header rewrite-host",
		"write --upstream-host=HOST behind its --upstream"},
	{"server server-addr serveraddr server-address server-port serverport to s",
		"write the exit node as --remote=HOST:PORT"},
	{"local local-addr", "publish a service with --upstream=http://HOST:PORT; the client "
			     "forwards nothing in the other direction"},
	{"local-port localport local-ip local-host l",
		"publish a service with --upstream=http://HOST:PORT, or tunnel http PORT"},
	{"remote-port remoteport remote-addr public-port bind-port p",
		"write the public port as --port=PORT, behind its --upstream"},
	{"tcp-ports", "write --ports"},
	{"R L N g", "ssh's -R 2222:localhost:22 is --upstream=2222=tcp://localhost:22, or tunnel "
		    "tcp 2222=22"},
	{"i identity-file", "the client proves that it knows the token: --token-from=FILE"},
	{"c config-file", "write --config=FILE"},
	{"demux", "each visitor already has a stream of its own: omit it"},
	{"client-forwarding socks5 socks", "the client connects only to its own upstreams: nothing "
					   "is forwarded in the other direction"},
	{"max-retry-count max-retry-interval retries reconnect",
		"the client tries until it is stopped, with pauses of up to 10 s"},
	{"request-header-add request-header-remove response-header-add response-header-remove "
	 "header H",
		"rules change fields: request and response, in the file of --rules behind the "
		"--upstream; see docs/rules.md"},
	{"proto-version proxy-proto lb-proxy-protocol",
		"write --proxy-protocol=v1 or v2, behind the --upstream that expects it"},
	{"pooling-enabled load-balancer",
		"clients that publish the same host share its load: omit it"},
	{"scheme bind-tls", "visitors can use both http:// and https:// once the server has a "
			    "certificate: tunnel server --tls-cert=FILE"},
	{"url-path path", "write the path into the upstream's URL: http://HOST:PORT/PATH"},
	{"name tunnel-name", "clients have no names: omit it"},
	{"credentials-file credentials cred-file", "write --token-from=FILE"},
	{"tunnel tunnels ingress proxies",
		"write what to publish under upstream, or under services with its own options"},
	{"bind-addr control-port data-addr allow-ports max-ports tls-cert tls-key https-redirect "
	 "access-log advertise trusted-proxies accept-proxy-protocol workers",
		"it is an option of tunnel server"},
	{0},
};

const struct option_habit connect_habits[] = {
	SHARED_HABITS,
	{"insecure k no-tls-verify skip-verify tls-skip-verify insecure-skip-verify",
		"links over ws:// are encrypted by the token, and over wss:// the exit node's own "
		"certificate is accepted: omit it"},
	{"fingerprint tls-fingerprint", "the pin of the exit node's key is --tls-pin=sha256/..."},
	{"L local local-port local-addr listen bind bind-addr bind-port upstream u p port",
		"where programs find a private service stands behind its '=': "
		"--service redis=6379; what is published is told to tunnel client"},
	{"alias n service-name sidecar-for",
		"the private service stands behind --service, as in --service redis=6379"},
	{"W", "ssh's -W is --stdio ALIAS"},
	{"i identity-file", "the client proves that it knows the token: --token-from=FILE"},
	{"c config-file", "write --config=FILE"},
	{"server server-addr serveraddr server-address server-port serverport to s",
		"write the exit node as --remote=HOST:PORT"},
	{"timeout", "how long to wait for an approval is --wait=DURATION, how long a connection "
		    "waits for a link is --dial-timeout"},
	{0},
};
