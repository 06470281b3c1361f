/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Brings what is answered for names under way to every worker: a table of a few entries, made anew with each change
 * (server/base/challenges.h). On the main thread.
 */
#include "base/list.h"
#include "server/base/challenges.h"

struct node;

struct present {
	struct node *node;
	struct list entries; /* of struct present_entry */
	uint64_t added;      /* entries, since the start */
};

/* Embedded in its owner. */
struct present_entry {
	struct list link;
	uint64_t number;            /* of all that were added */
	struct challenge challenge; /* its TLS is the owner's to let go */
	/* Every worker answers it. Not called where it was taken back before. NULL: nobody waits */
	void (*known)(struct present_entry *e);
};

void present_init(struct present *p, struct node *n);

/* `e->challenge` and `e->known` are set. 0, or -ENOMEM when nothing happens. */
int present_add(struct present *p, struct present_entry *e);
/* Accepts one that is in no table. Workers may answer it for a moment more. */
void present_remove(struct present *p, struct present_entry *e);
