/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A request that changes something: what is common to all of them, between the table of requests and the queue of
 * changes (server/control/change.h). Whoever asked may have lost the right to by the time that its turn comes.
 */
#include "server/admin/admin.h"
#include "server/control/change.h"

struct admin_change {
	struct change change;
	struct admin *admin;
	struct api_request *request; /* NULL: it was answered, or the process ends */
	struct api_actor actor;      /* the request's */
};

/*
 * A struct change_ops. Whoever asked as an operator has to be one still; what else somebody may by what is his own
 * is check()'s to judge.
 */
#define ADMIN_CHANGE_OPS(check_, answer_, free_)                             \
	{                                                                    \
		.may = admin_change_may, .check = check_, .answer = answer_, \
		.refuse = admin_change_refuse, .free = free_                 \
	}
/* The two that are the same for all. */
bool admin_change_may(struct change *c);
void admin_change_refuse(struct change *c, enum change_refusal why, const char *sentence);

/*
 * A request that will become a change: `ac` is in zeroed memory. False: there are too many, and it was refused;
 * `ac` was freed by `ops`.
 */
bool admin_change_begin(struct admin_change *ac, struct api_request *rq,
	const struct change_ops *ops);
/* It waits for its turn from now on. */
void admin_change_submit(struct admin_change *ac);
/* The process ends meanwhile: the request is answered by others. For api_request::drop, before it was submitted. */
void admin_change_abandon(struct admin_change *ac);

/* change_note() with a JSON value, which it takes. */
bool admin_change_note(struct change *c, const char *action, const char *subject, json_t *detail);

static inline struct admin_change *admin_change_of(struct change *c)
{
	return container_of(c, struct admin_change, change);
}

static inline struct api_request *request_of(struct change *c)
{
	return admin_change_of(c)->request;
}

static inline struct catalog *catalog_of(struct change *c)
{
	return c->queue->catalog;
}
