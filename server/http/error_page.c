/* SPDX-License-Identifier: MIT */
#include "server/http/error_page.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "wire/hostname.h"
#include "wire/http_reason.h"

/* A stranger's text longer than this is shown no further: host names with a port are shorter. */
#define SHOWN_MAX (HOSTNAME_MAX + sizeof ":65535")

/* Every character may become "&#38;", and sprintf() puts a NUL behind it. */
#define ESCAPED_MAX (SHOWN_MAX * 5 + 1)

/* Bytes of the longest page: both strangers' texts, the sentence, and what is around them. */
#define BODY_MAX (2 * ESCAPED_MAX + 2048)
static_assert(BODY_MAX <= ERROR_PAGE_BODY_MAX, "the longest page fits");
static_assert(SHOWN_MAX < ERROR_PAGE_ID_MAX, "the longest id fits");

static const struct {
	unsigned status;
	const char *why, *sentence;
} causes[] = {
#define CAUSE(cause, status, name, sentence) [ERROR_PAGE_##cause] = {status, name, sentence},
	ERROR_PAGE_CAUSES(CAUSE)
#undef CAUSE
};

/* The log's word for each error of the parser is its name there. */
static const char *const http1_names[HTTP1_N_RESULTS] = {
#define NAME(name, word, status, text) [HTTP1_E_##name] = #name,
	HTTP1_ERRORS(NAME)
#undef NAME
};

/* The same of an answer, so that nobody takes the upstream's fault for the visitor's. */
static const char *const http1_answer_names[HTTP1_N_RESULTS] = {
#define NAME(name, word, status, text) [HTTP1_E_##name] = "upstream-" word,
	HTTP1_ERRORS(NAME)
#undef NAME
};

const char *error_page_word(enum error_page_cause cause)
{
	return cause == ERROR_PAGE_MALFORMED ? "malformed" : causes[cause].why;
}

struct error_page error_page_for(enum error_page_cause cause)
{
	return (struct error_page){
		.cause = cause,
		.status = causes[cause].status,
		.allow = cause == ERROR_PAGE_OPTIONS ? ERROR_PAGE_METHODS
			 : cause == ERROR_PAGE_TRACE ? ERROR_PAGE_METHODS_OWN
						     : NULL,
		.why = causes[cause].why,
		.sentence = causes[cause].sentence,
	};
}

struct error_page error_page_after(enum error_page_cause cause, uint64_t wait)
{
	struct error_page page = error_page_for(cause);
	page.retry_after = (unsigned)((wait + CLOCK_S - 1) / CLOCK_S);
	return page;
}

struct error_page error_page_for_http1(int code)
{
	return (struct error_page){
		.cause = ERROR_PAGE_MALFORMED,
		.status = (unsigned)http1_error_status(code),
		.why = http1_names[code],
		.sentence = http1_error_text(code),
		.allow = code == HTTP1_E_METHOD ? ERROR_PAGE_METHODS : NULL,
		.close = true,
	};
}

struct error_page error_page_for_answer(int code)
{
	struct error_page page = error_page_for(ERROR_PAGE_GARBLED);
	page.why = http1_answer_names[code];
	return page;
}

enum error_page_cause error_page_cause_of_reset(enum frame_reset reason)
{
	switch (reason) {
	case FRAME_RESET_REFUSED:
		return ERROR_PAGE_REFUSED;
	case FRAME_RESET_DIAL_TIMEOUT:
		return ERROR_PAGE_DIAL_TIMEOUT;
	case FRAME_RESET_UNREACHABLE:
		return ERROR_PAGE_UNREACHABLE;
	case FRAME_RESET_DNS:
		return ERROR_PAGE_DNS;
	case FRAME_RESET_BUSY:
	case FRAME_RESET_NO_MEMORY:
		return ERROR_PAGE_BUSY;
	case FRAME_RESET_LINK_LOST:
		return ERROR_PAGE_LINK_LOST;
	case FRAME_RESET_TIMEOUT:
		return ERROR_PAGE_ANSWER_TIMEOUT;
	case FRAME_RESET_TLS:
		return ERROR_PAGE_UPSTREAM_TLS;
	case FRAME_RESET_UNKNOWN_SERVICE:
	case FRAME_RESET_DENIED:
		return ERROR_PAGE_NO_ROUTE;
	case FRAME_RESET_NONE:
	case FRAME_RESET_ABORTED:
	case FRAME_RESET_PROTOCOL:
	case FRAME_RESET_CANCELLED:
	case FRAME_RESET_SURPLUS:
		break;
	}
	return ERROR_PAGE_DIED;
}

static const char *phrase(unsigned status)
{
	const char *reason = http_reason(status);
	return reason ? reason : "Error";
}

/* A weight of 0, in one of its spellings, means "anything but that" (RFC 9110, 12.4.2). */
static bool is_refused(struct str parameters)
{
	const char *p = memmem(parameters.p, parameters.n, "q=", 2);
	if (!p)
		return false;
	for (p += 2; p < parameters.p + parameters.n; p++)
		if (*p != '0' && *p != '.')
			return false;
	return true;
}

static bool is_html(struct str range)
{
	struct str type = STR("text/html");
	if (range.n < type.n || !str_eq_nocase((struct str){range.p, type.n}, type))
		return false;
	struct str rest = {range.p + type.n, range.n - type.n};
	return rest.n == 0 || (strchr("; \t", rest.p[0]) && !is_refused(rest));
}

bool error_page_wants_html(const struct http1_head *h)
{
	const struct http1_field *f = http1_find(h, HTTP1_ACCEPT);
	for (; f && f < h->fields + h->n_fields; f++) {
		struct str list = f->value, item;
		while (f->id == HTTP1_ACCEPT && http1_list_next(&list, &item))
			if (is_html(item))
				return true;
	}
	return false;
}

bool error_page_wants_grpc(const struct http1_head *h)
{
	static const struct str grpc = {"application/grpc", sizeof("application/grpc") - 1};
	for (const struct http1_field *f = h->fields; f < h->fields + h->n_fields; f++) {
		if (f->id || !str_eq_nocase(f->name, STR("content-type")))
			continue;
		struct str type = f->value;
		bool begins = type.n >= grpc.n && str_eq_nocase((struct str){type.p, grpc.n}, grpc);
		/* gRPC-Web, another protocol, begins alike. */
		return begins && (type.n == grpc.n || strchr("+; ", type.p[grpc.n]));
	}
	return false;
}

/* gRPC's status for one of HTTP (grpc/doc/http-grpc-status-mapping.md), as Envoy has it too. */
static unsigned grpc_status(unsigned http)
{
	switch (http) {
	case 400:
		return 13; /* INTERNAL */
	case 401:
		return 16; /* UNAUTHENTICATED */
	case 403:
		return 7; /* PERMISSION_DENIED */
	case 404:
	case 501:
		return 12; /* UNIMPLEMENTED */
	case 429:
	case 502:
	case 503:
	case 504:
		return 14; /* UNAVAILABLE */
	}
	return 2; /* UNKNOWN */
}

/*
 * A stranger's text: what could be markup becomes an entity, and what is no visible ASCII '?', in plain
 * text too, because terminals obey control characters.
 */
static struct str escape(struct str s, bool html, char out[ESCAPED_MAX])
{
	char *to = out;
	for (size_t i = 0; i < MIN(s.n, SHOWN_MAX); i++) {
		char c = s.p[i];
		if (html && (c == '&' || c == '<' || c == '>' || c == '"' || c == '\''))
			to += sprintf(to, "&#%d;", c);
		else
			*to++ = c > ' ' && c <= '~' ? c : '?';
	}
	return (struct str){out, (size_t)(to - out)};
}

static int text_body(char to[BODY_MAX], const struct error_page *p, struct str host, struct str id)
{
	return snprintf(to, BODY_MAX, "%u %s: %s\n%s%.*s%s%s%.*s%s", p->status, phrase(p->status),
		p->sentence, host.n ? "Host: " : "", STR_ARG(host), host.n ? "\n" : "",
		id.n ? "Request id: " : "", STR_ARG(id), id.n ? "\n" : "");
}

static int html_body(char to[BODY_MAX], const struct error_page *p, struct str host, struct str id)
{
	return snprintf(to, BODY_MAX,
		"<!doctype html>\n"
		"<html lang=\"en\"><head><meta charset=\"utf-8\">"
		"<meta name=\"viewport\" content=\"width=device-width\">"
		"<title>%u %s</title>\n"
		"<style>body{font:17px/1.5 system-ui,sans-serif;max-width:34em;margin:15vh auto;"
		"padding:0 1em;color:#223}h1{font-size:1.4em;margin:0}small{color:#667;"
		"overflow-wrap:anywhere}@media(prefers-color-scheme:dark){body{background:#181a20;"
		"color:#dde}small{color:#99a}}</style></head>\n"
		"<body><h1>%u %s</h1>\n<p>%c%s.</p>\n"
		"<p><small>%s%.*s%s%s%.*s</small></p></body></html>\n",
		p->status, phrase(p->status), p->status, phrase(p->status),
		toupper((unsigned char)p->sentence[0]), p->sentence + 1, host.n ? "Host: " : "",
		STR_ARG(host), host.n ? "<br>" : "", id.n ? "Request id: " : "", STR_ARG(id));
}

static void add(struct error_page_text *t, const char *name, struct str value)
{
	t->fields[t->n_fields++] = (struct error_page_field){name, value};
}

__attribute__((format(printf, 4, 5))) static void add_number(struct error_page_text *t,
	const char *name, char room[ERROR_PAGE_VALUE_MAX], const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(room, ERROR_PAGE_VALUE_MAX, fmt, ap);
	va_end(ap);
	add(t, name, (struct str){room, MIN((size_t)n, ERROR_PAGE_VALUE_MAX - 1)});
}

static void add_fields(struct error_page_text *t, const struct error_page *p)
{
	char escaped[ESCAPED_MAX];
	struct str id = escape(p->request_id, false, escaped);
	memcpy(t->id, id.p, id.n);
	add(t, "Content-Type",
		p->type.n ? p->type
		: p->html ? STR("text/html; charset=utf-8")
			  : STR("text/plain; charset=utf-8"));
	add_number(t, "Content-Length", t->length, "%zu", t->body_n);
	add(t, "Cache-Control", STR("no-store"));
	if (id.n)
		add(t, "X-Request-Id", (struct str){t->id, id.n});
	if (p->retry_after)
		add_number(t, "Retry-After", t->retry_after, "%u", p->retry_after);
	if (p->for_link)
		add_number(t, "Proxy-Status", t->cause, "tunnel; details=\"%.64s\"", p->why);
	if (p->allow)
		add(t, "Allow", str_from(p->allow));
	if (p->location.n)
		add(t, "Location", p->location);
	if (p->challenge.n)
		add(t, "WWW-Authenticate", p->challenge);
}

/* A response of trailers alone; the sentences are printable, so nothing in them is percent-encoded. */
static void render_grpc(const struct error_page *p, struct error_page_text *out)
{
	char escaped[ESCAPED_MAX];
	struct str id = escape(p->request_id, false, escaped);
	int n = snprintf(out->body, sizeof(out->body), "%u %s: %s", p->status, phrase(p->status),
		p->sentence);
	memcpy(out->id, id.p, id.n);
	out->status = 200;
	out->phrase = phrase(200);
	out->body_n = 0;
	add(out, "Content-Type", STR("application/grpc"));
	add_number(out, "Grpc-Status", out->grpc_status, "%u", grpc_status(p->status));
	add(out, "Grpc-Message", (struct str){out->body, (size_t)n});
	if (id.n)
		add(out, "X-Request-Id", (struct str){out->id, id.n});
}

void error_page_render(const struct error_page *p, struct error_page_text *out)
{
	out->n_fields = 0;
	if (p->grpc && p->status >= 400) {
		render_grpc(p, out);
		return;
	}
	char escaped_host[ESCAPED_MAX], escaped_id[ESCAPED_MAX];
	struct str host = escape(p->host, p->html, escaped_host);
	struct str id = escape(p->request_id, p->html, escaped_id);
	out->status = p->status;
	out->phrase = phrase(p->status);
	if (p->type.n)
		out->body_n = p->body.n;
	else
		out->body_n = (size_t)(p->html ? html_body(out->body, p, host, id)
					       : text_body(out->body, p, host, id));
	if (p->body.n)
		memcpy(out->body, p->body.p, p->body.n);
	add_fields(out, p);
}
