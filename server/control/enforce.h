/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a change of the catalog means for all that lives: links and sessions whose token is not good any more
 * end, what is published without a grant is withdrawn, streams to private services that may not pass any more are
 * cut, and every worker gets a keyring of what is good now. So does what time changes: a timer looks when the next
 * token or identity expires. All on the main thread.
 */
#include "server/control/attachments.h"
#include "server/control/registrar.h"

#define ENFORCE_EVERY (60 * CLOCK_S) /* where something expires at all: people set clocks */
#define ENFORCE_AGAIN CLOCK_S        /* after memory was out for a keyring */

struct enforce_result {
	unsigned sessions; /* that ended */
	unsigned streams;  /* requests and connections that were under way in them */
	unsigned services; /* withdrawn from sessions that go on */
	unsigned cut;      /* streams to private services */
};

/* One change's way; whoever asks embeds it. */
struct enforcement {
	struct attachment_sweep sweep;
	struct registrar *registrar;
	uint64_t number;               /* counts up */
	struct attachment_flag *flags; /* owned */
	size_t n_flags, flags_room;
	bool keep_live;                /* streams that an intention denies go on */
	const struct keyring *keyring; /* for each worker; NULL: as it was */
	bool rights;                   /* of somebody have changed: links follow their rates */
	struct keyring *before;        /* owned: freed when no worker has it any more */
	struct enforce_result result;
	void (*done)(struct enforcement *e);
	bool own; /* nobody's who waits: it is freed here */
};

/* Before the workers run: their first keyring. 0 or -ENOMEM. */
int enforce_init(struct registrar *r);
/* When no worker runs any more. */
void enforce_deinit(struct registrar *r);

/*
 * After catalog_apply(). What takes a right away acts before this returns, as far as new claims go: done() is
 * called, never from within, when no worker takes the token any more and what it had is cut. `done` NULL: nobody
 * waits. If the process ends meanwhile, it is not called.
 */
void enforce_changes(struct registrar *r, struct enforcement *e, bool keep_live,
	void (*done)(struct enforcement *e));

/* --front was read again: services with rules that it does not let clients have are withdrawn. */
void enforce_client_rules(struct registrar *r);

/* What holds where no intention decides is another now (--default-intention): all that lives is judged anew. */
void enforce_default_intention(struct registrar *r);
