#include "client/diagnosis.h"

#include <stdio.h>
#include <string.h>

#include "base/macros.h"

static struct str field(const struct http1_head *h, struct str name)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (str_eq_nocase(h->fields[i].name, name))
			return h->fields[i].value;
	return STR_NULL;
}

/* The `%s` is the control path. */
static const struct {
	uint16_t status;
	const char *advice;
} advices[] = {
	{400, "if the port speaks TLS, it wants wss://; if a reverse proxy stands there, it must "
	      "pass WebSockets on for %s"},
	{401, "a reverse proxy there wants a password before it lets anybody to %s"},
	{403, "a firewall or reverse proxy there does not let WebSockets through to %s, or it "
	      "wants a "
	      "client certificate (--tls-client-cert)"},
	{404, "nothing is at %s there: do --control-path and the port fit the server's?"},
	{405, "what answers at %s there is no tunnel server: is the port right?"},
	{426, "the server there wants another version of WebSocket at %s, or none"},
	{429, "too many attempts came from here"},
	{502, "a reverse proxy answers, and the exit node behind it does not"},
	{503, "either it has as many clients as it takes (its log says so), or no tunnel server "
	      "takes links at %s there: do --control-path and the port (perhaps the server has a "
	      "--control-port) fit?"},
	{504, "a reverse proxy answers, and the exit node behind it does not"},
};

void diagnosis_of_head(const struct http1_head *h, const char *path, const char *why,
	struct error *out)
{
	if (h->status == 101) {
		error_set(out, 0,
			"something answers as a WebSocket server, but %s: is the port right?", why);
		return;
	}
	struct str location = field(h, STR("location"));
	if (h->status / 100 == 3 && location.n) {
		bool tls = location.n > 6 && strncasecmp(location.p, "https:", 6) == 0;
		error_set(out, 0, "it redirects (%u) to %.*s: %s", h->status,
			(int)MIN(location.n, 200), location.p,
			tls ? "that is TLS, --remote wss://…" : "use that address in --remote");
		return;
	}
	char advice[256] = "a web server answers that has no tunnel there: is the port right?";
	for (size_t i = 0; i < ARRAY_LEN(advices); i++) {
		if (advices[i].status != h->status)
			continue;
		const char *mark = strstr(advices[i].advice, "%s");
		int before =
			mark ? (int)(mark - advices[i].advice) : (int)strlen(advices[i].advice);
		snprintf(advice, sizeof(advice), "%.*s%.100s%s", before, advices[i].advice,
			mark ? path : "", mark ? mark + 2 : "");
	}
	error_set(out, 0, "it answers %u %.*s: %s", h->status, (int)MIN(h->reason.n, 60),
		h->reason.p, advice);
}

static bool begins(const uint8_t *p, size_t n, const char *with)
{
	size_t m = strlen(with);
	return n >= m && memcmp(p, with, m) == 0;
}

/* A frame of HTTP/2 that says SETTINGS: what its servers send first, whatever they are asked. */
static bool is_http2(const uint8_t *p, size_t n)
{
	return n >= 9 && p[0] == 0 && p[3] == 4 && memcmp(p + 5, "\0\0\0\0", 4) == 0;
}

void diagnosis_of_bytes(const uint8_t *p, size_t n, int code, struct error *out)
{
	if (!n)
		error_set(out, 0,
			"it ended the connection without an answer: is a tunnel server on that "
			"port, and does it want wss://?");
	else if (n >= 3 && (p[0] == 0x15 || p[0] == 0x16) && p[1] == 3)
		error_set(out, 0, "it speaks TLS: it wants wss://");
	else if (begins(p, n, "SSH-"))
		error_set(out, 0, "an SSH server answers: is the port right?");
	else if (begins(p, n, "220") || begins(p, n, "+OK") || begins(p, n, "* OK"))
		error_set(out, 0, "a mail or file server answers: is the port right?");
	else if (is_http2(p, n))
		error_set(out, 0, "it speaks HTTP/2 only, where HTTP/1.1 is needed");
	else if (!begins(p, n, "HTTP/"))
		error_set(out, 0, "what answers is no HTTP server: is the port right?");
	else if (code > HTTP1_MORE)
		error_set(out, 0, "its answer is not HTTP as it should be: %s",
			http1_error_text(code));
	else
		error_set(out, 0, "it ended the connection in the middle of its answer");
}
