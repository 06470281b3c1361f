/* SPDX-License-Identifier: MIT */
#pragma once
/* Where a request goes. */
#include "server/http/exchange.h"
#include "server/route/balance.h"

/*
 * A request's head has come, and exchange_begin() has taken it. The head's views last as long as the call; rules
 * change it.
 */
void dispatch_request(struct exchange *ex, struct http1_head *h);

/* The request is let through by what judges requests: it is counted at its service, and sent. */
void dispatch_begin(struct exchange *ex);

/*
 * Gives the request to a service of its route, or lets it wait for one, or refuses it. `exclude` (or NULL)
 * has just failed.
 */
void dispatch_send(struct exchange *ex, const struct service_shard *exclude);

/* What to ask route_find() for it. */
struct route_query dispatch_query(const struct exchange *ex, const struct service_shard *exclude);

/* For exchange::waiter: a session has come, or none came in time. */
void dispatch_waited(struct waiter *waiter);
void dispatch_wait_expired(struct waiter *waiter);
