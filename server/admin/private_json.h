/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Private services and endpoints as the API has them: the shape that the Azure CLI prints for a private link service
 * and for private endpoint connections, which scripts filter on. Identities stand where Azure has subscriptions and
 * resource groups. All of these are NULL when memory is out.
 */
#include <jansson.h>

#include "base/buf.h"
#include "server/admin/admin.h"
#include "server/store/catalog.h"

/* Bytes of the path that is an endpoint's id, with a NUL. */
#define ENDPOINT_PATH_SIZE                                                    \
	(sizeof "/services//privateEndpointConnections/" + POLICY_NAME_SIZE + \
		POLICY_ENDPOINT_ID_SIZE)

/* `own`: also what its owner alone sees, such as who may ask for it. */
json_t *service_json(const struct admin *a, const struct private_service *s, bool own);

/* Whether its key is of any use: its private service is end to end, and its consumer has one. */
bool endpoint_shows_key(const struct endpoint *e);
json_t *endpoint_json(const struct admin *a, const struct endpoint *e);
/* The same as text, behind what is there. 0 or -ENOMEM. */
int endpoint_write(const struct admin *a, const struct endpoint *e, struct buf *to);

/* The members that a table of endpoints shows, which are a third of it: for those that list thousands. */
int endpoint_write_basic(const struct endpoint *e, struct buf *to);

/* "/services/super-api/privateEndpointConnections/web.7f3a9c2e41d05b68" */
char *endpoint_path(const struct endpoint *e, char to[ENDPOINT_PATH_SIZE]);

/* "super-api/web.7f3a9c2e41d05b68": what the audit calls it. */
#define ENDPOINT_SUBJECT_SIZE (POLICY_NAME_SIZE + POLICY_ENDPOINT_ID_SIZE)
char *endpoint_subject(const struct endpoint *e, char to[ENDPOINT_SUBJECT_SIZE]);

/* What the audit has of a private service: what people say of it. */
json_t *service_value_json(const struct policy_private_service *s);

/* A list of names, which has commas between them, as an array. */
json_t *names_json(const char *list);

/* "x25519/…", or null. */
json_t *endpoint_key_json(const uint8_t key[POLICY_KEY_SIZE]);
