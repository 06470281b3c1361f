/* SPDX-License-Identifier: MIT */
#include "server/acme/acme_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/macros.h"
#include "wire/http_date.h"

#define URN "urn:ietf:params:acme:error:"

/* ---- Problems ---- */

/* What a CA wrote goes into lines that people read. */
static void show(char *to, size_t room, const char *text)
{
	size_t n = escape_text(to, room - 1, text, strlen(text), ESCAPE_SENTENCE);
	to[n] = 0;
}

void acme_problem_take(const json_t *json, struct acme_problem *out)
{
	const char *type = json_string_value(json_object_get(json, "type"));
	const char *detail = json_string_value(json_object_get(json, "detail"));
	*out = (struct acme_problem){0};
	if (type && strncmp(type, URN, strlen(URN)) == 0)
		type += strlen(URN);
	if (type)
		show(out->type, sizeof(out->type), type);
	if (detail)
		show(out->detail, sizeof(out->detail), detail);
}

void acme_problem_read(const struct acme_answer *a, struct acme_problem *out)
{
	json_t *json = acme_answer_json(a);
	acme_problem_take(json, out);
	json_decref(json);
	if (!*out->type && !*out->detail)
		snprintf(out->detail, sizeof(out->detail), "status %u", a->status);
}

const char *acme_problem_text(const struct acme_problem *p, char out[2 * ACME_DETAIL_SIZE])
{
	const char *detail = *p->detail ? p->detail : "no reason is given";
	snprintf(out, 2 * ACME_DETAIL_SIZE, *p->type ? "%s (%s)" : "%s", detail, p->type);
	return out;
}

/* ---- Parts ---- */

json_t *acme_answer_json(const struct acme_answer *a)
{
	json_t *json =
		json_loadb(a->body.p ? a->body.p : "", a->body.n, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

uint64_t acme_retry_after(struct str text, int64_t now)
{
	int64_t at;
	uint64_t seconds = 0;
	if (!text.n)
		return 0;
	if (http_date_parse(text, &at))
		return at > now ? (uint64_t)MIN(at - now, (int64_t)ACME_RETRY_MAX) : 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return 0;
		seconds = MIN(seconds * 10 + (uint64_t)(text.p[i] - '0'), (uint64_t)ACME_RETRY_MAX);
	}
	return seconds;
}

char *acme_url(struct str text)
{
	bool web = text.n > 8 &&
		   (strncmp(text.p, "https://", 8) == 0 || strncmp(text.p, "http://", 7) == 0);
	if (!web || text.n > ACME_URL_MAX)
		return NULL;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] <= ' ' || text.p[i] >= 0x7f)
			return NULL;
	return strndup(text.p, text.n);
}

char *acme_url_of(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));
	return text ? acme_url(str_from(text)) : NULL;
}

bool acme_is_token(struct str text, size_t max)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '-' || c == '_'))
			return false;
	}
	return text.n > 0 && text.n <= max;
}
