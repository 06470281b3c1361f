/* SPDX-License-Identifier: MIT */
#pragma once
/* The admin API over a catalog and a store in a folder of its own, without a server: nothing lives. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "loop/loop.h"
#include "server/admin/api.h"
#include "server/store/catalog.h"
#include "server/store/last_use.h"
#include "server/store/store_access.h"
#include "tests/unit/server/admin/client.h"

struct scene {
	char dir[64];
	struct loop *loop;
	struct catalog catalog;
	struct store_access store;
	struct admin admin;
	struct client client; /* of the last request */
};

static const uint8_t scene_salt[TOKEN_SALT_SIZE] = "sixteen bytes..";
static const char scene_token[] = "the server's own token";

/* As a server starts. */
static inline void scene_start(struct scene *s)
{
	struct error err = {0};
	struct token_key *key = token_key_new();
	assert_int_equal(token_key_derive((const uint8_t *)scene_token, strlen(scene_token),
				 scene_salt, key),
		0);
	s->loop = loop_new();
	assert_int_equal(catalog_init(&s->catalog), 0);
	if (store_access_open(&s->store, s->dir, NULL, scene_salt, &s->catalog, &err) < 0)
		fail_msg("%s", err.text);
	last_use_start(&s->store, s->loop);
	assert_int_equal(catalog_add_token(&s->catalog, key, false, &err), 0);
	token_key_free(key);
	const struct admin_config config = {.tables = admin_api_offline,
		.loop = s->loop,
		.catalog = &s->catalog,
		.store = &s->store};
	assert_int_equal(admin_init(&s->admin, &config), 0);
}

static inline void scene_stop(struct scene *s)
{
	store_access_close(&s->store);
	admin_close(&s->admin);
	loop_free(s->loop);
	admin_deinit(&s->admin);
	client_close(&s->client);
	catalog_deinit(&s->catalog);
	s->admin = (struct admin){0};
}

static inline void scene_restart(struct scene *s)
{
	scene_stop(s);
	scene_start(s);
}

static inline void scene_open(struct scene *s)
{
	*s = (struct scene){0};
	/* Each change is synced, which a busy disk takes its time for. */
	strcpy(s->dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/test_admin.XXXXXX"
						     : "/tmp/test_admin.XXXXXX");
	assert_int_equal(crypto_start(), 0);
	assert_non_null(mkdtemp(s->dir));
	scene_start(s);
}

static inline void scene_close(struct scene *s)
{
	scene_stop(s);
	DIR *d = opendir(s->dir);
	for (struct dirent *e; d && (e = readdir(d));) {
		char path[512];
		snprintf(path, sizeof(path), "%s/%s", s->dir, e->d_name);
		unlink(path);
	}
	closedir(d);
	rmdir(s->dir);
}

static inline void scene_wait(struct scene *s, const struct client *c)
{
	while (!c->answers)
		loop_turn(s->loop);
}

/* Asks, waits for the answer, and holds its status against what is expected. */
static inline json_t *scene_ask(struct scene *s, enum api_method method, const char *target,
	const char *body, unsigned status)
{
	client_close(&s->client);
	client_operator(&s->client);
	client_ask(&s->client, &s->admin, method, target, body);
	scene_wait(s, &s->client);
	if (s->client.request.status != status)
		fail_msg("%s: %u instead of %u: %.*s", target, s->client.request.status, status,
			(int)s->client.request.answer_size, s->client.request.answer);
	assert_int_equal(s->client.answers, 1);
	return s->client.json;
}

/* The same by an identity, over a link of its first token. */
static inline json_t *scene_ask_as(struct scene *s, const char *name, enum api_method method,
	const char *target, const char *body, unsigned status)
{
	struct api_actor *actor = &s->client.request.actor;
	client_close(&s->client);
	actor->identity = catalog_find(&s->catalog, str_from(name));
	assert_non_null(actor->identity);
	actor->credential = actor->identity->credentials;
	actor->may_all = actor->identity->value.is_operator;
	snprintf(actor->name, sizeof(actor->name), "%s", name);
	snprintf(actor->via, sizeof(actor->via), "link 0123456789abcdef");
	client_ask(&s->client, &s->admin, method, target, body);
	scene_wait(s, &s->client);
	if (s->client.request.status != status)
		fail_msg("%s by %s: %u instead of %u: %.*s", target, name, s->client.request.status,
			status, (int)s->client.request.answer_size, s->client.request.answer);
	return s->client.json;
}

#define scene_get(s, target, status)        scene_ask(s, API_GET, target, NULL, status)
#define scene_post(s, target, body, status) scene_ask(s, API_POST, target, body, status)

/* "a.b.0" of JSON, printed compactly into `text`; "" for what is not there. */
static inline const char *scene_at(const json_t *json, const char *path, char text[1024])
{
	char copy[256];
	snprintf(copy, sizeof(copy), "%s", path);
	for (char *save, *part = strtok_r(copy, ".", &save); part;
		part = strtok_r(NULL, ".", &save))
		json = json_is_array(json) ? json_array_get(json, (size_t)atoi(part))
					   : json_object_get(json, part);
	char *dump = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	snprintf(text, 1024, "%s", dump ? dump : "");
	free(dump);
	return text;
}

#define assert_json(json, path, expected)                                        \
	do {                                                                     \
		char scene_text[1024];                                           \
		assert_string_equal(scene_at(json, path, scene_text), expected); \
	} while (0)

/* Whether a token is good now. */
static inline bool scene_token_good(struct scene *s, const char *token)
{
	struct token_key *key = token_key_new();
	assert_int_equal(token_key_derive((const uint8_t *)token, strlen(token), scene_salt, key),
		0);
	const struct credential *k = catalog_find_key(&s->catalog, key->id);
	bool good = k && k->good &&
		    memcmp(psk_pool_at(&s->catalog.psks, k->psk), key->psk, TOKEN_PSK_SIZE) == 0;
	token_key_free(key);
	return good;
}
