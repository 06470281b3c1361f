/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What queued bytes and granted credit may cost, in bytes (docs/protocol.md, rule 21).
 *
 * A budget is shared by the links of one worker; each link has an account in it, as have the visitors'
 * connections together, and the accounts of one session have a share together. A share that is full
 * grants no credit beyond base windows.
 * When what is held overruns the whole budget, base windows having been overcommitted on purpose, the
 * session that holds most has to free memory. Promises alone never make a session free anything.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

/* Bytes. */
struct budget_sum {
	size_t held;     /* queued: memory that is there */
	size_t promised; /* what grown windows may add to it */
};

struct budget {
	size_t limit;
	size_t peak; /* the most that was held at a time */
	struct budget_sum sum;
	struct list accounts;
};

/* What the links of one session have together on one worker. */
struct budget_share {
	struct budget_sum sum;
};

struct budget_account {
	struct list link; /* budget::accounts */
	struct budget *budget;
	struct budget_share *share; /* NULL: the account is alone */
	struct budget_sum sum;
	uint64_t
		moved; /* bytes that owners took so far: of two equal accounts the busier one stays */
	/* Over the limit and holding most: free what is held. Called inside budget_charge(). */
	void (*relieve)(struct budget_account *account);
};

void budget_init(struct budget *b, size_t limit);

void budget_account_init(struct budget_account *a, struct budget *b,
	void (*relieve)(struct budget_account *));
void budget_account_deinit(struct budget_account *a); /* all must have been given back */

/* From here on counted with the others of `share` (NULL: none), which outlives the account. */
void budget_account_join(struct budget_account *a, struct budget_share *share);

/*
 * Whether `n` more bytes of credit may be granted, or of datagrams be held, against which no promise
 * counts; one share takes at most half of the budget.
 */
bool budget_fits(const struct budget_account *a, size_t n);
bool budget_holds(const struct budget_account *a, size_t n);

/* Counts what is held already. May call relieve() of any account of the budget. */
void budget_charge(struct budget_account *a, size_t n);
void budget_release(struct budget_account *a, size_t n);

/* The two halves of budget_charge(), for a caller that cannot free anything at that moment. */
void budget_hold(struct budget_account *a, size_t n);
void budget_settle(struct budget *b);

/* Changes a promise from `was` to `now`. */
void budget_promise(struct budget_account *a, size_t was, size_t now);
