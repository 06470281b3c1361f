/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The private services that this client wants to use, in the order in which they were said.
 *
 *	--service redis.k7m2q9x4p3ta.exit.example.org=6379	at 127.0.0.1:6379
 *	--service redis=unix:/run/redis.sock			by its name alone, for who is named to it
 *	--stdio ssh-box						over standard input and output
 */
#include "client/config/local_service.h"
#include "config/option.h"

/* A session's attachments at the exit node (SESSION_ENDPOINTS_MAX): more would be refused. */
#define LOCAL_SERVICES_MAX 1024

struct local_services {
	struct local_service *v;
	size_t n;
};

#define LOCAL_SERVICES_NULL ((struct local_services){0})

/*
 * Adds what one --service, or --stdio, with its options says. `named`: a port alone is one of an address that no
 * other service has (--hosts-file). -EINVAL with a sentence for what is no alias or no place, a place that is there
 * twice, --stdio beside anything else, or too many; -ENOMEM. What came before stays.
 */
int local_services_add(struct local_services *s, const struct local_options *o, bool named,
	struct error *err);

/* Whether it is --stdio's one, which listens nowhere. */
bool local_services_stdio(const struct local_services *s);

void local_services_deinit(struct local_services *s);
