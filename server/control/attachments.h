/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a session uses: its attachments to private services, as the registrar has them. Each comes to every worker by
 * a broadcast, and only then its client is told; so does each change, and its going. All on the main thread.
 */
#include "server/control/fold.h"
#include "server/control/session.h"
#include "server/private/attachment.h"

struct session_attachment {
	struct attachment base;
	struct registrar *registrar;
	struct list of_session;    /* session::attachments */
	struct list of_endpoint;   /* endpoint::attachments */
	struct endpoint *endpoint; /* held */
	bool usable;               /* as it was sent to the workers last */
	enum attachment_bar first; /* what they were sent first; it never changes */
	bool kept_live;            /* not usable, but what was open then may go on (--keep-live), */
	uint64_t
		kept_under; /* as of that intention: policy_intention::updated_at; 0: the default's */
	bool there;         /* every worker knows it */
	bool stale;         /* of a session that was resumed, and not asked for again yet */
	struct list news;   /* registrar::news: its client is to be told, */
	uint64_t news_behind;          /* when that change is everywhere: enforcement::number */
	struct attachment_sweep sweep; /* its coming, later its going */
};

void attachments_init(struct session *s);
/* NULL: the session has none of that number. */
struct session_attachment *attachments_find(const struct session *s, uint32_t number);

/* The session uses that endpoint from here on, by a number that is free; its client is told. 0 or -ENOMEM. */
int attachments_add(struct session *s, uint32_t number, struct endpoint *e);
/* It does not any more: what is open at it ends. */
void attachments_remove(struct session_attachment *a);
void attachments_remove_all(struct session *s);
/* At the process's end, when no worker runs any more. */
void attachments_discard_all(struct session *s);

/* The session was resumed: what its client does not ask for again within SESSION_STALE_TIME is removed. */
void attachments_expect_again(struct session *s);

/* How it stands now, over the session's first link. */
void attachments_tell(const struct session_attachment *a);

/* ---- For a change (server/control/enforce.c) ---- */

struct attachment_flag {
	struct session_attachment *attachment;
	enum attachment_bar bar;
	bool keep_live;
};

/*
 * What a change means for this one: true, and `flag_out` is to be brought to every worker by the change's
 * broadcast. Its client is told of how it stands when that is everywhere.
 */
bool attachments_fold(struct session_attachment *a, bool keep_live, uint64_t number,
	struct attachment_flag *flag_out);
/* Whether something goes on at any attachment that an intention denies. */
bool attachments_any_kept(const struct registrar *r);
/*
 * Memory is out for a flag: it is removed, which ends what is open, before this change is said to be everywhere; and its
 * session's links are closed. The session may go on, and the flag that its workers have would be an old one.
 */
void attachments_bar(struct session_attachment *a);
/* All changes up to this one are everywhere. */
void attachments_tell_news(struct registrar *r, uint64_t number);
