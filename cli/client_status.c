/* SPDX-License-Identifier: MIT */
#include "cli/client_status.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/macros.h"
#include "cli/admin_client.h"
#include "cli/admin_local.h"
#include "cli/age.h"
#include "cli/answer.h"
#include "cli/client_sockets.h"
#include "cli/top_views.h"

static const struct column columns_of_publications[] = {
	{"PUBLIC", "address", CELL_TEXT, NULL},
	{"TO", "upstream", CELL_TEXT, NULL},
	{"STATE", "state", CELL_TEXT, NULL},
	{"CONN/S", "cps", CELL_RATE, NULL},
	{"IN/S", "in", CELL_BYTES, NULL},
	{"OUT/S", "out", CELL_BYTES, NULL},
};

/* What one client says of itself; NULL members where it was not asked. */
struct answers {
	json_t *info, *session, *publications, *attention;
};

static void answers_free(struct answers *a)
{
	json_decref(a->info);
	json_decref(a->session);
	json_decref(a->publications);
	json_decref(a->attention);
}

static int ask(struct call *c, const char *target, json_t **out)
{
	const struct admin_client_request rq = {.method = "GET", .target = target};
	return admin_client_ask(c->transport, &rq, out, c->err);
}

static int ask_all(struct call *c, struct answers *a)
{
	json_t *sessions = NULL, *attention = NULL;
	int r = ask(c, "/api/v1/info", &a->info);
	r = r ? r : admin_client_list(c->transport, "/api/v1/sessions", NULL, &sessions, c->err);
	r = r ? r
	      : admin_client_list(c->transport, "/api/v1/publications", NULL, &a->publications,
			c->err);
	r = r ? r : ask(c, "/api/v1/attention", &attention);
	a->session = json_incref(json_array_get(sessions, 0));
	a->attention = json_incref(json_object_get(attention, "items"));
	json_decref(sessions);
	json_decref(attention);
	return r;
}

static void say_attention(struct call *c, const json_t *items)
{
	size_t i;
	const json_t *item;
	json_array_foreach(items, i, item)
	{
		if (i == 0)
			call_say(c, "%s", "");
		bool bad = strcmp(answer_text(item, "severity"), "bad") == 0;
		call_say(c, "%s %s", bad ? "!!" : "!", answer_text(item, "what"));
		call_say(c, "   %s", answer_text(item, "todo"));
	}
}

void status_attention(struct call *c)
{
	json_t *answer = NULL;
	struct error ignored;
	const struct admin_client_request rq = {.method = "GET", .target = "/api/v1/attention"};
	if (admin_client_ask(c->transport, &rq, &answer, &ignored) == 0)
		say_attention(c, json_object_get(answer, "items"));
	json_decref(answer);
}

void status_rates(struct call *c, enum side side)
{
	json_t *answer = NULL;
	struct error ignored;
	const struct admin_client_request rq = {.method = "GET", .target = "/api/v1/overview"};
	if (!c->o->quiet && admin_client_ask(c->transport, &rq, &answer, &ignored) == 0 &&
		json_is_number(json_object_get(answer, "out")))
		top_rates(stdout, side, answer);
	json_decref(answer);
}

static void say_head(struct call *c, const struct answers *a)
{
	char age[AGE_SIZE];
	int64_t started = age_parse(answer_text(a->info, "started"));
	long long up = answer_number(a->session, "linksUp"),
		  streams = answer_number(a->session, "streams");
	call_say(c,
		"client of %s, process %lld, for %s: session %s, %lld of %zu link%s up, %lld "
		"stream%s",
		answer_text(a->info, "exitNode"), answer_number(a->info, "pid"),
		age_format((int64_t)time(NULL) - started, age), answer_text(a->session, "state"),
		up, json_array_size(json_object_get(a->session, "links")),
		plural((long long)json_array_size(json_object_get(a->session, "links"))), streams,
		plural(streams));
	status_rates(c, SIDE_CLIENT);
	call_say(c, "%s", "");
}

static int print(struct call *c, const struct answers *a)
{
	enum output how = call_output(c);
	struct columns columns;
	if (how == OUTPUT_JSON) {
		json_t *whole = json_pack("{s:O, s:O, s:O, s:O}", "info", a->info, "session",
			a->session, "publications", a->publications, "attention", a->attention);
		int r = whole ? call_print_json(c, whole)
			      : error_set(c->err, STATUS_FAILED, "no memory");
		json_decref(whole);
		return r;
	}
	if (how == OUTPUT_TABLE)
		say_head(c, a);
	columns_init(&columns, columns_of_publications, ARRAY_LEN(columns_of_publications),
		!c->o->quiet);
	if (columns_print(&columns, stdout, a->publications, how))
		return error_set(c->err, STATUS_FAILED, "no memory");
	if (how == OUTPUT_TABLE)
		say_attention(c, a->attention);
	return 0;
}

int client_status_one(struct call *c)
{
	struct answers a = {0};
	json_t *ready = NULL;
	int r = ask_all(c, &a);
	r = r ? r : print(c, &a);
	if (!r && ask(c, "/readyz", &ready))
		r = STATUS_NOT_READY;
	json_decref(ready);
	answers_free(&a);
	return r;
}

int client_status(struct call *c, bool behind)
{
	struct client_sockets sockets;
	int r = client_sockets_find(&sockets) ? error_set(c->err, STATUS_FAILED, "no memory")
					      : STATUS_NO_ANSWER;
	for (size_t i = 0; i < sockets.n && r != STATUS_FAILED; i++) {
		const struct admin_local_places place = {.socket = sockets.paths[i]};
		struct error err;
		if (admin_local_open(&c->transport, &place, &err))
			continue; /* it has ended */
		if ((behind || r != STATUS_NO_ANSWER) && call_output(c) == OUTPUT_TABLE)
			call_say(c, "%s", "");
		int one = client_status_one(c);
		call_close(c);
		r = r == STATUS_NO_ANSWER || one ? one : r;
	}
	client_sockets_free(&sockets);
	return r;
}
