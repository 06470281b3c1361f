/* SPDX-License-Identifier: MIT */
#include "server/acme/acme.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "crypto/random.h"
#include "loop/offload.h"
#include "server/acme/acme_job.h"
#include "server/acme/acme_run.h"
#include "server/base/broadcast.h"
#include "server/base/worker.h"
#include "wire/address.h"

#define LOOK_MAX (3600 * CLOCK_S) /* between two looks at all names, whatever their times say */
#define HOUR     3600
#define FORGET \
	(30 * 86400L)  /* seconds after its end that a certificate nobody has the name of is kept */
#define NAME_CHARS 230 /* of a name whose files' names are short enough */

static int64_t now_of(void)
{
	return (int64_t)time(NULL);
}

static uint32_t dice(void)
{
	uint32_t n;
	random_bytes(&n, sizeof(n));
	return n;
}

static void look_soon(struct acme *a)
{
	loop_defer(a->node->workers[0]->loop, LOOP_PHASE_WRITE, &a->look);
}

/* ---- Names ---- */

static uint64_t hash_of(const struct acme *a, struct str name)
{
	return keyed_hash(&a->hash_key, name.p, name.n);
}

static struct acme_name *name_find(const struct acme *a, struct str name)
{
	table_for_each (it, &a->table, hash_of(a, name)) {
		struct acme_name *n = table_entry(it, struct acme_name, node);
		if (str_eq(str_from(n->name), name))
			return n;
	}
	return NULL;
}

static struct acme_name *name_new(struct acme *a, const char *text)
{
	struct acme_name *n = calloc(1, sizeof(*n));
	struct str name = str_from(text);
	if (!n || table_add(&a->table, &n->node, hash_of(a, name)) < 0) {
		free(n);
		return NULL;
	}
	snprintf(n->name, sizeof(n->name), "%s", text);
	list_init(&n->link);
	list_append(&a->names, &n->link);
	return n;
}

static void name_free(struct acme *a, struct acme_name *n)
{
	if (n->run) {
		acme_run_free(n->run);
		a->n_runs--;
	}
	table_remove(&a->table, &n->node);
	list_unlink(&n->link);
	free(n);
}

/* Nobody has it, and nothing of it counts any more. */
static bool name_is_past(const struct acme_name *n, int64_t now)
{
	if (acme_name_wanted(n) || n->run)
		return false;
	if (n->issued)
		return n->facts.dates.to + FORGET < now;
	return !n->stored || n->kept.first + HOUR < now;
}

static void forget_past(struct acme *a, int64_t now)
{
	bool changed = false;
	list_for_each_safe (it, &a->names) {
		struct acme_name *n = list_entry(it, struct acme_name, link);
		if (!name_is_past(n, now))
			continue;
		if (n->stored)
			acme_job_leave(acme_job_drop(a, n->name));
		changed |= n->issued;
		name_free(a, n);
	}
	if (changed)
		a->ops->changed(a->arg);
}

/* Whether a CA could give a certificate for it, and the operator wants one. */
static bool is_eligible(const struct acme *a, const char *name)
{
	const struct option_list *wanted = &a->opts->acme_names;
	struct address literal;
	struct str text = str_from(name);
	if (!text.n || text.n > NAME_CHARS || !memchr(text.p, '.', text.n) || *name == '*' ||
		address_parse_ip(text, &literal))
		return false;
	bool is_wanted = !wanted->n;
	for (size_t i = 0; i < wanted->n && !is_wanted; i++)
		is_wanted = strcmp(wanted->v[i], name) == 0 ||
			    hostname_covers(str_from(wanted->v[i]), text);
	return is_wanted;
}

void acme_claimed(struct acme *a, const char *name, const char *identity)
{
	if (!a || !is_eligible(a, name))
		return;
	struct acme_name *n = name_find(a, str_from(name));
	if (!n)
		n = name_new(a, name);
	if (!n) {
		log_error("no certificate is ordered for %s: out of memory", name);
		return;
	}
	if (!*n->kept.identity)
		snprintf(n->kept.identity, sizeof(n->kept.identity), "%s", identity);
	n->claims++;
	look_soon(a);
}

void acme_released(struct acme *a, const char *name)
{
	struct acme_name *n = a && is_eligible(a, name) ? name_find(a, str_from(name)) : NULL;
	if (n && n->claims)
		n->claims--;
	/* What was never tried is not kept in mind. */
	if (n && !n->stored && !n->issued && !acme_name_wanted(n) && !n->run)
		name_free(a, n);
}

/* ---- What came of it ---- */

static void name_issued(struct acme *a, struct acme_name *n, const struct acme_order *o)
{
	char to[TLS_MOMENT_SIZE], renewal[TLS_MOMENT_SIZE];
	n->issued = true;
	n->facts = o->facts;
	n->kept.failures = 0;
	n->kept.why[0] = 0;
	n->kept.next = acme_renewal_at(&n->facts.dates, dice());
	a->issued++;
	log_info("the certificate for %s is issued, until %s; it is renewed from %s on", n->name,
		tls_moment(n->facts.dates.to, to), tls_moment(n->kept.next, renewal));
	a->ops->changed(a->arg);
}

/* Its visitors are warned by their browsers until it has one. */
static void name_tell(struct acme *a, const struct acme_name *n, const char *why)
{
	char sentence[ACME_WHY_SIZE + HOSTNAME_SIZE + 64];
	snprintf(sentence, sizeof(sentence), "the exit node has no certificate for %s yet: %s",
		n->name, why);
	a->ops->tell(a->arg, n->name, sentence);
}

static void name_failed(struct acme *a, struct acme_name *n, const struct acme_run *run)
{
	const struct acme_order *o = &run->order;
	int64_t most = run->checked ? ACME_RETRY_DAY : ACME_RETRY_CHECK_MAX;
	bool news = strcmp(n->kept.why, o->why.text) != 0;
	char then[TLS_MOMENT_SIZE];
	a->failed += run->checked;
	n->kept.next = acme_retry_at(now_of(), ++n->kept.failures, o->retry_after, most, dice());
	snprintf(n->kept.why, sizeof(n->kept.why), "%s", o->why.text);
	tls_moment(n->kept.next, then);
	if (news && !n->issued)
		name_tell(a, n, o->why.text);
	if (!run->checked && !news)
		log_debug("no certificate is ordered for %s: %s; the next look is on %s", n->name,
			o->why.text, then);
	else if (!run->checked)
		log_warn("no certificate is ordered for %s: %s; the next look is on %s", n->name,
			o->why.text, then);
	else
		log_warn("the certificate for %s was not issued: %s; the next try is on %s",
			n->name, o->why.text, then);
}

static void run_over(struct acme_run *run)
{
	struct acme *a = run->acme;
	struct acme_name *n = run->name;
	if (run->order.step == ACME_DONE)
		name_issued(a, n, &run->order);
	else
		name_failed(a, n, run);
	n->stored = true;
	acme_job_leave(acme_job_keep_name(a, n));
	n->run = acme_run_free(run);
	a->n_runs--;
	look_soon(a);
}

/* ---- One after the other ---- */

/* The operator's own certificates go first. */
static bool is_covered(const struct acme *a, const struct acme_name *n)
{
	const struct tls_server *tls = a->node->workers[0]->tls;
	return !n->own && tls && tls_server_covers(tls, str_from(n->name));
}

/* False: not now, and it has a time for the next look. */
static bool name_may_start(struct acme *a, struct acme_name *n, int64_t now)
{
	const struct acme_limits limits = {a->opts->acme_names_per_hour,
		a->opts->acme_names_per_identity};
	char why[ACME_WHY_SIZE], then[TLS_MOMENT_SIZE];
	if (is_covered(a, n)) {
		n->kept.next = now + HOUR;
		return false;
	}
	int64_t wait = acme_limits_wait(&a->names, n, &limits, now, why);
	if (!wait)
		return true;
	n->kept.next = wait;
	if (strcmp(n->kept.why, why) != 0)
		log_warn("the certificate for %s waits: %s; the next look is on %s", n->name, why,
			tls_moment(wait, then));
	if (strcmp(n->kept.why, why) != 0 && !n->issued)
		name_tell(a, n, why);
	snprintf(n->kept.why, sizeof(n->kept.why), "%s", why);
	return false;
}

static void name_start(struct acme *a, struct acme_name *n, int64_t now)
{
	if (!n->kept.first)
		n->kept.first = now;
	n->run = acme_run_new(a, n, run_over);
	if (n->run)
		a->n_runs++;
	else
		n->kept.next = now + ACME_RETRY_MIN;
}

/* The one that waits longest; NULL: none is due. */
static struct acme_name *next_due(struct acme *a, int64_t now)
{
	struct acme_name *first = NULL;
	list_for_each (it, &a->names) {
		struct acme_name *n = list_entry(it, struct acme_name, link);
		if (!n->run && acme_name_wanted(n) && n->kept.next <= now &&
			(!first || n->kept.next < first->kept.next))
			first = n;
	}
	return first;
}

static int64_t next_time(const struct acme *a)
{
	int64_t next = INT64_MAX;
	list_for_each (it, &a->names) {
		const struct acme_name *n = list_entry(it, struct acme_name, link);
		if (!n->run && acme_name_wanted(n))
			next = MIN(next, n->kept.next);
	}
	return next;
}

/* Until the account is known to the CA, one order at a time: the first makes it. */
static unsigned runs_max(const struct acme *a)
{
	return a->account.url && acme_directory_known(&a->account.directory) ? ACME_RUNS_MAX : 1;
}

static void look(struct loop_task *task)
{
	struct acme *a = container_of(task, struct acme, look);
	struct acme_name *n;
	int64_t now = now_of();
	forget_past(a, now);
	while (a->n_runs < runs_max(a) && (n = next_due(a, now)))
		if (name_may_start(a, n, now))
			name_start(a, n, now);
	int64_t next = next_time(a);
	uint64_t wait = next <= now ? LOOK_MAX : MIN((uint64_t)(next - now) * CLOCK_S, LOOK_MAX);
	/* What is due waits for one that is under way, which looks again when it is over. */
	loop_timer_set(&a->timer, loop_now(a->node->workers[0]->loop) + wait);
}

static void timer_fired(struct loop_timer *timer)
{
	look_soon(container_of(timer, struct acme, timer));
}

/* ---- Files of certificates ---- */

static int add_path(const struct acme *a, const struct acme_name *n, struct acme_paths *out)
{
	out->v[out->n] = acme_files_certificate_path(&a->files, n->name);
	if (!out->v[out->n])
		return -ENOMEM;
	out->n++;
	out->n_own += n->own;
	return 0;
}

int acme_paths(const struct acme *a, struct acme_paths *out)
{
	*out = (struct acme_paths){.v = calloc(a->table.n + 1, sizeof(char *))};
	int r = out->v ? 0 : -ENOMEM;
	for (int own = 1; own >= 0 && r == 0; own--)
		list_for_each (it, &a->names) {
			const struct acme_name *n = list_entry(it, struct acme_name, link);
			if (n->issued && n->own == own && r == 0)
				r = add_path(a, n, out);
		}
	return r;
}

void acme_paths_free(struct acme_paths *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i]);
	free(p->v);
	*p = (struct acme_paths){0};
}

/* ---- Its life ---- */

static void found(const struct acme_file *file, void *arg)
{
	struct acme *a = arg;
	struct acme_name *n = name_new(a, file->name);
	if (!n)
		return;
	n->kept = file->kept;
	n->issued = file->issued;
	n->facts = file->facts;
	n->stored = true;
	/* What it was to be renewed at may be lost, and what was to be tried again may be issued. */
	int64_t renewal = n->issued ? acme_renewal_at(&n->facts.dates, dice()) : 0;
	if (n->issued && (!n->kept.next || n->kept.next < n->facts.dates.from) && !n->kept.failures)
		n->kept.next = renewal;
	if (!n->issued && !n->kept.failures)
		n->kept.next = 0;
}

static int add_own(struct acme *a, struct error *err)
{
	const struct option_list *own = &a->opts->acme_domain;
	for (size_t i = 0; i < own->n; i++) {
		char name[HOSTNAME_SIZE];
		size_t n;
		int r = hostname_claim(str_from(own->v[i]), name, &n, err);
		if (r < 0)
			return r;
		struct acme_name *it = name_find(a, (struct str){name, n});
		it = it ? it : name_new(a, name);
		if (!it)
			return error_set(err, -ENOMEM, "out of memory");
		it->own = true;
	}
	return 0;
}

static int read_state(struct acme *a, const char *state_dir, struct error *err)
{
	const struct server_options *o = a->opts;
	const struct tls_client_config config = {.ca = o->acme_ca};
	a->account.directory_url = o->acme_server;
	a->account.email = o->acme;
	a->tls = tls_client_new(&config, err);
	if (!a->tls) {
		error_prefix(err, o->acme_ca ? "--acme-ca" : "--acme");
		return -EINVAL;
	}
	int r = acme_files_open(&a->files, state_dir, o->acme_server, err);
	r = r ? r : acme_files_account(&a->files, &a->account.key, &a->account.url, err);
	if (r)
		return -EINVAL;
	a->account_kept = a->account.url;
	jws_thumbprint(a->account.key, a->account.thumbprint);
	acme_files_each(&a->files, found, a);
	return add_own(a, err);
}

struct acme *acme_new(struct node *n, const struct server_options *o, const char *state_dir,
	struct error *err)
{
	struct acme *a = calloc(1, sizeof(*a));
	if (!a) {
		error_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	a->node = n;
	a->opts = o;
	a->files = ACME_FILES_NULL;
	list_init(&a->names);
	hash_key_init(&a->hash_key);
	present_init(&a->present, n);
	loop_timer_init(&a->timer, n->workers[0]->loop, timer_fired);
	loop_task_init(&a->look, look);
	return read_state(a, state_dir, err) < 0 ? acme_free(a) : a;
}

void acme_start(struct acme *a, const struct acme_ops *ops, void *arg)
{
	a->ops = ops;
	a->arg = arg;
	a->network = offload_new(ACME_RUNS_MAX);
	a->disk = offload_new(1);
	if (a->network && a->disk)
		look_soon(a);
	else
		log_error("no certificates are ordered: out of memory");
}

void acme_stop(struct acme *a)
{
	if (!a)
		return;
	loop_timer_cancel(&a->timer);
	loop_task_cancel(&a->look);
	while (!list_empty(&a->names))
		name_free(a, list_entry(a->names.next, struct acme_name, link));
	a->network = offload_free(a->network);
	a->disk = offload_free(a->disk);
}

struct acme *acme_free(struct acme *a)
{
	if (!a)
		return NULL;
	acme_stop(a);
	table_deinit(&a->table);
	acme_account_deinit(&a->account);
	tls_client_unref(a->tls);
	acme_files_close(&a->files);
	free(a);
	return NULL;
}
