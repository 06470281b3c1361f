/* SPDX-License-Identifier: MIT */
#include "server/acme/acme_account.h"

#include <stdlib.h>

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
