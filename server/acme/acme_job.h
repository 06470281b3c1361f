/* SPDX-License-Identifier: MIT */
#pragma once
/* What helper threads do for an order. A job owns everything that it works on. */
#include "loop/offload.h"
#include "server/acme/acme_files.h"
#include "server/acme/acme_order.h"
#include "server/acme/self_check.h"

struct acme;
struct acme_name;
struct acme_run;
struct tls_client;

struct acme_job {
	struct offload_job job;
	struct acme *acme;
	struct acme_run *run; /* whose it is; NULL: nobody waits */
	/* On the main thread, unless it was cancelled */
	void (*over)(struct acme_job *j);

	/* A request */
	char *method, *url, *body;
	struct tls_client *tls; /* held */
	unsigned status;
	char *nonce, *location, *retry_after;
	struct buf answer;

	/* A check */
	struct challenge challenge;
	bool anywhere;          /* private addresses, too */
	bool by_http, by_tls;   /* how it is asked: the first that leads here */
	enum acme_proof proved; /* by which it does */

	/* A record in DNS */
	const char *hook; /* borrowed of the options */
	bool adds;
	char *record, *value;

	/* A file */
	char name[HOSTNAME_SIZE];
	struct acme_kept kept;
	struct secret *pem;
	char *account_url;

	int result; /* 0 or -errno, with `err` */
	struct error err;
};

/* A request to the CA. NULL: memory is out. Takes over the call's body in either case. */
struct acme_job *acme_job_ask(struct acme *acme, struct acme_call *call);
/* A GET, about this name: `url` and what is put behind it. */
struct acme_job *acme_job_get(struct acme *acme, const char *name, const char *url,
	const char *rest);
/* The answer of a request, as the order's machine has it; views into the job. */
struct acme_answer acme_job_answer(const struct acme_job *j);
struct acme_job *acme_job_check(struct acme *acme, const struct challenge *c);
struct acme_job *acme_job_record(struct acme *acme, bool add, const char *record,
	const char *value);
struct acme_job *acme_job_keep_name(struct acme *acme, const struct acme_name *n);
/* Takes over the text. */
struct acme_job *acme_job_keep_certificate(struct acme *acme, const char *name, struct secret *pem);
struct acme_job *acme_job_keep_account(struct acme *acme, const char *url);
struct acme_job *acme_job_drop(struct acme *acme, const char *name);

/* `over` is called, or nothing when it was cancelled. */
void acme_job_submit(struct acme_job *j, struct acme_run *run, void (*over)(struct acme_job *j));
/* The same, where nobody waits for a file: what goes wrong is logged. Accepts NULL: memory was out. */
void acme_job_leave(struct acme_job *j);
