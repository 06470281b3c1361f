/* SPDX-License-Identifier: MIT */
#include "cli/intention_check.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/answer.h"
#include "cli/columns.h"
#include "cli/complain.h"

#define DENIED   1
#define NO_REPLY 2

static void line(const char *about, struct buf *text)
{
	char before[32];
	snprintf(before, sizeof before, "  %-12s", about);
	if (buf_append(text, "", 1) == 0)
		print_line(stdout, before, (const char *)buf_head(text));
	buf_consume(text, buf_len(text));
}

static int put(struct buf *to, const char *text)
{
	return buf_append(to, text, strlen(text));
}

/* ---- What else has to hold, for people ---- */

static void explain_intention(const json_t *answer, struct buf *text)
{
	const json_t *by = json_object_get(answer, "intention");
	char precedence[32];
	if (!json_is_object(by)) {
		put(text, "none, so the default decides: ");
		put(text, answer_text(answer, "default"));
	} else {
		snprintf(precedence, sizeof precedence, "%lld", answer_number(by, "precedence"));
		put(text, answer_text(by, "source"));
		put(text, " => ");
		put(text, answer_text(by, "destination"));
		put(text, " (");
		put(text, answer_text(by, "action"));
		put(text, ", precedence ");
		put(text, precedence);
		put(text, ")");
	}
	line("intention", text);
}

/* Of several each is named. */
static void explain_endpoint(const json_t *endpoint, bool named, struct buf *text)
{
	const char *how = answer_text(endpoint, "how");
	put(text, answer_text(endpoint, "status"));
	if (*how) {
		put(text, " (");
		put(text, how);
		put(text, ")");
	}
	if (named) {
		put(text, ": ");
		put(text, answer_text(endpoint, "name"));
	}
	line("endpoint", text);
}

static void explain_endpoints(const json_t *explained, struct buf *text)
{
	const json_t *list = json_object_get(explained, "endpoints"), *each;
	size_t i;
	bool named = json_array_size(list) > 1;
	json_array_foreach(list, i, each) explain_endpoint(each, named, text);
	if (json_array_size(list))
		return;
	put(text, "none: ");
	put(text, answer_text(explained, "noEndpoint"));
	line("endpoint", text);
}

static void explain_grants(const json_t *explained, struct buf *text)
{
	const json_t *consume = json_object_get(explained, "consume");
	if (json_is_array(consume)) {
		put(text, "consume: ");
		columns_list_text(consume, text);
		if (json_is_false(json_object_get(explained, "mayConsume")))
			put(text, ", which this private service is not among");
	} else {
		put(text, "none: there is no such identity");
	}
	line("grants", text);
}

/* Of either identity a state that is not active is told; one that is there and active is nothing to say. */
static void explain_identity(const json_t *explained, const char *who, struct buf *text)
{
	const json_t *identity = json_object_get(explained, who);
	const char *state = answer_text(identity, "state");
	if (!*state || strcmp(state, "active") == 0)
		return;
	put(text, answer_text(identity, "name"));
	put(text, " is ");
	put(text, state);
	line(who, text);
}

static void explain_provider(const json_t *explained, struct buf *text)
{
	long long sessions = answer_number(explained, "sessions");
	char count[64];
	snprintf(count, sizeof count, "online, %lld session%s", sessions, plural(sessions));
	put(text, sessions ? count : "offline");
	line("provider", text);
}

static void explain(const json_t *answer)
{
	const json_t *explained = json_object_get(answer, "explanation");
	struct buf text = BUF_NULL;
	explain_intention(answer, &text);
	explain_identity(explained, "consumer", &text);
	explain_endpoints(explained, &text);
	explain_grants(explained, &text);
	explain_identity(explained, "owner", &text);
	explain_provider(explained, &text);
	buf_deinit(&text);
}

/* ---- The answer ---- */

static int print_answer(struct call *c, const json_t *answer, bool allowed)
{
	if (call_output(c) == OUTPUT_JSON)
		return call_print_json(c, answer);
	puts(allowed ? "Allowed" : "Denied");
	if (c->o->explain)
		explain(answer);
	return 0;
}

int intention_check(struct call *c)
{
	json_t *answer = NULL;
	int r = call_ask(c, &answer);
	const json_t *allowed = json_object_get(answer, "allowed");
	if (!r && !json_is_boolean(allowed))
		r = error_set(c->err, STATUS_FAILED, "the server's answer does not say it");
	if (!r)
		r = print_answer(c, answer, json_is_true(allowed));
	if (r) {
		r = NO_REPLY;
	} else if (!json_is_true(allowed)) {
		*c->err->text = '\0';
		r = DENIED;
	}
	json_decref(answer);
	return r;
}
