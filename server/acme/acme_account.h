/* SPDX-License-Identifier: MIT */
#pragma once
/* Who orders, and where: an account at one CA, and the CA's directory (RFC 8555, 7.1.1 and 7.1.2). */
#include <stdbool.h>

#include <jansson.h>

#include "server/acme/jws.h"

/* URLs; all owned, NULL where the CA has none. */
struct acme_directory {
	char *new_nonce, *new_account, *new_order;
	char *renewal_info; /* RFC 9773 */
};

struct acme_account {
	struct p256 *key; /* owned */
	char thumbprint[JWS_THUMBPRINT_SIZE];
	char *url; /* by which the CA knows it; owned; NULL: it is not registered yet */
	struct acme_directory directory;
	/* Borrowed */
	const char *directory_url;
	const char *email;
	const char *profile;               /* of certificates; NULL: the CA's choice */
	const struct jws_binding *binding; /* NULL: none */
};

static inline bool acme_directory_known(const struct acme_directory *d)
{
	return d->new_order;
}

/* Of the CA's answer. False: it is no directory. acme_directory_deinit() it in either case. */
bool acme_directory_read(struct acme_directory *d, const json_t *json);
void acme_directory_deinit(struct acme_directory *d);
void acme_account_deinit(struct acme_account *a);
