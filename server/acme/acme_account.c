/* SPDX-License-Identifier: MIT */
#include "server/acme/acme_account.h"

#include <stdlib.h>

#include "server/acme/acme_answer.h"

bool acme_directory_read(struct acme_directory *d, const json_t *json)
{
	*d = (struct acme_directory){
		.new_nonce = acme_url_of(json, "newNonce"),
		.new_account = acme_url_of(json, "newAccount"),
		.new_order = acme_url_of(json, "newOrder"),
		.renewal_info = acme_url_of(json, "renewalInfo"),
	};
	return d->new_nonce && d->new_account && d->new_order;
}

void acme_directory_deinit(struct acme_directory *d)
{
	free(d->new_nonce);
	free(d->new_account);
	free(d->new_order);
	free(d->renewal_info);
	*d = (struct acme_directory){0};
}

void acme_account_deinit(struct acme_account *a)
{
	p256_free(a->key);
	free(a->url);
	acme_directory_deinit(&a->directory);
	*a = (struct acme_account){0};
}
