/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The admin API of the client: an API (api/api.h) whose tables look at the session, and at what is published and
 * used. On the client's loop, which is its only one.
 */
#include "api/api.h"
#include "base/macros.h"
#include "client/admin/requests.h"
#include "client/session/client_session.h"

/* What the handlers look at, which outlives it. */
struct client_admin {
	struct api api;
	const struct client_options *const *options; /* those that were read last */
	const struct client_session *session;
	struct requests_api requests; /* set by whoever has an inspector */
	uint64_t started;             /* µs, as clock_now() counts them */
	struct traffic traffic;       /* of all publications, as somebody saw it last */
};

/* All that it is given outlives it; `tables` is client_api. */
void client_admin_init(struct client_admin *a, const struct api_operations *const *tables,
	struct loop *loop, const struct client_options *const *options,
	const struct client_session *session);

/* What is under way is answered: busy. Accepts zeroed memory. */
void client_admin_close(struct client_admin *a);

static inline const struct client_admin *client_admin_of(const struct api_request *rq)
{
	return container_of(rq->api, struct client_admin, api);
}

/* Adds what was counted of it so far; that of requests is not counted by publication. */
void publication_traffic(const struct publication *pub, uint64_t counts[TRAFFIC_KINDS]);

static inline const struct requests_api *requests_of(const struct api_request *rq)
{
	return &client_admin_of(rq)->requests;
}
