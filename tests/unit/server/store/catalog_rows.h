/* SPDX-License-Identifier: MIT */
#pragma once
/* Rows for a catalog, and a catalog that is given them. */
#include "server/store/catalog.h"
#include "store/store.h"

/* `max_endpoints` and the like are those of a new one. */
struct store_row identity_row(uint64_t id, const char *name);
/* Of a key that `n` chooses, which never expires. */
struct store_row credential_row(uint64_t n, uint64_t identity);
struct store_row service_row(uint64_t id, const char *name, uint64_t owner);
/* Pending; its link id is its id. */
struct store_row endpoint_row(uint64_t id, uint64_t service, uint64_t consumer, const char *name);

struct store_row copy_of_service(const struct private_service *s);
struct store_row copy_of_endpoint(const struct endpoint *e);
void set_text(char **text, const char *to);

/* Puts it in force, and frees it. */
void apply_row(struct catalog *c, struct store_row row);
void apply_gone(struct catalog *c, enum store_kind kind, uint64_t id);

/* The identity of that id, which is there. */
struct identity *catalog_row(struct catalog *c, uint64_t id);
