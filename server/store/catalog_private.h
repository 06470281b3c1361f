/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Private services and the endpoints at them, on the main thread. Part of the catalog, whose rows bring them; what
 * lives (sessions that publish one, attachments that use one) is the rooms' above, which own the heads of lists
 * here.
 *
 * Addresses are stable. An object whose row is gone is found by nobody, says `gone`, and is freed when the last
 * that holds it lets go: consumers make and delete endpoints as they like, so none may stay for ever.
 *
 * Of a private service the name and the owner never change, of an endpoint the private service, the consumer and
 * the name.
 *
 * An identity that is deleted takes its private services along, the endpoints at those, and its own endpoints. A
 * private service that is marked deleted stays until its last endpoint is gone, and then goes by itself: the store
 * does the same (store_commit()), so no row has to say so.
 */
#include "base/list.h"
#include "base/table.h"
#include "crypto/keyed_hash.h"
#include "policy/endpoint.h"

struct catalog;
struct identity;
struct store_row;

struct private_service {
	struct policy_private_service value;
	const char *name; /* that of `value`; it never changes */
	struct identity *owner;
	struct list of_owner;  /* identity::private_services */
	struct list endpoints; /* endpoint::of_service, in the order of their ids */
	unsigned n_endpoints;
	unsigned n_of_state[POLICY_DISCONNECTED + 1]; /* of those, by enum policy_endpoint_state */
	bool gone;

	/* Of the rooms above */
	struct list services; /* of sessions that publish it now */
	unsigned n_services;

	/* The catalog's alone */
	unsigned holds;
	struct list changed; /* catalog_private::changed_services */
	struct table_node by_name;
};

struct endpoint {
	struct policy_endpoint value;
	struct private_service *service; /* held: it outlives this */
	struct identity *consumer;
	struct list of_service, of_consumer; /* identity::endpoints */
	bool gone;
	bool use_is_news; /* value.last_used_at is not what the store has (server/store/last_use.c) */

	/* Of the rooms above */
	struct list attachments; /* of sessions that use it now; each holds it */
	bool pending_told;       /* that it waits for an approval */

	/* The catalog's alone */
	unsigned holds;
	struct list changed; /* catalog_private::changed_endpoints */
	struct table_node by_consumer;
};

struct catalog_private {
	/* Both in the order of ids, which count up; those that are deleted but there too, those that are gone not. */
	struct private_service **services;
	struct endpoint **endpoints;
	size_t n_services, n_endpoints;
	size_t services_room, endpoints_room;
	/* Of those that are there, or were since the start: the next row has one more. */
	uint64_t max_service_id, max_endpoint_id;
	/* The link id that the next endpoint gets. Above UINT32_MAX: they have run out. */
	uint64_t next_link;

	struct table by_name;     /* private_service::by_name */
	struct table by_consumer; /* endpoint::by_consumer: by service, consumer and name */
	struct hash_key hash_key; /* clients choose the names */
	uint64_t decided[POLICY_DISCONNECTED + 1]; /* how often an endpoint came to that state */
	bool untidy;                               /* there are some in the arrays that are gone */
	struct list changed_services, changed_endpoints;
};

/* ---- Look-ups ---- */

/*
 * On the books by that name, as policy_name_check() makes it, deleted or not: who publishes it, or manages it,
 * asks this. NULL: the name is free.
 */
struct private_service *catalog_find_service(const struct catalog *c, struct str name);

/*
 * What a consumer means: the name, or the name and its tag. NULL: there is none, or it is deleted; whether this
 * identity may know of it is policy_visible()'s to say, `by_alias` being whether there is a tag.
 */
struct private_service *catalog_find_alias(const struct catalog *c,
	const struct policy_alias *alias);

/* A consumer's endpoint of that name at a private service. NULL: there is none. */
struct endpoint *catalog_find_endpoint(const struct catalog *c, const struct private_service *s,
	const struct identity *consumer, struct str name);

/* Outcome of catalog_find_endpoint_id(): more than one begins so. */
#define CATALOG_AMBIGUOUS 1
/* By what people write. 0; -ENOENT: there is none; CATALOG_AMBIGUOUS. */
int catalog_find_endpoint_id(const struct catalog *c, const struct policy_endpoint_id *id,
	struct endpoint **out);

/* By the id of the row. NULL: there is none. */
struct private_service *catalog_find_service_row(const struct catalog *c, uint64_t id);
struct endpoint *catalog_find_endpoint_row(const struct catalog *c, uint64_t id);

/* For pages: the place, in catalog_private::services or ::endpoints, of the first whose id is `id` or more. */
size_t catalog_service_position(const struct catalog *c, uint64_t id);
size_t catalog_endpoint_position(const struct catalog *c, uint64_t id);

/* Whether an identity may have one more: POLICY_SERVICES_MAX; its own number, or POLICY_ENDPOINTS_MAX. */
bool catalog_may_add_service(const struct identity *owner);
bool catalog_may_add_endpoint(const struct identity *consumer);

/* ---- What lives ---- */

/* While somebody refers to it, it is not freed. */
void private_service_hold(struct private_service *s);
void private_service_release(struct private_service *s); /* accepts NULL */
void endpoint_hold(struct endpoint *e);
void endpoint_release(struct endpoint *e); /* accepts NULL */

/* It was asked for, or a stream was opened: the store hears of it now and then (last_use.h). */
void endpoint_used(struct endpoint *e, uint64_t now);

/* ---- What a change may mean ---- */

/*
 * The next endpoint whose right to be used may be another, or of which something else changed that its consumer is
 * told; NULL: no more. In the list are
 *	each whose row was applied, or is gone while somebody holds it: also without attachments, as it may be
 *	news for its provider,
 *	and, of those that have attachments, all
 *		of a private service whose row was applied, or that is gone;
 *		of an identity that changed (catalog_changed(): its rights, or what is good of it), and at its services;
 *		between whom an intention stood that was put or removed, "*" being all.
 * Whoever takes it from the list folds anew what hangs at it. With `gone` set it is there as long as those hold it
 * who did before. Each is in the list once, so taking all is at most one visit of each endpoint.
 */
struct endpoint *catalog_next_changed_endpoint(struct catalog *c);

/* The next private service whose row was applied, or is gone while somebody holds it. NULL: no more. */
struct private_service *catalog_next_changed_service(struct catalog *c);

/* All that have attachments: what decides where no intention does has changed. */
void catalog_change_endpoints(struct catalog *c);
