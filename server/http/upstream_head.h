/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The head of a request as the upstream gets it. It is written once, when the request comes, and then made
 * one for the service that gets it, or for another if that failed: nothing of it was sent then.
 */
#include "server/http/error_page.h"
#include "server/http/forward.h"
#include "server/http/rewrite.h"
#include "server/route/service.h"

struct exchange;

/* Writes it into exchange::request, before a service is chosen. 0 or -ENOMEM. */
int upstream_head_write(struct exchange *ex, const struct http1_head *h, const struct forward *f);
/* Whole lines that stand last in it, before a service is chosen. 0 or -ENOMEM. */
int upstream_head_add(struct exchange *ex, struct str lines);

/*
 * Whether the request would leave the path of a service that has one: its target has a dot segment (rule
 * 41), or its Destination has one, or names another place. Also when memory is out: what cannot be checked
 * is not passed on. `*why_out` is set then.
 */
bool upstream_head_leaves(struct exchange *ex, const struct service *service,
	enum error_page_cause *why_out);

/*
 * Makes the head one for this service, whichever it was for before: the service's path stands before the
 * request's, Host is the service's `rewrite`, or the visitor's own where that is NULL (rule 41), and other
 * fields name the place as the upstream does (rule 47). `rewrite` was found to be a host, perhaps with a
 * port, when the service was published. 0, HTTP1_E_TOO_LARGE, or -ENOMEM, when the exchange is good for
 * nothing but its log.
 */
int upstream_head_set_service(struct exchange *ex, const struct service *service);

/*
 * Fills in how visitor and upstream name the place, where the response's fields are rewritten for the
 * visitor; NULL: they are not.
 */
const struct rewrite *upstream_head_rewrite(const struct exchange *ex,
	const struct service *service, struct rewrite *out);
