/* SPDX-License-Identifier: MIT */
#include "server/trace/otlp_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "version.h"

#define KIND_SERVER  2 /* SPAN_KIND_SERVER */
#define STATUS_ERROR 2 /* STATUS_CODE_ERROR */

static const char *const event_names[SPAN_EVENTS] =
	{[SPAN_ROUTED] = "routed", [SPAN_OPENED] = "opened", [SPAN_FIRST_BYTE] = "first byte"};

static void hex(FILE *to, const char *name, const uint8_t *p, size_t n)
{
	fprintf(to, "\"%s\":\"", name);
	for (size_t i = 0; i < n; i++)
		fprintf(to, "%02x", p[i]);
	fputs("\",", to);
}

static void attribute(FILE *to, const char *name, const char *value)
{
	char text[6 * HOSTNAME_SIZE];
	size_t n = escape_text(text, sizeof(text), value, strlen(value), ESCAPE_JSON);
	fprintf(to, "{\"key\":\"%s\",\"value\":{\"stringValue\":\"%.*s\"}}", name, (int)n, text);
}

/* Nanoseconds as text: a number of JSON has no room for them. */
static void moment(FILE *to, const char *name, uint64_t at, uint64_t offset)
{
	fprintf(to, "\"%s\":\"%" PRIu64 "000\"", name, at + offset);
}

static void put_attributes(FILE *to, const struct span *s)
{
	fputs("\"attributes\":[", to);
	attribute(to, "http.request.method", s->method);
	fputc(',', to);
	attribute(to, "server.address", s->host);
	fputc(',', to);
	attribute(to, "network.protocol.version", s->http2 ? "2" : s->http10 ? "1.0" : "1.1");
	if (*s->route) {
		fputc(',', to);
		attribute(to, "http.route", s->route);
	}
	if (*s->session) {
		fputc(',', to);
		attribute(to, "tunnel.session", s->session);
	}
	if (s->why) {
		fputc(',', to);
		attribute(to, "error.type", s->why);
	}
	if (s->status)
		fprintf(to,
			",{\"key\":\"http.response.status_code\",\"value\":{\"intValue\":\"%u\"}}",
			s->status);
	fputs("],", to);
}

static void put_events(FILE *to, const struct span *s, uint64_t offset)
{
	bool any = false;
	fputs("\"events\":[", to);
	for (int i = 0; i < SPAN_EVENTS; i++) {
		if (!s->events[i])
			continue;
		fputs(any ? ",{" : "{", to);
		moment(to, "timeUnixNano", s->events[i], offset);
		fprintf(to, ",\"name\":\"%s\"}", event_names[i]);
		any = true;
	}
	fputs("],", to);
}

static void put_link(FILE *to, const struct trace_context *c)
{
	fputs("\"links\":[{", to);
	hex(to, "traceId", c->trace, sizeof(c->trace));
	hex(to, "spanId", c->span, sizeof(c->span));
	fprintf(to, "\"flags\":%u}],", c->flags & TRACE_FLAG_SAMPLED);
}

static void put_span(FILE *to, const struct span *s, uint64_t offset)
{
	fputc('{', to);
	hex(to, "traceId", s->context.trace, sizeof(s->context.trace));
	hex(to, "spanId", s->context.span, sizeof(s->context.span));
	if (s->origin == SPAN_CHILD)
		hex(to, "parentSpanId", s->came.span, sizeof(s->came.span));
	if (s->origin == SPAN_LINKED)
		put_link(to, &s->came);
	char name[6 * SPAN_METHOD_SIZE];
	size_t n = escape_text(name, sizeof(name), s->method, strlen(s->method), ESCAPE_JSON);
	fprintf(to, "\"name\":\"%.*s\",\"kind\":%d,\"flags\":1,", (int)n, name, KIND_SERVER);
	moment(to, "startTimeUnixNano", s->began, offset);
	fputc(',', to);
	moment(to, "endTimeUnixNano", s->ended, offset);
	fputc(',', to);
	put_attributes(to, s);
	put_events(to, s, offset);
	/* Of a server's span an answer of 4xx is no error (OpenTelemetry's conventions for HTTP). */
	bool failed = s->why || s->status >= 500 || !s->status;
	fprintf(to, "\"status\":{%s}}", failed ? "\"code\":2" : "");
	_Static_assert(STATUS_ERROR == 2, "as it is written above");
}

char *otlp_json(const struct span *spans, size_t n, uint64_t offset, size_t *size_out)
{
	char *text = NULL;
	FILE *to = open_memstream(&text, size_out);
	if (!to)
		return NULL;
	fputs("{\"resourceSpans\":[{\"resource\":{\"attributes\":[", to);
	attribute(to, "service.name", "tunnel-server");
	fputc(',', to);
	attribute(to, "service.version", TUNNEL_VERSION);
	fputs("]},\"scopeSpans\":[{\"scope\":{\"name\":\"tunnel\"},\"spans\":[", to);
	for (size_t i = 0; i < n; i++) {
		fputs(i ? "," : "", to);
		put_span(to, &spans[i], offset);
	}
	fputs("]}]}]}", to);
	if (fclose(to) == 0)
		return text;
	free(text);
	return NULL;
}
