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
#include "server/base/worker.h"

#define RANDOM_TOKEN 24 /* bytes: nobody guesses it */

static void proceed(struct acme_run *run);

/* The order has come to its end: told in a turn of its own, as its owner frees it. */
static void end_soon(struct acme_run *run)
{
	present_remove(&run->acme->present, &run->entry);
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

static struct str text_of(const char *text)
{
	return text ? str_from(text) : STR_NULL;
}

static void asked(struct acme_job *j)
{
	struct acme_run *run = j->run;
	const struct acme_answer a = {
		.status = j->status,
		.nonce = text_of(j->nonce),
		.location = text_of(j->location),
		.retry_after = text_of(j->retry_after),
		.body = {j->answer.data ? (const char *)buf_head(&j->answer) : "",
			buf_len(&j->answer)},
	};
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

static void presented(struct present_entry *e)
{
	struct acme_run *run = container_of(e, struct acme_run, entry);
	acme_order_presented(&run->order);
	proceed(run);
}

static void present(struct acme_run *run)
{
	struct challenge *c = &run->entry.challenge;
	*c = (struct challenge){.path = CHALLENGE_HTTP_PATH};
	snprintf(c->name, sizeof(c->name), "%s", run->order.name);
	snprintf(c->token, sizeof(c->token), "%s", run->order.token);
	acme_order_key_authorization(&run->order, c->answer);
	run->entry.known = presented;
	if (present_add(&run->acme->present, &run->entry) < 0)
		fail(run, "out of memory");
}

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
	acme_order_init(&run->order, &acme->account, name->name, ACME_HTTP_01);
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
	present_remove(&run->acme->present, &run->entry);
	if (run->job)
		offload_cancel(&run->job->job);
	loop_timer_cancel(&run->timer);
	acme_order_deinit(&run->order);
	free(run);
	return NULL;
}
