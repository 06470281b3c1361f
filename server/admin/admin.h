/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The admin API of the exit node: an API (api/api.h) whose tables ask the catalog and the registrar, and queue
 * changes. On the main thread.
 */
#include "api/operation.h"
#include "server/admin/authority.h"
#include "server/admin/overview.h"
#include "server/admin/seen_requests.h"

struct catalog;
struct changes;
struct node;
struct offload;
struct registrar;
struct store_access;

/* What it works with, which outlives it. */
struct admin_config {
	const struct api_operations *const *tables; /* the last is NULL; admin_api has all */
	struct loop *loop;                          /* of the thread that it is on */
	struct catalog *catalog;
	struct store_access *store;
	struct node *node; /* NULL, and no registrar: a command that has the store to itself */
	struct registrar *registrar;
};

struct admin {
	struct api api;
	struct catalog *catalog;
	struct store_access *store;
	struct node *node;
	struct registrar *registrar;
	struct changes *changes;  /* owned */
	struct offload *deriving; /* owned; NULL until the first token */
	struct authority authority;
	struct overview overview;
	struct seen_requests seen;
	unsigned drains; /* requests that wait for a session to be drained */
};

/* 0 or -ENOMEM. */
int admin_init(struct admin *a, const struct admin_config *config);
/*
 * What is under way is answered: busy. The transports are still there, and no job of the store is under way.
 * Accepts zeroed memory.
 */
void admin_close(struct admin *a);
/* When nothing is delivered any more to the loops. Accepts zeroed memory. */
void admin_deinit(struct admin *a);

static inline struct admin *admin_of(const struct api_request *rq)
{
	return container_of(rq->api, struct admin, api);
}
