/* SPDX-License-Identifier: MIT */
#pragma once
/* What the files of the catalog share. */
#include "server/store/catalog.h"

struct identity *identity_new(const char *name);
struct identity *identity_free(struct identity *i);
struct credential *credential_new(void);
struct credential *credential_free(struct credential *k);

/* Room for so many more in catalog::identities. 0 or -ENOMEM. */
int catalog_reserve(struct catalog *c, size_t more);
/* Behind the others, where room was reserved; */
void catalog_append(struct catalog *c, struct identity *i);
/* the first `sorted` were in order, and all are now. */
void catalog_sort(struct catalog *c, size_t sorted);

/* Its value has the key id, which nobody else has. */
void catalog_add_credential(struct catalog *c, struct credential *k, struct identity *i);

/* Sets credential::good. True: it has changed. */
bool credential_look(struct credential *k, uint64_t now);
