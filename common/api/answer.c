/* SPDX-License-Identifier: MIT */
/* Answers: JSON, and problem objects (RFC 9457) where something is refused. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "api/operation.h"

#define RETRY_AFTER 1 /* seconds; a queue of changes is worked off in a few */

static const struct {
	unsigned status;
	const char *word, *title;
} reasons[] = {
	[API_NOT_FOUND] = {404, "not_found", "Not Found"},
	[API_DENIED] = {403, "denied", "Forbidden"},
	[API_INVALID] = {400, "invalid", "Bad Request"},
	[API_TAKEN] = {409, "taken", "Conflict"},
	[API_STALE] = {412, "stale", "Precondition Failed"},
	[API_LIMIT] = {429, "limit", "Too Many Requests"},
	[API_BUSY] = {503, "busy", "Service Unavailable"},
	[API_NOT_STORED] = {507, "store", "Insufficient Storage"},
	[API_UNSUPPORTED] = {501, "unsupported", "Not Implemented"},
	[API_NO_METHOD] = {405, "unsupported", "Method Not Allowed"},
	[API_UNKNOWN] = {401, "unknown", "Unauthorized"},
	[API_TOO_LARGE] = {413, "limit", "Content Too Large"},
};

void api_answer_text(struct api_request *rq, unsigned status, const char *content_type, char *text,
	size_t n)
{
	rq->status = status;
	rq->content_type = content_type;
	rq->answer = text;
	rq->answer_size = n;
	api_work_ends(rq);
	/* A transport may answer a request that it never asked (API_TOO_LARGE). */
	if (rq->api)
		list_unlink(&rq->under_way);
	rq->answered(rq);
}

static void answer(struct api_request *rq, unsigned status, const char *content_type, json_t *value)
{
	char *text = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
	json_decref(value);
	/* Without memory for an answer: 500 is all that is left to say. */
	api_answer_text(rq, text ? status : 500, content_type, text, text ? strlen(text) : 0);
}

void api_answer(struct api_request *rq, unsigned status, json_t *value)
{
	answer(rq, status, "application/json", value);
}

void api_set_etag(struct api_request *rq, uint64_t revision)
{
	free(rq->etag);
	/* Without memory: there is no field. */
	if (asprintf(&rq->etag, "\"%" PRIu64 "\"", revision) < 0)
		rq->etag = NULL;
}

void api_refuse(struct api_request *rq, enum api_reason reason, const char *fmt, ...)
{
	/* Names and paths of somebody's may be in it, cut anywhere. */
	char sentence[1024], safe[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	safe[escape_text(safe, sizeof(safe) - 1, sentence, strlen(sentence), ESCAPE_SENTENCE)] = 0;
	if (reason == API_BUSY)
		rq->retry_after = RETRY_AFTER;
	answer(rq, reasons[reason].status, "application/problem+json",
		json_pack("{s:s, s:i, s:s, s:s, s:s}", "type", "about:blank", "status",
			(int)reasons[reason].status, "title", reasons[reason].title, "reason",
			reasons[reason].word, "detail", safe));
}
