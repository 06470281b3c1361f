/* SPDX-License-Identifier: MIT */
#include "cli/admin_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "cli/http_message.h"
#include "cli/target.h"

/* Items of a page, as many as the API gives: 20,000 identities are 40 requests. */
#define PAGE_LIMIT "500"

/* What a command ends with for each reason of an error; STATUS_FAILED for all others. */
static const struct {
	const char *reason;
	enum exit_status status;
} statuses[] = {
	{"invalid", STATUS_USAGE},
	{"not_found", STATUS_NOT_FOUND},
	{"unknown_token", STATUS_REJECTED},
};

static enum exit_status status_of(const char *reason, unsigned http)
{
	for (size_t i = 0; reason && i < ARRAY_LEN(statuses); i++)
		if (strcmp(reason, statuses[i].reason) == 0)
			return statuses[i].status;
	return http == 404 ? STATUS_NOT_FOUND : STATUS_FAILED;
}

static const char *text_of(const json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}

/* The server's sentence, as it stands. */
static int refused(const struct http_message *m, const json_t *problem, struct error *err)
{
	const char *detail = text_of(problem, "detail"), *title = text_of(problem, "title");
	enum exit_status status = status_of(text_of(problem, "reason"), m->status);
	if (detail || title)
		return error_set(err, (int)status, "%s", detail ? detail : title);
	if (m->body.n && !problem)
		return error_set(err, (int)status, "%.*s", (int)strcspn(m->body.p, "\r\n"),
			m->body.p);
	return error_set(err, (int)status, "the server answered with HTTP status %u", m->status);
}

/* As people type it, or copy it from JSON: 1042, "1042", W/"1042". */
static struct str revision_of(const char *text)
{
	text += strncmp(text, "W/", 2) == 0 ? 2 : 0;
	text += *text == '"';
	return (struct str){text, strcspn(text, "\"")};
}

static int write_request(struct buf *to, const struct admin_client_request *ask, const char *body)
{
	char length[96] = "", match[64] = "";
	if (body)
		snprintf(length, sizeof length,
			"Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
	if (ask->if_match)
		snprintf(match, sizeof match, "If-Match: \"%.*s\"\r\n",
			(int)MIN(revision_of(ask->if_match).n, (size_t)40),
			revision_of(ask->if_match).p);
	auto_free char *head = NULL;
	int n = asprintf(&head,
		"%s %s HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
		"Connection: close\r\n%s%s\r\n",
		ask->method, ask->target, length, match);
	if (n < 0) {
		head = NULL;
		return -1;
	}
	return buf_append(to, head, (size_t)n) || (body && buf_append(to, body, strlen(body)));
}

static int understand(struct buf *response, json_t **answer_out, struct error *err)
{
	struct http_message m;
	/* A NUL behind the body, for those who read it as text. */
	if (buf_append(response, "", 1))
		return error_set(err, STATUS_FAILED, "no memory");
	if (http_message_parse(&m, buf_head(response), buf_len(response) - 1))
		return error_set(err, STATUS_NO_ANSWER,
			"the server's answer is cut short, or it is none: is the socket tunnel's, "
			"and the server still running?");
	json_error_t wrong;
	json_t *answer = json_loadb(m.body.p, m.body.n, JSON_ALLOW_NUL, &wrong);
	if (m.status / 100 == 2 && (answer || !m.body.n || m.body.p[0] != '{')) {
		*answer_out = answer;
		return 0;
	}
	int r = m.status / 100 == 2 ? error_set(err, STATUS_FAILED,
					      "the server's answer is no JSON: %s", wrong.text)
				    : refused(&m, answer, err);
	json_decref(answer);
	return r;
}

int admin_client_ask(struct admin_transport *transport, const struct admin_client_request *ask,
	json_t **answer_out, struct error *err)
{
	struct buf request = BUF_NULL, response = BUF_NULL;
	char *body = ask->body ? json_dumps(ask->body, JSON_COMPACT) : NULL;
	int r = 0;
	if ((ask->body && !body) || write_request(&request, ask, body))
		r = error_set(err, STATUS_FAILED, "no memory");
	if (!r)
		r = transport->call(transport, buf_head(&request), buf_len(&request), &response,
			err);
	if (!r)
		r = understand(&response, answer_out, err);
	/* A token may be in either. */
	if (body)
		explicit_bzero(body, strlen(body));
	free(body);
	if (buf_len(&request))
		explicit_bzero(buf_head(&request), buf_len(&request));
	if (buf_len(&response))
		explicit_bzero(buf_head(&response), buf_len(&response));
	buf_deinit(&request);
	buf_deinit(&response);
	return r;
}

/* Adds the page to the items. What follows it is behind *next_out, NULL behind the last page. */
static int add_page(json_t *items, json_t *page, char **next_out, struct error *err)
{
	const json_t *these = json_object_get(page, "items"), *next = json_object_get(page, "next");
	free(*next_out);
	*next_out = NULL;
	if (!json_is_array(these) || json_array_extend(items, (json_t *)these))
		return error_set(err, STATUS_FAILED, "the server's answer is no list");
	char number[32];
	const char *text = json_string_value(next);
	if (json_is_integer(next)) {
		snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(next));
		text = number;
	}
	/* A cursor behind an empty page would go on for ever. */
	if (text && json_array_size(these) && !(*next_out = strdup(text)))
		return error_set(err, STATUS_FAILED, "no memory");
	return 0;
}

int admin_client_list(struct admin_transport *transport, const char *target, const char *after,
	json_t **items_out, struct error *err)
{
	json_t *items = json_array();
	char *next = after ? strdup(after) : NULL;
	int r = items && (next || !after) ? 0 : error_set(err, STATUS_FAILED, "no memory");
	do {
		struct buf one = BUF_NULL;
		json_t *page = NULL;
		bool no_memory =
			target_append(&one, target) || target_add(&one, "limit", PAGE_LIMIT) ||
			(next && target_add(&one, "after", next)) || buf_append(&one, "", 1);
		const struct admin_client_request ask = {.method = "GET",
			.target = (const char *)buf_head(&one)};
		if (!r)
			r = no_memory ? error_set(err, STATUS_FAILED, "no memory")
				      : admin_client_ask(transport, &ask, &page, err);
		if (!r)
			r = add_page(items, page, &next, err);
		json_decref(page);
		buf_deinit(&one);
	} while (!r && next);
	free(next);
	if (r)
		json_decref(items);
	else
		*items_out = items;
	return r;
}
