/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the rules of its route, and then those of the service's client, want of one exchange. It is made at dispatch by
 * one walk through the rules, and holds the files that it began with, so that a reload changes nothing for requests
 * under way.
 *
 * A request for which there are no rules has no plan, and nothing else of it is different.
 */
#include "loop/event.h"
#include "rules/front.h"
#include "server/http/head_edit.h"
#include "server/route/origin.h"

struct exchange;
struct password_check;

/* One change of a field; its value is the file's, or stands in plan::text. */
struct plan_change {
	const struct rule *rule; /* of a response: its `when` may ask for the status */
	const struct field_op *op;
	size_t at, n; /* in plan::text, unless the value is plain */
};

#define PLAN_CHANGES_FIRST 4 /* that need no memory of their own */

struct plan_changes {
	struct plan_change *more; /* those behind the first ones; owned */
	size_t n, room;
	struct plan_change first[PLAN_CHANGES_FIRST];
};

struct plan {
	struct exchange *ex;
	const struct front *front;  /* held: the operator's; NULL: the host has no route there */
	const struct front *client; /* held: the service's; NULL: there are none, or not yet */
	const struct front_route *route; /* of the one that is walked through; NULL: of none yet */
	void (*passed)(struct exchange *ex); /* when the rules let it through */
	size_t at;                           /* how far the walk is */
	const struct rule *decided;          /* that ended the request; NULL: none did */
	struct str to;                       /* where it goes; empty: the host that was asked for */
	const struct origin_group *group;    /* what holds for the origins there; NULL: nothing */
	struct plan_changes request, response;
	struct buf text;
	struct buf path;  /* that it is rewritten to, with its query; empty: it is not */
	struct buf asked; /* the target as it came, for the log, then */
	/*
	 * The request's, as the operator's rules made it (`settled`) if they changed it, for the client's; while it waits
	 * for a client that may have some it is `kept`.
	 */
	struct buf head;
	bool settled, kept;
	bool drops_authorization;
	bool drops_cookie; /* ours is taken out of Cookie: `cookies` are left */
	struct buf cookies;
	char cookie[ORIGIN_TAG_SIZE]; /* the origin that the visitor's cookie names; "": none */
	uint64_t body_max, body_read; /* bytes */
	bool body_exceeded;
	struct loop_timer time;       /* rule_limit::time; armed when the request goes upstream */
	uint64_t time_max;            /* µs; 0: any */
	struct password_check *check; /* under way; NULL: none is */
};

/* `front` may be NULL. NULL: memory is out. */
struct plan *plan_new(struct exchange *ex, const struct front *front,
	const struct front_route *route);
/* Accepts NULL; returns NULL. */
struct plan *plan_free(struct plan *p);

/* Bytes that it holds. Accepts NULL. */
size_t plan_memory(const struct plan *p);

/* Bytes of values that are made of a request for its own fields and its response's; more is 431. */
#define PLAN_TEXT_MAX TEMPLATE_TEXT_MAX

/*
 * Notes what a request or response rule changes, with values as the request has them now. 0, -ENOMEM, or
 * HTTP1_E_TOO_LARGE.
 */
int plan_add(struct plan *p, const struct rule *rule, struct facts *f);

/*
 * Makes the changes of a request's head: its fields and its target in place, and the lines that come in `e`.
 * Whether the head is another now but for those lines, or -ENOMEM.
 */
int plan_edit_request(const struct plan *p, struct http1_head *h, struct head_edit *e);
/*
 * Makes the changes so far, and parses what they make of the head, in plan::head: whoever reads it from here on sees
 * nothing else. 0, -ENOMEM, or an HTTP1_E_* where it is too large now.
 */
int plan_settle(struct plan *p, struct http1_head *h, struct head_edit *e);
/* The target as it came is kept for the log, where a rule has written another. 0 or -ENOMEM. */
int plan_keep_target(struct plan *p, const struct http1_head *h);
/* The head as it is, to be parsed again. 0 or -ENOMEM. */
int plan_keep_head(struct plan *p, const struct http1_head *h);
/* As plan_edit_request(), of a response's head; `cookie`: the value of a Set-Cookie, or empty. 0 or -ENOMEM. */
int plan_edit_response(const struct plan *p, struct http1_head *h, struct str cookie,
	struct head_edit *e);
