/* SPDX-License-Identifier: MIT */
/*
 * What somebody can do something about, each with what to do; and the limits, of which those that were reached
 * are a part of it.
 */
#include <stdio.h>
#include <time.h>

#include "api/api_json.h"
#include "server/accept/certificates.h"
#include "server/acme/acme.h"
#include "server/admin/api.h"
#include "server/base/worker.h"
#include "server/control/change.h"
#include "server/store/catalog.h"
#include "tls/tls.h"

#define LIMIT_NEWS (3600 * CLOCK_S) /* that a limit was reached is news for so long */
#define NAMED_MAX  20               /* endpoints that wait, by name; more are a number */

/* ---- Limits ---- */

struct limit_row {
	const char *option, *unit;
	enum limits_kind kind;
	uint64_t most;
};

#define LIMIT_ROWS 5

static void limit_rows(const struct server_options *o, struct limit_row rows[LIMIT_ROWS])
{
	rows[0] =
		(struct limit_row){"max-visitors", "connections", LIMITS_VISITOR, o->max_visitors};
	rows[1] = (struct limit_row){"max-waiting", "requests", LIMITS_WAITING, o->max_waiting};
	rows[2] = (struct limit_row){"max-sessions", "links", LIMITS_LINK, o->max_sessions};
	rows[3] = (struct limit_row){"max-private-streams", "streams", LIMITS_BRIDGES,
		o->max_private_streams};
	rows[4] =
		(struct limit_row){"max-exchanges", "requests", LIMITS_EXCHANGE, o->max_exchanges};
}

static json_t *limit_json(const struct limit_row *row, const struct limits_use *use)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:o}", "name", row->option, "unit",
		row->unit, "limit", (json_int_t)row->most, "use", (json_int_t)use->n, "peak",
		(json_int_t)use->peak, "reached", (json_int_t)use->reached, "reachedAt",
		clock_moment_json(use->reached_at));
}

static void limits(struct api_request *rq)
{
	struct node *n = admin_of(rq)->node;
	struct limit_row rows[LIMIT_ROWS];
	json_t *items = json_array();
	limit_rows(n->workers[0]->opts, rows);
	for (size_t i = 0; i < LIMIT_ROWS; i++) {
		struct limits_use use;
		limits_look(&n->limits, rows[i].kind, &use);
		items = append_json(items, limit_json(&rows[i], &use));
	}
	api_answer(rq, 200, items ? json_pack("{s:o}", "items", items) : NULL);
}

/* ---- What needs attention ---- */

/* `todo` says what to do. Returns the array with it, or NULL. */
static json_t *note(json_t *items, bool bad, const char *about, const char *todo, const char *fmt,
	...) __attribute__((format(printf, 5, 6)));
static json_t *note(json_t *items, bool bad, const char *about, const char *todo, const char *fmt,
	...)
{
	char what[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return append_json(items,
		json_pack("{s:s, s:s, s:s, s:s}", "severity", bad ? "bad" : "warn", "about", about,
			"what", what, "todo", todo));
}

static json_t *note_certificates(json_t *items, const struct worker *w)
{
	const struct tls_server *tls = w->tls;
	int64_t now = (int64_t)time(NULL);
	for (size_t i = 0; tls && i < tls_server_count(tls); i++) {
		struct tls_dates d;
		tls_server_dates(tls, i, &d);
		if (now > d.to)
			items = note(items, true, "certificate",
				"Renew it; the server reads the files again by itself.",
				"The certificate for %s has ended: visitors and clients refuse it",
				d.names);
		else if (now < d.from)
			items = note(items, true, "certificate", "Look at this machine's clock.",
				"The certificate for %s is not valid yet", d.names);
		else if (d.to - now < CERTIFICATES_ENDS_SOON && !acme_renews(w->node->acme, &d))
			items = note(items, false, "certificate",
				"Renew it; the server reads the files again by itself.",
				"The certificate for %s ends in %d hours", d.names,
				(int)((d.to - now) / 3600));
	}
	return items;
}

/* Names whose visitors are warned by their browsers; those that only wait to be renewed have time. */
static json_t *note_acme(json_t *items, const struct acme *acme)
{
	unsigned named = 0;
	if (!acme)
		return items;
	list_for_each (it, &acme->names) {
		const struct acme_name *n = list_entry(it, struct acme_name, link);
		if (acme_name_wanted(n) && !n->issued && *n->kept.why && named++ < NAMED_MAX)
			items = note(items, false, "certificate",
				"See docs/certificates.md; it is tried again by itself.",
				"%s has no certificate: %s", n->name, n->kept.why);
	}
	return items;
}

static json_t *note_limits(json_t *items, struct node *n)
{
	struct limit_row rows[LIMIT_ROWS];
	limit_rows(n->workers[0]->opts, rows);
	for (size_t i = 0; i < LIMIT_ROWS; i++) {
		struct limits_use use;
		char todo[160];
		limits_look(&n->limits, rows[i].kind, &use);
		if (!use.reached_at || clock_now() - use.reached_at > LIMIT_NEWS)
			continue;
		snprintf(todo, sizeof(todo),
			"Raise --%s where the load is meant, or look who makes it.",
			rows[i].option);
		items = note(items, false, "limit", todo,
			"--%s (%llu) was reached within the last hour; %llu times since the start",
			rows[i].option, (unsigned long long)rows[i].most,
			(unsigned long long)use.reached);
	}
	return items;
}

static json_t *note_endpoints(json_t *items, const struct catalog *c)
{
	unsigned named = 0, more = 0;
	for (size_t i = 0; i < c->private.n_endpoints; i++) {
		const struct endpoint *e = c->private.endpoints[i];
		if (e->gone || e->value.state != POLICY_PENDING)
			continue;
		if (named++ >= NAMED_MAX)
			more++;
		else
			items = note(items, false, "endpoint",
				"Approve or reject it: tunnel endpoint list --status=Pending.",
				"%s waits for approval to use the private service %s",
				e->consumer->name, e->service->name);
	}
	return more ? note(items, false, "endpoint",
			      "tunnel endpoint list --status=Pending lists them.",
			      "%u more endpoints wait for approval", more)
		    : items;
}

static void attention(struct api_request *rq)
{
	struct admin *a = admin_of(rq);
	const struct worker *w = a->node->workers[0];
	unsigned waiting = limits_count(&a->node->limits, LIMITS_WAITING);
	json_t *items = note_certificates(json_array(), w);
	items = note_acme(items, a->node->acme);
	if (!list_empty(&a->changes->unstored))
		items = note(items, true, "store",
			"Look at the log and at the disk of --state-dir; the server tries again.",
			"Changes are in force that could not be stored: a restart would undo them");
	if (waiting)
		items = note(items, false, "session",
			"Look at the client and its link: see its log.",
			"%u requests wait for a client that was lost", waiting);
	items = note_limits(items, a->node);
	items = note_endpoints(items, a->catalog);
	api_answer(rq, 200, items ? json_pack("{s:o}", "items", items) : NULL);
}

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/attention", API_OPERATOR, .run = attention},
	{API_GET, "/api/v1/limits", API_OPERATOR, .run = limits},
};
const struct api_operations admin_attention = {rows, ARRAY_LEN(rows)};
