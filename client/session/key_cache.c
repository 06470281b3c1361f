/* SPDX-License-Identifier: MIT */
#include "client/session/key_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

struct key_cache_job {
	struct offload_job offload;
	struct key_cache *owner;
	struct secret *token; /* its own: the owner may go first */
	uint8_t salt[TOKEN_SALT_SIZE];
	struct token_key *key;
	int result;
};

static void job_free(struct key_cache_job *job)
{
	secret_free(job->token);
	token_key_free(job->key);
	free(job);
}

static void job_run(struct offload_job *offload)
{
	struct key_cache_job *job = container_of(offload, struct key_cache_job, offload);
	job->result = token_key_derive(job->token->bytes, job->token->n, job->salt, job->key);
}

static void job_done(struct offload_job *offload)
{
	struct key_cache_job *job = container_of(offload, struct key_cache_job, offload);
	if (atomic_load(&offload->cancelled)) {
		job_free(job);
		return;
	}
	struct key_cache *k = job->owner;
	k->job = NULL;
	if (job->result == 0) {
		k->key = job->key;
		job->key = NULL; /* the cache's now */
	}
	job_free(job);
	k->made(k, k->key);
}

int key_cache_init(struct key_cache *k, struct loop *loop, struct offload *offload,
	const char *token, void (*made)(struct key_cache *k, const struct token_key *key))
{
	*k = (struct key_cache){.loop = loop, .offload = offload, .made = made};
	if (token) {
		k->token = secret_new(token, strlen(token));
		return k->token ? 0 : -ENOMEM;
	}
	k->key = token_key_new();
	if (!k->key)
		return -ENOMEM;
	token_key_open_mode(k->key);
	return 0;
}

static struct key_cache_job *job_new(struct key_cache *k)
{
	struct key_cache_job *job = calloc(1, sizeof(*job));
	if (!job)
		return NULL;
	job->offload.run = job_run;
	job->offload.done = job_done;
	job->owner = k;
	job->token = secret_new(k->token->bytes, k->token->n);
	job->key = token_key_new();
	memcpy(job->salt, k->salt, sizeof(job->salt));
	if (!job->token || !job->key) {
		job_free(job);
		return NULL;
	}
	return job;
}

static void job_cancel(struct key_cache *k)
{
	if (!k->job)
		return;
	offload_cancel(&k->job->offload);
	k->job = NULL;
}

void key_cache_ask(struct key_cache *k, const uint8_t salt[TOKEN_SALT_SIZE])
{
	bool same = !k->token || memcmp(k->salt, salt, TOKEN_SALT_SIZE) == 0;
	memcpy(k->salt, salt, TOKEN_SALT_SIZE);
	if (k->key && same) {
		k->made(k, k->key);
		return;
	}
	if (k->job && same)
		return;
	job_cancel(k);
	k->key = token_key_free(k->key);
	k->job = job_new(k);
	if (k->job)
		offload_submit(k->offload, k->loop, &k->job->offload);
	else
		k->made(k, NULL);
}

void key_cache_deinit(struct key_cache *k)
{
	job_cancel(k);
	k->key = token_key_free(k->key);
	k->token = secret_free(k->token);
}
