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
	bool anywhere; /* private addresses, too */

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
struct acme_job *acme_job_check(struct acme *acme, const struct challenge *c);
struct acme_job *acme_job_keep_name(struct acme *acme, const struct acme_name *n);
/* Takes over the text. */
struct acme_job *acme_job_keep_certificate(struct acme *acme, const char *name, struct secret *pem);
struct acme_job *acme_job_keep_account(struct acme *acme, const char *url);
struct acme_job *acme_job_drop(struct acme *acme, const char *name);

/* `over` is called, or nothing when it was cancelled. */
void acme_job_submit(struct acme_job *j, struct acme_run *run, void (*over)(struct acme_job *j));
/* The same, where nobody waits for a file: what goes wrong is logged. Accepts NULL: memory was out. */
void acme_job_leave(struct acme_job *j);
