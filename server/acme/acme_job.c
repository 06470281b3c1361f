/* SPDX-License-Identifier: MIT */
#include "server/acme/acme_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/fetch.h"
#include "server/acme/dns_hook.h"
#include "server/acme/acme.h"
#include "server/acme/acme_run.h"
#include "server/base/acme_options.h"
#include "server/base/worker.h"

/* For one request, whatever the CA does meanwhile. */
#define ASK_TIMEOUT (30 * CLOCK_S)

static void job_free(struct acme_job *j)
{
	free(j->method);
	free(j->url);
	free(j->body);
	free(j->nonce);
	free(j->location);
	free(j->retry_after);
	free(j->account_url);
	free(j->record);
	free(j->value);
	buf_deinit(&j->answer);
	tls_client_unref(j->tls);
	secret_free(j->pem);
	free(j);
}

static void job_done(struct offload_job *job)
{
	struct acme_job *j = container_of(job, struct acme_job, job);
	if (!job->cancelled) {
		if (j->run)
			j->run->job = NULL;
		j->over(j);
	}
	job_free(j);
}

static struct acme_job *job_new(struct acme *acme, void (*run)(struct offload_job *job))
{
	struct acme_job *j = calloc(1, sizeof(*j));
	if (!j)
		return NULL;
	j->acme = acme;
	j->job.run = run;
	j->job.done = job_done;
	return j;
}

/* ---- A request ---- */

static char *copied(struct str text)
{
	return text.n ? strndup(text.p, text.n) : NULL;
}

static void ask(struct offload_job *job)
{
	struct acme_job *j = container_of(job, struct acme_job, job);
	struct fetch_target target;
	struct fetch_answer answer;
	struct str path;
	j->result = fetch_url_parse(str_from(j->url), &target, &path, &j->err);
	if (j->result)
		return;
	const struct fetch_request rq = {.target = &target,
		.tls = j->tls,
		.method = j->method,
		.path = path,
		.type = "application/jose+json",
		.body = j->body,
		.n = j->body ? strlen(j->body) : 0,
		.max = ACME_ANSWER_MAX,
		.deadline = clock_now() + ASK_TIMEOUT};
	j->result = fetch(&rq, &answer, &j->err);
	if (j->result == 0) {
		j->status = answer.status;
		j->nonce = copied(fetch_field(&answer, "Replay-Nonce"));
		j->location = copied(fetch_field(&answer, "Location"));
		j->retry_after = copied(fetch_field(&answer, "Retry-After"));
		j->answer = answer.body;
		answer.body = BUF_NULL;
	} else {
		error_prefix(&j->err, "%s", target.authority);
	}
	fetch_answer_deinit(&answer);
}

struct acme_job *acme_job_ask(struct acme *acme, struct acme_call *call)
{
	struct acme_job *j = job_new(acme, ask);
	if (!j) {
		free(call->body);
		return NULL;
	}
	j->body = call->body;
	j->method = strdup(call->method);
	j->url = strdup(call->url);
	j->tls = tls_client_ref(acme->tls);
	if (j->method && j->url)
		return j;
	job_free(j);
	return NULL;
}

struct acme_job *acme_job_get(struct acme *acme, const char *name, const char *url,
	const char *rest)
{
	char *whole;
	if (asprintf(&whole, "%s%s", url, rest) < 0)
		return NULL;
	struct acme_call call = {.method = "GET", .url = whole};
	struct acme_job *j = acme_job_ask(acme, &call);
	free(whole);
	if (j)
		snprintf(j->name, sizeof(j->name), "%s", name);
	return j;
}

static struct str text_of(const char *text)
{
	return text ? str_from(text) : STR_NULL;
}

struct acme_answer acme_job_answer(const struct acme_job *j)
{
	return (struct acme_answer){
		.status = j->status,
		.nonce = text_of(j->nonce),
		.location = text_of(j->location),
		.retry_after = text_of(j->retry_after),
		.body = {j->answer.data ? (const char *)buf_head(&j->answer) : "",
			buf_len(&j->answer)},
	};
}

/* ---- A check ---- */

static void check(struct offload_job *job)
{
	struct acme_job *j = container_of(job, struct acme_job, job);
	struct error later;
	j->result = -EINVAL;
	if (j->by_http)
		j->result = self_check(&j->challenge, NULL, j->anywhere, &j->err);
	j->proved = j->result == 0 ? ACME_HTTP_01 : ACME_TLS_ALPN_01;
	/* Of two reasons the first is said, as port 80 is what most people forget. */
	if (j->result && j->by_tls)
		j->result = self_check(&j->challenge, j->tls, j->anywhere,
			j->by_http ? &later : &j->err);
}

struct acme_job *acme_job_check(struct acme *acme, const struct challenge *c)
{
	struct acme_job *j = job_new(acme, check);
	if (!j)
		return NULL;
	int how = acme->opts->acme_challenge;
	j->challenge = *c;
	j->by_http = how == ACME_CHALLENGE_AUTO || how == ACME_CHALLENGE_HTTP;
	j->by_tls = how == ACME_CHALLENGE_AUTO || how == ACME_CHALLENGE_TLS;
	j->tls = tls_client_ref(acme->tls_any);
	/* A CA of one's own is asked for names of one's own network. */
	j->anywhere = acme->opts->acme_ca;
	return j;
}

/* ---- A record ---- */

static void record(struct offload_job *job)
{
	struct acme_job *j = container_of(job, struct acme_job, job);
	j->result = dns_hook_run(j->hook, j->adds, j->record, j->value, &j->err);
}

struct acme_job *acme_job_record(struct acme *acme, bool add, const char *name, const char *value)
{
	struct acme_job *j = job_new(acme, record);
	if (!j)
		return NULL;
	j->hook = acme->opts->acme_dns_hook;
	j->adds = add;
	j->record = strdup(name);
	j->value = strdup(value);
	if (j->record && j->value)
		return j;
	job_free(j);
	return NULL;
}

/* ---- A file ---- */

static void keep_name(struct offload_job *job)
{
	struct acme_job *j = container_of(job, struct acme_job, job);
	j->result = acme_files_keep_name(&j->acme->files, j->name, &j->kept, &j->err);
}

static void keep_certificate(struct offload_job *job)
{
	struct acme_job *j = container_of(job, struct acme_job, job);
	j->result = acme_files_keep_certificate(&j->acme->files, j->name,
		(const char *)j->pem->bytes, strlen((const char *)j->pem->bytes), &j->err);
}

static void keep_account(struct offload_job *job)
{
	struct acme_job *j = container_of(job, struct acme_job, job);
	j->result = acme_files_keep_account(&j->acme->files, j->account_url, &j->err);
}

static void drop(struct offload_job *job)
{
	struct acme_job *j = container_of(job, struct acme_job, job);
	acme_files_drop(&j->acme->files, j->name);
}

static struct acme_job *file_job(struct acme *acme, const char *name,
	void (*run)(struct offload_job *job))
{
	struct acme_job *j = job_new(acme, run);
	if (j)
		snprintf(j->name, sizeof(j->name), "%s", name);
	return j;
}

struct acme_job *acme_job_keep_name(struct acme *acme, const struct acme_name *n)
{
	struct acme_job *j = file_job(acme, n->name, keep_name);
	if (j)
		j->kept = n->kept;
	return j;
}

struct acme_job *acme_job_keep_certificate(struct acme *acme, const char *name, struct secret *pem)
{
	struct acme_job *j = file_job(acme, name, keep_certificate);
	if (j)
		j->pem = pem;
	else
		secret_free(pem);
	return j;
}

struct acme_job *acme_job_keep_account(struct acme *acme, const char *url)
{
	struct acme_job *j = job_new(acme, keep_account);
	if (j && !(j->account_url = strdup(url))) {
		job_free(j);
		return NULL;
	}
	return j;
}

struct acme_job *acme_job_drop(struct acme *acme, const char *name)
{
	return file_job(acme, name, drop);
}

/* ---- Both ---- */

void acme_job_submit(struct acme_job *j, struct acme_run *run, void (*over)(struct acme_job *j))
{
	struct acme *acme = j->acme;
	bool network = j->url || *j->challenge.name || j->record;
	j->run = run;
	j->over = over;
	if (run)
		run->job = j;
	/* Files are written in the order in which they were changed. */
	offload_submit(network ? acme->network : acme->disk, acme->node->workers[0]->loop, &j->job);
}

static void left(struct acme_job *j)
{
	if (j->result && j->record)
		log_warn("a record of a challenge stays in DNS: %s", j->err.text);
	else if (j->result)
		log_error("the state of certificates is not kept, and is lost with a restart: %s",
			j->err.text);
}

void acme_job_leave(struct acme_job *j)
{
	if (j)
		acme_job_submit(j, NULL, left);
	else
		log_error("the state of certificates is not kept, and is lost with a restart: out "
			  "of memory");
}
