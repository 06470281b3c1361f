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

/* ---- Private services and endpoints ---- */

/* 0 or -ENOMEM. */
int catalog_private_init(struct catalog_private *p);
/* Accepts zeroed memory. */
void catalog_private_deinit(struct catalog_private *p);

/* A copy that can be put, which the caller owns. NULL: memory is out. */
struct private_service *private_service_stage(const struct policy_private_service *value);
struct endpoint *endpoint_stage(const struct policy_endpoint *value);

/* Room for so many more of each. 0 or -ENOMEM. */
int catalog_private_reserve(struct catalog_private *p, size_t more);
/* In the place of the one with its id, or beside the others, where room was reserved. Takes it over. */
void catalog_put_service(struct catalog_private *p, struct private_service *staged,
	struct identity *owner);
void catalog_put_endpoint(struct catalog_private *p, struct endpoint *staged,
	struct private_service *service, struct identity *consumer);

/* They are found by nobody from here on, and what belongs to them neither; in the arrays they are until tidied. */
void catalog_bury_service(struct catalog_private *p, struct private_service *s);
void catalog_bury_endpoint(struct catalog_private *p, struct endpoint *e);
void catalog_bury_private_of(struct catalog_private *p, struct identity *i);
/* Each change ends with it: what is gone leaves the arrays. */
void catalog_tidy(struct catalog_private *p);

void catalog_mark_service(struct catalog_private *p, struct private_service *s);
void catalog_mark_endpoint(struct catalog_private *p, struct endpoint *e);
/* Of those that have attachments, all that are between these; NULL: whoever it is. */
void catalog_mark_between(struct catalog_private *p, const struct identity *source,
	const struct private_service *destination);
/* Likewise those of an identity, and those at its private services. */
void catalog_mark_identity(struct catalog_private *p, const struct identity *i);
