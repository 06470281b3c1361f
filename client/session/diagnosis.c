/* SPDX-License-Identifier: MIT */
#include "client/session/diagnosis.h"

#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "client/upstream/banner.h"

#define SHOWN_MAX   60  /* characters of a stranger's text in a sentence */
#define SHOWN_URL   200 /* of an address, which is of no use when it is cut off */
#define ADVICE_MAX  400
#define WAIT_SIZE   48
#define WAIT_DIGITS 6 /* of seconds: 11 days */

static struct str field(const struct http1_head *h, struct str name)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (str_eq_nocase(h->fields[i].name, name))
			return h->fields[i].value;
	return STR_NULL;
}

static int shown(struct str s)
{
	return (int)MIN(s.n, SHOWN_MAX);
}

/* Writes advice in which a "%s" stands for the control path. */
static void advise(char out[ADVICE_MAX], const char *advice, const char *path)
{
	const char *mark = strstr(advice, "%s");
	int before = (int)(mark ? (size_t)(mark - advice) : strlen(advice));
	snprintf(out, ADVICE_MAX, "%.*s%.100s%s", before, advice, mark ? path : "",
		mark ? mark + 2 : "");
}

/* ---- The exit node's own refusals ---- */

/* It names the cause in Proxy-Status, by the word of its access log (server/page.h). */
static const struct {
	const char *cause, *advice;
} refusals[] = {
	{"no-upgrade", "a reverse proxy on the way does not pass WebSockets on for %s; nginx needs "
		       "\"proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
		       "proxy_set_header Connection upgrade;\" (see docs/reverse-proxies.md)"},
	{"no-certificate", "it takes no client without a certificate of its --tls-client-ca, shown "
			   "over TLS to the exit node itself (--tls-client-cert, wss://)"},
	{"origin", "a proxy on the way adds Origin to requests for %s, as browsers do"},
	{"upgrade", "a proxy on the way changes Sec-WebSocket-Version in requests for %s"},
	{"link-malformed", "a proxy on the way changes requests for %s"},
	{"not-here", "its port for clients takes no links at %s: --control-path has to be the "
		     "server's"},
	{"no-route", "it takes no links at %s on this port: --control-path has to be the server's, "
		     "and the port its --control-port, if it has one"},
	{"waited", "it takes no links at %s on this port: --control-path has to be the server's, "
		   "and the port its --control-port, if it has one"},
	{"locked-out", "too many clients had no good token at the address that this one comes "
		       "from, which is locked out for a while"},
	{"overloaded", "it has as many clients as it takes (its log says which limit is reached)"},
	{"draining", "it is about to restart"},
};

/* When to come again, where too many came: " (in 30 s)", or nothing. */
static void waiting(const struct http1_head *h, char out[WAIT_SIZE])
{
	struct str after = field(h, STR("retry-after"));
	out[0] = '\0';
	for (size_t i = 0; i < after.n; i++)
		if (after.p[i] < '0' || after.p[i] > '9')
			return; /* a date */
	if (h->status == 429 && after.n && after.n <= WAIT_DIGITS)
		snprintf(out, WAIT_SIZE, " (it takes clients again in %.*s s)", STR_ARG(after));
}

/* True: the exit node itself answers, or one that this request was passed on to. */
static bool refused(const struct diagnosis *d, const struct http1_head *h, struct error *out)
{
	static const char mark[] = "tunnel; details=\"";
	char advice[ADVICE_MAX], wait[WAIT_SIZE];
	struct str status = field(h, STR("proxy-status"));
	const char *word = status.n ? memmem(status.p, status.n, mark, sizeof(mark) - 1) : NULL;
	if (!word)
		return false;
	word += sizeof(mark) - 1;
	struct str cause = {word, (size_t)(status.p + status.n - word)};
	const char *quote = memchr(cause.p, '"', cause.n);
	cause.n = quote ? (size_t)(quote - cause.p) : cause.n;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		if (!str_eq(cause, str_from(refusals[i].cause)))
			continue;
		advise(advice, refusals[i].advice, d->path);
		waiting(h, wait);
		error_set(out, 0, "the exit node answers %u: %s%s", h->status, advice, wait);
		return true;
	}
	error_set(out, 0, "the exit node answers %u %.*s (%.*s)", h->status, shown(h->reason),
		h->reason.p, shown(cause), cause.p);
	return true;
}

/* ---- Others ---- */

/* What stands between "//" and the path. */
static struct str host_of(struct str url)
{
	const char *slashes = memmem(url.p, url.n, "//", 2), *end = url.p + url.n;
	if (!slashes)
		return STR_NULL;
	struct str host = {slashes + 2, 0};
	while (host.p + host.n < end && !strchr("/?#:", host.p[host.n]))
		host.n++;
	return host;
}

static void redirected(const struct diagnosis *d, const struct http1_head *h, struct str to,
	struct error *out)
{
	struct str host = host_of(to);
	const char *colon = strrchr(d->authority, ':');
	struct str ours = {d->authority, colon ? (size_t)(colon - d->authority) : 0};
	bool tls = to.n > 6 && strncasecmp(to.p, "https:", 6) == 0;
	bool elsewhere = host.n && !str_eq_nocase(host, ours);
	const char *what = "use that address in --remote";
	if (elsewhere)
		what = "that is another host: either the exit node has moved, or this network has "
		       "a login page (open it in a browser)";
	else if (tls)
		what = "it wants TLS: --remote wss://…";
	error_set(out, 0, "it redirects (%u) to %.*s: %s", h->status, (int)MIN(to.n, SHOWN_URL),
		to.p, what);
}

/* The `%s` is the control path. */
static const struct {
	uint16_t status;
	const char *advice;
} advices[] = {
	{400, "what answers at %s there takes no WebSocket: is the port right?"},
	{401, "a reverse proxy there wants a password before it lets anybody to %s"},
	{403, "a firewall or reverse proxy there does not let requests through to %s"},
	{404, "nothing is at %s there: do --control-path and the port fit the server's?"},
	{405, "what answers at %s there is no tunnel server: is the port right?"},
	{407, "a proxy on the way wants a password: see --proxy"},
	{426, "what answers at %s there wants another protocol: is the port right?"},
	{429, "too many attempts came from here"},
	{502, "a reverse proxy answers, and the exit node behind it does not: is the tunnel server "
	      "running, and does the proxy name its port?"},
	{503, "a reverse proxy answers, and has no exit node behind it at the moment: is the "
	      "tunnel "
	      "server running, and does the proxy name its port?"},
	{504, "a reverse proxy answers, and the exit node behind it does not in time: does a "
	      "firewall stand between the two?"},
	{511, "this network has a login page: open it in a browser"},
	{520, "Cloudflare answers, and the exit node behind it ended the connection"},
	{521, "Cloudflare answers, and the exit node behind it refuses the connection: is the "
	      "tunnel server running, at the port that Cloudflare asks?"},
	{522, "Cloudflare answers, and the exit node behind it does not: a firewall or security "
	      "group may not let Cloudflare through"},
	{523, "Cloudflare answers, and cannot reach the exit node behind it: is its DNS record "
	      "right?"},
	{525, "Cloudflare answers, and TLS between it and the exit node fails: is its mode "
	      "(SSL/TLS) right for the exit node?"},
	{526, "Cloudflare answers, and does not trust the exit node's certificate"},
	{530, "Cloudflare answers, and cannot find the exit node: is its DNS record right?"},
};

void diagnosis_of_head(const struct diagnosis *d, const struct http1_head *h, struct str body,
	const char *why, struct error *out)
{
	struct str location = field(h, STR("location")), server = field(h, STR("server"));
	if (h->status == 101) {
		error_set(out, 0,
			"something answers as a WebSocket server, but %s: is the port right?", why);
		return;
	}
	if (refused(d, h, out))
		return;
	if (h->status / 100 == 3 && location.n) {
		redirected(d, h, location, out);
		return;
	}
	if (h->status == 400 && banner_says_tls(body)) {
		error_set(out, 0, "it speaks TLS there: --remote wss://%s", d->authority);
		return;
	}
	char advice[ADVICE_MAX] =
		"a web server answers that has no tunnel there: is the port right?";
	for (size_t i = 0; i < ARRAY_LEN(advices); i++)
		if (advices[i].status == h->status)
			advise(advice, advices[i].advice, d->path);
	error_set(out, 0, "it answers %u %.*s%s%.*s%s: %s", h->status, shown(h->reason),
		h->reason.p, server.n ? " (" : "", shown(server), server.n ? server.p : "",
		server.n ? ")" : "", advice);
}

void diagnosis_of_bytes(const struct diagnosis *d, const uint8_t *p, size_t n, int code,
	struct error *out)
{
	enum banner banner = banner_of(p, n);
	if (!n && d->proxy)
		error_set(out, 0, "it ended the connection without an answer");
	else if (!n)
		error_set(out, 0,
			"it ended the connection without an answer: is a tunnel server on that "
			"port, and does it want wss://?");
	else if (d->proxy && (banner == BANNER_TLS || banner == BANNER_TLS_ALERT))
		error_set(out, 0,
			"it speaks TLS there, and is spoken to without: is the port right?");
	else if (banner == BANNER_TLS || banner == BANNER_TLS_ALERT)
		error_set(out, 0, "it speaks TLS there: --remote wss://%s", d->authority);
	else if (banner == BANNER_HTTP2)
		error_set(out, 0, "it speaks HTTP/2 only, where HTTP/1.1 is needed");
	else if (banner_name(banner))
		error_set(out, 0, "%s answers: is the port right?", banner_name(banner));
	else if (!banner_may_be_http(p, n))
		error_set(out, 0, "what answers is no HTTP server: is the port right?");
	else if (code > HTTP1_MORE)
		error_set(out, 0, "its answer is not HTTP as it should be: %s",
			http1_error_text(code));
	else
		error_set(out, 0, "it ended the connection in the middle of its answer");
}
