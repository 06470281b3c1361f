/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Changes of what is stored that clients ask for by what they publish and use. Of one identity a few are in the queue
 * of changes at a time, and its others wait: whoever asks for a thousand things at once must not keep operators from
 * theirs. All on the main thread.
 */
#include "server/control/change.h"
#include "server/control/session.h"

/* A disk that is slow takes 25 ms for each, so operators wait for a tenth of a second for those of one identity. */
#define CLIENT_CHANGES_MAX 4

struct client_change {
	struct change change;
	struct list waiting;     /* identity::client_changes */
	struct session *session; /* NULL: nobody wants it any more */
	struct identity *identity;
	bool begun;
	char via[sizeof("link ") + SESSION_NAME_SIZE];
};

static inline struct client_change *client_change_of(struct change *c)
{
	return container_of(c, struct client_change, change);
}

/* `cc` is in zeroed memory. */
void client_change_init(struct client_change *cc, struct session *s, const struct change_ops *ops);
/* Its turn comes at once or later; may be over and freed when this returns. */
void client_change_submit(struct client_change *cc);
/* Nobody wants it any more: it is freed now, or when it is over. Its session is not looked at again. */
void client_change_forget(struct client_change *cc);
/* For change_ops::free(), first of all: the next one of its identity has its turn when this one is freed. */
void client_change_over(struct client_change *cc);
