/* Options of other programs' clients, and what they are here. */
#include "client/config/habits.h"

#include "config/habits.h"

const struct option_habit client_habits[] = {
	SHARED_HABITS,
	{"insecure k no-tls-verify skip-verify tls-skip-verify insecure-skip-verify",
		"a link over ws:// is encrypted by the token without a leave, and one over wss:// "
		"takes "
		"the exit node's own certificate; for an https:// upstream it is "
		"--upstream-insecure behind it"},
	{"auto-tls auto-tls-name auto-tls-san auto-tls-path tls",
		"write --remote=wss://HOST: the certificate that the exit node made is taken, "
		"because "
		"the token proves whose it is"},
	{"webroot w plugin-local-path plugin_local_path",
		"a folder is published by tunnel http ./DIR, or by --upstream=file:///DIR"},
	{"fingerprint tls-fingerprint", "the exit node's key is --tls-pin=sha256/..."},
	{"print-token", "the client never prints the token: leave it away"},
	{"hostname host-name domain domains subdomain custom-domain custom-domains "
	 "letsencrypt-domain",
		"the host stands before what is published: --upstream=app.example.org=URL, or "
		"tunnel http app.example.org=3000"},
	{"letsencrypt-email letsencrypt-issuer", "certificates for visitors are the server's: "
						 "tunnel server --tls-cert=FILE"},
	{"host-header http-host-header rewrite-host",
		"it is --upstream-host=HOST behind its --upstream"},
	{"server server-addr serveraddr server-address server-port serverport to s",
		"the exit node is --remote=HOST:PORT"},
	{"local local-addr", "what is published is --upstream=http://HOST:PORT; nothing that the "
			     "exit node reaches is "
			     "forwarded to here"},
	{"local-port localport local-ip local-host l",
		"what is published is --upstream=http://HOST:PORT, or tunnel http PORT"},
	{"remote-port remoteport remote-addr public-port bind-port p",
		"the public port is --port=PORT, behind the --upstream that it is for"},
	{"tcp-ports", "write --ports"},
	{"R L N g",
		"what ssh has as -R 2222:localhost:22 is --upstream=2222=tcp://localhost:22, or "
		"tunnel tcp 2222=22"},
	{"i identity-file", "the client shows that it knows the token: --token-from=FILE"},
	{"c config-file", "write --config=FILE"},
	{"demux", "each visitor has a stream of its own already: leave it away"},
	{"client-forwarding socks5 socks", "the client connects to its own upstreams alone: "
					   "nothing is forwarded the other way"},
	{"max-retry-count max-retry-interval retries reconnect",
		"the client tries until it is stopped, with pauses of up to 10 s"},
	{"request-header-add request-header-remove response-header-add response-header-remove "
	 "header H",
		"no option changes fields of requests and responses: what is published can, or a "
		"proxy in front of it"},
	{"proto-version proxy-proto lb-proxy-protocol",
		"it is --proxy-protocol=v1 or v2, behind the --upstream that expects it"},
	{"pooling-enabled group load-balancer",
		"clients that publish the same host share its load: leave it away"},
	{"scheme bind-tls", "visitors come by http:// and https:// alike, once the server has a "
			    "certificate: tunnel server --tls-cert=FILE"},
	{"url-path path", "a path stands in the upstream's URL: http://HOST:PORT/PATH"},
	{"name tunnel-name", "a client has no name of its own: leave it away"},
	{"credentials-file credentials cred-file", "it is --token-from=FILE"},
	{"tunnel tunnels ingress proxies endpoints",
		"what is published stands under upstream, or under services with its settings"},
	{"bind-addr control-port data-addr allow-ports max-ports tls-cert tls-key https-redirect "
	 "access-log state-dir advertise trusted-proxies accept-proxy-protocol workers",
		"it is an option of tunnel server"},
	{0},
};
