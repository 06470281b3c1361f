/* SPDX-License-Identifier: MIT */
#pragma once
/* What the files of the catalog share. */
#include "server/store/catalog.h"

struct identity *identity_new(void);
/* Takes the value over. The text of its name stays where it is, as any thread reads it. */
void identity_set(struct identity *i, struct policy_identity *value);
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

/* It is of that identity from here on. */
void catalog_move_credential(struct catalog *c, struct credential *k, struct identity *i);

/* NULL: there is none. 0 is nobody's. */
struct identity *catalog_find_id(const struct catalog *c, uint64_t id);
/* Its value has an id for the first time. Where room was reserved. */
void catalog_add_id(struct catalog *c, struct identity *i);

/* They stay as tombstones: nobody finds them, and nothing of theirs is good. */
void catalog_bury_identity(struct catalog *c, struct identity *i);
void catalog_bury_credential(struct catalog *c, struct credential *k);

/* Its rights, or what is good of it, may be others now. */
void catalog_changed(struct catalog *c, struct identity *i);
