/* SPDX-License-Identifier: MIT */
#include "server/acme/acme_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "crypto/random.h"
#include "server/acme/acme.h"
#include "server/acme/acme_job.h"
#include "server/acme/dns_hook.h"
#include "server/base/acme_options.h"
#include "server/base/worker.h"

#define RANDOM_TOKEN 24 /* bytes: nobody guesses it */

static void proceed(struct acme_run *run);
static void unpresent(struct acme_run *run);

/* The order has come to its end: told in a turn of its own, as its owner frees it. */
static void end_soon(struct acme_run *run)
{
	unpresent(run);
	loop_timer_set(&run->timer, loop_now(run->acme->node->workers[0]->loop));
}

static void fail(struct acme_run *run, const char *why)
{
	acme_order_fail(&run->order, "%s", why);
	end_soon(run);
}

static void submit(struct acme_run *run, struct acme_job *j, void (*over)(struct acme_job *j))
{
	if (j)
		acme_job_submit(j, run, over);
	else
		fail(run, "out of memory");
}

/* ---- The order ---- */

static void asked(struct acme_job *j)
{
	struct acme_run *run = j->run;
	const struct acme_answer a = acme_job_answer(j);
	if (j->result)
		acme_order_lost(&run->order, &j->err);
	else
		acme_order_answered(&run->order, &a, (int64_t)time(NULL));
	if (run->acme->account.url && !run->acme->account_kept) {
		acme_job_leave(acme_job_keep_account(run->acme, run->acme->account.url));
		run->acme->account_kept = true;
	}
	proceed(run);
}

static void ask(struct acme_run *run)
{
	struct acme_call call;
	if (acme_order_call(&run->order, &call))
		submit(run, acme_job_ask(run->acme, &call), asked);
	else
		end_soon(run);
}

static void waited(struct loop_timer *timer)
{
	struct acme_run *run = container_of(timer, struct acme_run, timer);
	if (run->order.step == ACME_DONE || run->order.step == ACME_FAILED)
		run->over(run);
	else
		ask(run);
}

/* ---- The proof ---- */

/* What was there for the CA goes, in whatever way it was there. */
static void unpresent(struct acme_run *run)
{
	present_remove(&run->acme->present, &run->entry);
	run->entry.challenge.tls = tls_server_unref(run->entry.challenge.tls);
	if (run->record)
		acme_job_leave(acme_job_record(run->acme, false, run->record, run->value));
	free(run->record);
	free(run->value);
	run->record = run->value = NULL;
}

static void presented(struct present_entry *e)
{
	struct acme_run *run = container_of(e, struct acme_run, entry);
	acme_order_presented(&run->order);
	proceed(run);
}

static void recorded(struct acme_job *j)
{
	struct acme_run *run = j->run;
	if (j->result)
		acme_order_fail(&run->order, "%s", j->err.text);
	else
		acme_order_presented(&run->order);
	proceed(run);
}

/* RFC 8555, 8.4 */
static void present_record(struct acme_run *run, const uint8_t digest[SHA256_SIZE])
{
	char name[DNS_HOOK_NAME_SIZE], value[BASE64URL_SIZE(SHA256_SIZE)];
	dns_hook_name(run->order.name, name);
	base64url_encode(digest, SHA256_SIZE, value, sizeof(value));
	run->record = strdup(name);
	run->value = strdup(value);
	submit(run,
		run->record && run->value ? acme_job_record(run->acme, true, name, value) : NULL,
		recorded);
}

/* RFC 8555, 8.3; RFC 8737, 3 */
static void present_here(struct acme_run *run, const char *authorization,
	const uint8_t digest[SHA256_SIZE])
{
	struct challenge *c = &run->entry.challenge;
	struct error err = {"out of memory"};
	*c = (struct challenge){0};
	snprintf(c->name, sizeof(c->name), "%s", run->order.name);
	if (run->order.proof == ACME_HTTP_01) {
		c->path = CHALLENGE_HTTP_PATH;
		snprintf(c->token, sizeof(c->token), "%s", run->order.token);
		snprintf(c->answer, sizeof(c->answer), "%s", authorization);
	} else {
		c->tls = tls_challenge_server(c->name, digest, &err);
	}
	run->entry.known = presented;
	if ((!c->path && !c->tls) || present_add(&run->acme->present, &run->entry) < 0)
		fail(run, err.text);
}

static void present(struct acme_run *run)
{
	char authorization[ACME_AUTHORIZATION_SIZE];
	uint8_t digest[SHA256_SIZE];
	acme_order_key_authorization(&run->order, authorization);
	sha256(authorization, strlen(authorization), digest);
	if (run->order.proof == ACME_DNS_01)
		present_record(run, digest);
	else
		present_here(run, authorization, digest);
}

/* ---- The certificate ---- */

static void kept(struct acme_job *j)
{
	struct acme_run *run = j->run;
	if (j->result)
		fail(run, j->err.text);
	else
		end_soon(run);
}

/* On the disk before it is served: else the next start would order it again. */
static void keep(struct acme_run *run)
{
	struct secret *pem = run->order.pem;
	run->order.pem = NULL;
	submit(run, acme_job_keep_certificate(run->acme, run->order.name, pem), kept);
}

static void proceed(struct acme_run *run)
{
	struct acme_order *o = &run->order;
	struct loop *loop = run->acme->node->workers[0]->loop;
	if (o->step == ACME_PRESENT)
		present(run);
	else if (o->step == ACME_DONE)
		keep(run);
	else if (o->step == ACME_FAILED)
		end_soon(run);
	else if (o->wait)
		loop_timer_set(&run->timer, loop_now(loop) + o->wait * CLOCK_S);
	else
		ask(run);
}

/* ---- Before it ---- */

static void noted(struct acme_job *j)
{
	if (j->result)
		fail(j->run, j->err.text);
	else
		proceed(j->run);
}

/* It counts from here on, whatever becomes of this process. */
static void place(struct acme_run *run)
{
	run->checked = true;
	acme_kept_order(&run->name->kept, (int64_t)time(NULL));
	run->name->stored = true;
	log_info("a certificate for %s is ordered by %s from %s", run->order.name,
		acme_proof_name(run->order.proof), run->acme->account.directory_url);
	submit(run, acme_job_keep_name(run->acme, run->name), noted);
}

static void checked(struct acme_job *j)
{
	struct acme_run *run = j->run;
	present_remove(&run->acme->present, &run->entry);
	run->order.proof = j->proved;
	if (j->result)
		fail(run, j->err.text);
	else
		place(run);
}

static void check(struct present_entry *e)
{
	struct acme_run *run = container_of(e, struct acme_run, entry);
	submit(run, acme_job_check(run->acme, &e->challenge), checked);
}

static void random_text(char out[CHALLENGE_TEXT_SIZE])
{
	uint8_t bytes[RANDOM_TOKEN];
	random_bytes(bytes, sizeof(bytes));
	base64url_encode(bytes, sizeof(bytes), out, CHALLENGE_TEXT_SIZE);
}

struct acme_run *acme_run_new(struct acme *acme, struct acme_name *name,
	void (*over)(struct acme_run *run))
{
	struct acme_run *run = calloc(1, sizeof(*run));
	if (!run)
		return NULL;
	run->acme = acme;
	run->name = name;
	run->over = over;
	list_init(&run->entry.link);
	loop_timer_init(&run->timer, acme->node->workers[0]->loop, waited);
	bool by_dns = *name->name == '*' || acme->opts->acme_challenge == ACME_CHALLENGE_DNS;
	acme_order_init(&run->order, &acme->account, name->name,
		by_dns ? ACME_DNS_01 : ACME_HTTP_01);
	if (name->issued && *name->facts.renewal_id)
		run->order.replaces = strdup(name->facts.renewal_id);
	if (by_dns) {
		/* Where a name leads is not what its record in DNS is about. */
		place(run);
		return run;
	}
	struct challenge *c = &run->entry.challenge;
	c->path = CHALLENGE_CHECK_PATH;
	snprintf(c->name, sizeof(c->name), "%s", name->name);
	random_text(c->token);
	random_text(c->answer);
	run->entry.known = check;
	if (present_add(&acme->present, &run->entry) < 0)
		fail(run, "out of memory");
	return run;
}

struct acme_run *acme_run_free(struct acme_run *run)
{
	if (!run)
		return NULL;
	unpresent(run);
	if (run->job)
		offload_cancel(&run->job->job);
	loop_timer_cancel(&run->timer);
	acme_order_deinit(&run->order);
	free(run);
	return NULL;
}
