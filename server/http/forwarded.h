/* SPDX-License-Identifier: MIT */
#pragma once
/* What proxies before us said in a request's head: who the visitor is, and how often it was here before. */
#include "wire/address.h"
#include "wire/cidr.h"
#include "wire/http1.h"

/* Addresses of X-Forwarded-For that are looked at: a longer chain of one's own proxies is a mistake. */
#define FORWARDED_HOPS_MAX 32

/*
 * The twins (X_Forwarded_For) are what a proxy that is trusted let through without seeing it: no proxy
 * writes them, and upstreams that read the environment cannot tell them from the real ones.
 */
static inline bool forwarded_is_twin(const struct http1_field *f)
{
	return memchr(f->name.p, '_', f->name.n) != NULL;
}

/*
 * What a trusted peer says in its last field of that name, because earlier ones may be a visitor's, and
 * not in a twin (X_Request_Id). Empty: nothing. Ask for trusted peers only.
 */
struct str forwarded_claim(const struct http1_head *h, enum http1_id id);

/*
 * How often the exit node of this pseudonym passed the request on already (RFC 8586); however the
 * proxies between put its values together.
 */
unsigned forwarded_passes(const struct http1_head *h, const char *pseudonym);

/*
 * Rule 36's one place: the right-most X-Forwarded-For that is no trusted proxy's if the peer is one,
 * else the peer. What is no address ends the search, and the last proxy before it counts. The port is
 * the peer's or 0. Returns whether the peer is trusted.
 */
bool forwarded_visitor(const struct http1_head *h, const struct address *peer,
	const struct cidr_list *trusted, struct address *visitor_out);
