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
#include "server/acme/acme_binding.h"
#include "server/acme/acme_job.h"
#include "server/acme/acme_names.h"
#include "server/acme/acme_run.h"
#include "server/acme/acme_window.h"
#include "server/base/broadcast.h"
#include "server/base/acme_options.h"
#include "server/base/worker.h"

#define LOOK_MAX (3600 * CLOCK_S) /* between two looks at all names, whatever their times say */
#define HOUR     3600
#define FORGET \
	(30 * 86400L) /* seconds after its end that a certificate nobody has the name of is kept */

static int64_t now_of(void)
{
	return (int64_t)time(NULL);
}

static uint32_t random_u32(void)
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

void acme_claimed(struct acme *a, const char *name, const char *identity)
{
	if (!a || !acme_name_eligible(a, name))
		return;
	struct acme_name *n = acme_name_find(a, str_from(name));
	if (!n)
		n = acme_name_new(a, name);
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
	struct acme_name *n =
		a && acme_name_eligible(a, name) ? acme_name_find(a, str_from(name)) : NULL;
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
	n->kept.next = acme_renewal_at(&n->facts.dates, random_u32());
	n->kept.window_look = 0;
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
	n->kept.next =
		acme_retry_at(now_of(), ++n->kept.failures, o->retry_after, most, random_u32());
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

/* False: not now, and it has a time for the next look. */
static bool name_may_start(struct acme *a, struct acme_name *n, int64_t now)
{
	const struct acme_limits limits = {a->opts->acme_names_per_hour,
		a->opts->acme_names_per_identity};
	char why[ACME_WHY_SIZE], then[TLS_MOMENT_SIZE];
	if (acme_name_covered(a, n, now)) {
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

/* ---- When the CA wants it renewed ---- */

static void window_answered(struct acme *a, struct acme_name *n, const struct acme_job *j)
{
	const struct acme_answer answer = acme_job_answer(j);
	int64_t now = now_of(), before = n->kept.next;
	char then[TLS_MOMENT_SIZE];
	n->kept.window_look = now + ACME_WINDOW_LOOK;
	if (j->result == 0 &&
		acme_window_read(&answer, now, random_u32(), &n->kept.next, &n->kept.window_look) &&
		n->kept.next <= now && before > now)
		log_info("the certificate for %s is renewed now and not on %s, as the CA suggests",
			n->name, tls_moment(before, then));
	acme_job_leave(acme_job_keep_name(a, n));
}

static void window_over(struct acme_job *j)
{
	struct acme *a = j->acme;
	struct acme_name *n = acme_name_find(a, str_from(j->name));
	a->window = NULL;
	if (!acme_directory_known(&a->account.directory)) {
		/* It is asked for by orders as well, whichever is first. */
		const struct acme_answer answer = acme_job_answer(j);
		struct acme_directory d;
		json_t *json = j->result ? NULL : acme_answer_json(&answer);
		if (acme_directory_read(&d, json))
			a->account.directory = d;
		else
			acme_directory_deinit(&d);
		json_decref(json);
		if (n && !acme_directory_known(&a->account.directory))
			n->kept.window_look = now_of() + ACME_WINDOW_LOOK;
	} else if (n && n->issued && !n->run) {
		window_answered(a, n, j);
	}
	look_soon(a);
}

static bool has_window(const struct acme *a, const struct acme_name *n)
{
	const struct tls_dates *d = &n->facts.dates;
	bool known = acme_directory_known(&a->account.directory);
	return acme_name_wanted(n) && n->issued && !n->run && !n->kept.failures &&
	       *n->facts.renewal_id && d->to - d->from > ACME_WINDOW_LASTS &&
	       (!known || a->account.directory.renewal_info);
}

/* One question at a time, behind which it looks again. */
static void ask_window(struct acme *a, int64_t now)
{
	const struct acme_directory *d = &a->account.directory;
	char rest[TLS_RENEWAL_ID_SIZE + 1];
	list_for_each (it, &a->names) {
		const struct acme_name *n = list_entry(it, struct acme_name, link);
		if (a->window || !has_window(a, n) || n->kept.window_look > now)
			continue;
		snprintf(rest, sizeof(rest), "/%s", n->facts.renewal_id);
		a->window = acme_directory_known(d)
				    ? acme_job_get(a, n->name, d->renewal_info, rest)
				    : acme_job_get(a, n->name, a->account.directory_url, "");
		if (a->window)
			acme_job_submit(a->window, NULL, window_over);
	}
}

/* ---- All of them ---- */

static void look(struct loop_task *task)
{
	struct acme *a = container_of(task, struct acme, look);
	struct acme_name *n;
	int64_t now = now_of();
	forget_past(a, now);
	while (a->n_runs < runs_max(a) && (n = next_due(a, now)))
		if (name_may_start(a, n, now))
			name_start(a, n, now);
	ask_window(a, now);
	int64_t next = next_time(a);
	uint64_t wait = next <= now ? LOOK_MAX : MIN((uint64_t)(next - now) * CLOCK_S, LOOK_MAX);
	/* What is due waits for one that is under way, which looks again when it is over. */
	loop_timer_set(&a->timer, loop_now(a->node->workers[0]->loop) + wait);
}

static void timer_fired(struct loop_timer *timer)
{
	look_soon(container_of(timer, struct acme, timer));
}

/* ---- Its life ---- */

static void found(const struct acme_file *file, void *arg)
{
	struct acme *a = arg;
	struct acme_name *n = acme_name_new(a, file->name);
	if (!n)
		return;
	n->kept = file->kept;
	n->issued = file->issued;
	n->facts = file->facts;
	n->stored = true;
	/* What it was to be renewed at may be lost, and what was to be tried again may be issued. */
	int64_t renewal = n->issued ? acme_renewal_at(&n->facts.dates, random_u32()) : 0;
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
		struct acme_name *it = acme_name_find(a, (struct str){name, n});
		it = it ? it : acme_name_new(a, name);
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
	const struct tls_client_config any = {.insecure = true};
	a->account.directory_url = acme_server_url(o->acme_server);
	a->account.email = o->acme;
	a->account.profile = o->acme_profile;
	a->tls = tls_client_new(&config, err);
	a->tls_any = a->tls ? tls_client_new(&any, err) : NULL;
	if (!a->tls_any) {
		error_prefix(err, o->acme_ca ? "--acme-ca" : "--acme");
		return -EINVAL;
	}
	int r = o->acme_eab ? acme_binding_read(o->acme_eab, &a->binding, err) : 0;
	if (r)
		error_prefix(err, "--acme-eab");
	else if (o->acme_eab)
		a->account.binding = &a->binding;
	r = r ? r : acme_files_open(&a->files, state_dir, a->account.directory_url, err);
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
	if (read_state(a, state_dir, err) == 0)
		return a;
	acme_stop(a);
	return acme_free(a);
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
	if (a->window)
		offload_cancel(&a->window->job);
	a->window = NULL;
	while (!list_empty(&a->names))
		name_free(a, list_entry(a->names.next, struct acme_name, link));
	a->network = offload_free(a->network);
	a->disk = offload_free(a->disk);
}

struct acme *acme_free(struct acme *a)
{
	if (!a)
		return NULL;
	table_deinit(&a->table);
	acme_account_deinit(&a->account);
	tls_client_unref(a->tls);
	tls_client_unref(a->tls_any);
	acme_binding_deinit(&a->binding);
	acme_files_close(&a->files);
	free(a);
	return NULL;
}
