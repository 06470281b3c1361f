/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A token and the key that Argon2id makes of it, on a helper thread: 20 ms and 19 MiB. The token is there until
 * it was shown, and nowhere afterwards.
 */
#include "crypto/token.h"
#include "loop/offload.h"
#include "server/admin/admin.h"

/* At a time: each takes a core for 20 ms. */
#define DERIVATION_THREADS 2

/* Embedded in a heap object; zeroed memory. */
struct derivation {
	struct offload_job job;
	uint8_t salt[TOKEN_SALT_SIZE];
	struct secret *token; /* owned */
	bool made;            /* the token is ours, and to be shown */
	struct token_key *key;
	int result; /* 0 or -errno */
	/* On the main thread. If job.cancelled is set it does nothing but free. */
	void (*derived)(struct derivation *d);
};

/*
 * Takes `given`, or makes a token when it is NULL. derived() comes later. 0; -EINVAL with a sentence: it is too
 * short to be safe; -ENOMEM.
 */
int derivation_start(struct derivation *d, struct admin *a, const char *given,
	void (*derived)(struct derivation *d), struct error *err);

/* Wipes what is there. Not while it is under way: offload_cancel() its job, and wait for derived(). */
void derivation_deinit(struct derivation *d);
