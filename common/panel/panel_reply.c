/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "panel/panel_internal.h"

static const char *title(int status)
{
	static const struct {
		int status;
		const char *title;
	} titles[] = {
		{200, "OK"},
		{201, "Created"},
		{202, "Accepted"},
		{204, "No Content"},
		{304, "Not Modified"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{409, "Conflict"},
		{411, "Length Required"},
		{412, "Precondition Failed"},
		{413, "Content Too Large"},
		{415, "Unsupported Media Type"},
		{421, "Misdirected Request"},
		{429, "Too Many Requests"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{503, "Service Unavailable"},
		{507, "Insufficient Storage"},
	};
	for (size_t i = 0; i < ARRAY_LEN(titles); i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "";
}

void panel_reply_problem(struct panel_request *rq, int status, const char *reason,
	const char *detail)
{
	rq->status = status;
	rq->content_type = "application/problem+json";
	int n = asprintf(&rq->answer,
		"{\"type\":\"about:blank\",\"status\":%d,\"title\":\"%s\",\"reason\":\"%s\","
		"\"detail\":\"%s\"}\n",
		status, title(status), reason, detail);
	if (n < 0)
		rq->answer = NULL; /* the status says it */
	rq->answer_size = n < 0 ? 0 : (size_t)n;
}

/* ---- The head ---- */

/* A field of an answer's head; nothing for a value that is NULL. */
static char *add(char *at, const char *end, const char *name, const char *value)
{
	size_t room = (size_t)(end - at);
	int n = value ? snprintf(at, room, "%s: %s\r\n", name, value) : 0;
	return n >= 0 && (size_t)n < room ? at + n : at;
}

static char *add_number(char *at, const char *end, const char *name, size_t value)
{
	char text[24];
	snprintf(text, sizeof(text), "%zu", value);
	return add(at, end, name, text);
}

static struct str content(const struct panel_conn *c)
{
	if (!c->file)
		return (struct str){c->request->answer, c->request->answer_size};
	return c->gzip ? c->file->gzip : c->file->plain;
}

/* A page may load what is here, talk to where it is from, and stand in no other's frame. */
static char *add_policy(char *at, const char *end)
{
	at = add(at, end, "Content-Security-Policy",
		"default-src 'self'; img-src 'self'; connect-src 'self'; frame-ancestors 'none'; "
		"base-uri 'none'; form-action 'self'");
	return add(at, end, "Referrer-Policy", "no-referrer");
}

/* What is of a file is kept by who has it, and asked for again with its tag. */
static char *add_file(const struct panel_conn *c, char *at, const char *end)
{
	at = add(at, end, "Content-Encoding", c->gzip && c->request->status != 304 ? "gzip" : NULL);
	at = add(at, end, "Vary", "Accept-Encoding");
	return add(at, end, "ETag", c->file->etag);
}

static size_t format_head(const struct panel_conn *c, char *at, size_t room)
{
	const struct panel_request *rq = c->request;
	const char *end = at + room - 2, *begin = at;
	at += snprintf(at, room, "HTTP/1.1 %d %s\r\n", rq->status, title(rq->status));
	at = add(at, end, "Content-Type", c->file ? c->file->type : rq->content_type);
	if (rq->status != 204 && rq->status != 304)
		at = add_number(at, end, "Content-Length", content(c).n);
	at = add(at, end, "Cache-Control", c->file ? "no-cache" : "no-store");
	at = add(at, end, "X-Content-Type-Options", "nosniff");
	at = c->tcp ? add_policy(at, end) : at;
	at = c->file ? add_file(c, at, end) : at;
	at = add(at, end, "WWW-Authenticate", rq->status == 401 ? "Bearer" : NULL);
	at = add(at, end, "Set-Cookie", rq->cookie);
	at = add(at, end, "Allow", rq->allow);
	at = add(at, end, "ETag", rq->etag);
	at = add(at, end, "Location", rq->location);
	if (rq->retry_after)
		at = add_number(at, end, "Retry-After", rq->retry_after);
	at = add(at, end, "Connection", c->last ? "close" : NULL);
	memcpy(at, "\r\n", 2);
	return (size_t)(at + 2 - begin);
}

/* ---- Writing ---- */

static int write_slice(struct panel_conn *c, size_t n, enum lws_write_protocol what)
{
	/* A part that the socket does not take now is kept by libwebsockets, which says when it is gone. */
	int r = lws_write(c->wsi, c->panel->slice + LWS_PRE, n, what) < 0 ? -1 : 0;
	explicit_bzero(c->panel->slice + LWS_PRE, n);
	return r;
}

int panel_reply_write(struct panel_conn *c)
{
	const struct panel_request *rq = c->request;
	char *slice = (char *)c->panel->slice + LWS_PRE;
	struct str all = content(c);
	size_t whole = c->head_only || rq->status == 304 ? 0 : all.n;
	if (!c->head_sent) {
		c->head_sent = true;
		int r = write_slice(c, format_head(c, slice, PANEL_SLICE), LWS_WRITE_HTTP_HEADERS);
		return r < 0 ? r : whole == 0;
	}
	size_t n = MIN(whole - c->sent, (size_t)PANEL_SLICE);
	memcpy(slice, all.p + c->sent, n);
	c->sent += n;
	int r = write_slice(c, n, c->sent == whole ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP);
	return r < 0 ? r : c->sent == whole;
}
