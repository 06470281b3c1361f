/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One name on its way to a certificate: the self-check, the order (acme_order.h), the proof, the file. Helper threads ask
 * and write; all else is on the main thread.
 */
#include "loop/offload.h"
#include "server/acme/acme_order.h"
#include "server/acme/present.h"

struct acme;
struct acme_name;
struct acme_job;

struct acme_run {
	struct acme *acme;
	struct acme_name *name;
	struct acme_order order;
	struct present_entry entry; /* of the check, then of the challenge */
	char *record, *value;       /* that are in DNS, or on their way there; NULL: none are */
	struct loop_timer timer;
	struct acme_job *job; /* under way; NULL: none is */
	bool checked;         /* the name leads here; where it failed before, no CA was asked */
	/* The order is in its last step, DONE or FAILED. Frees this */
	void (*over)(struct acme_run *run);
};

/* Begins. over() is called once, never from within. NULL: memory is out. */
struct acme_run *acme_run_new(struct acme *acme, struct acme_name *name,
	void (*over)(struct acme_run *run));
/* Ends it wherever it is. Accepts NULL; returns NULL. */
struct acme_run *acme_run_free(struct acme_run *run);
