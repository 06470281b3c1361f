/* SPDX-License-Identifier: MIT */
#include "server/admin/derivation.h"

#include <errno.h>
#include <string.h>

#include "server/store/store_access.h"

static void derivation_run(struct offload_job *job)
{
	struct derivation *d = container_of(job, struct derivation, job);
	d->result = token_key_derive(d->token->bytes, d->token->n, d->salt, d->key);
}

static void derivation_done(struct offload_job *job)
{
	struct derivation *d = container_of(job, struct derivation, job);
	d->derived(d);
}

int derivation_start(struct derivation *d, struct admin *a, const char *given,
	void (*derived)(struct derivation *d), struct error *err)
{
	char random[TOKEN_RANDOM_LEN + 1];
	size_t n = given ? strlen(given) : 0;
	/* As files end with them; token_key_derive() passes over them, too. */
	while (n > 0 && (given[n - 1] == '\n' || given[n - 1] == '\r'))
		n--;
	if (given && n < TOKEN_SHORT)
		return error_set(err, -EINVAL,
			"a token of fewer than %d characters can be found by trying", TOKEN_SHORT);
	d->made = !given;
	if (d->made)
		token_random(random);
	d->token = given ? secret_new(given, n) : secret_new(random, TOKEN_RANDOM_LEN);
	explicit_bzero(random, sizeof(random));
	d->key = token_key_new();
	if (!a->deriving)
		a->deriving = offload_new(DERIVATION_THREADS);
	if (!d->token || !d->key || !a->deriving)
		return error_set(err, -ENOMEM, "the server is out of memory");
	memcpy(d->salt, a->store->salt, TOKEN_SALT_SIZE);
	d->derived = derived;
	d->job.run = derivation_run;
	d->job.done = derivation_done;
	offload_submit(a->deriving, a->api.loop, &d->job);
	return 0;
}

void derivation_deinit(struct derivation *d)
{
	d->token = secret_free(d->token);
	d->key = token_key_free(d->key);
}
