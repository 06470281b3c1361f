/* SPDX-License-Identifier: MIT */
#include "client/keys/client_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "base/log.h"
#include "client/keys/identity_key.h"
#include "policy/alias.h"

/* ---- Who needs them ---- */

bool client_keys_insisted(const struct client_options *o)
{
	for (size_t i = 0; i < o->upstreams.n; i++)
		if (o->upstreams.v[i].private.end_to_end)
			return true;
	for (size_t i = 0; i < o->local_services.n; i++)
		if (o->local_services.v[i].end_to_end)
			return true;
	return false;
}

bool client_keys_needed(const struct client_options *o)
{
	/* Whether a service is end to end its provider says, when it was asked with the key. */
	return o->local_services.n || client_keys_insisted(o);
}

/* ---- Reading them ---- */

static int load_given(struct client_keys *k, const char *path, struct error *err)
{
	struct error warning;
	int r = identity_key_read(path, &k->own, &warning, err);
	if (r)
		return error_prefix(err, "--identity-key"), r;
	if (*warning.text)
		log_warn("%s", warning.text);
	return 0;
}

static int load_kept(struct client_keys *k, const struct kept_dir *dir, struct error *err)
{
	bool made;
	char text[KEY_TEXT_LEN + 1];
	int r = identity_key_keep(dir, &k->own, &made, err);
	if (r)
		return r == KEPT_UNFIT ? -EINVAL : r;
	key_text(k->own.public, text);
	if (made)
		log_info("this client's end-to-end key is made and kept in %s: %s", dir->path,
			text);
	return 0;
}

static int load_own(struct client_keys *k, const struct client_options *o,
	const struct kept_dir *dir, const struct error *no_dir, struct error *err)
{
	int r;
	if (o->identity_key) {
		r = load_given(k, o->identity_key, err);
	} else if (dir) {
		r = load_kept(k, dir, err);
	} else {
		*err = *no_dir;
		r = -ENOENT;
		error_prefix(err, "there is no end-to-end key (give --identity-key, or a "
				  "--state-dir in which one can be kept)");
	}
	k->has_own = r == 0;
	return r;
}

/* `dir`: NULL where there is none. */
static int load_known(struct client_keys *k, struct loop *loop, struct offload *offload,
	const struct kept_dir *dir, struct error *err)
{
	int r = known_keys_init(&k->known, loop, offload, dir, err);
	k->remembers = r == 0;
	if (r)
		known_keys_deinit(&k->known);
	return r;
}

static int read_list(const char *path, struct key_list *out, struct error *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return file_error(err, -errno, path, FILE_READ, "%s cannot be opened", path);
	auto_free char *text = malloc(KEPT_TEXT_MAX + 1);
	if (!text)
		return error_set(err, -ENOMEM, "no memory");
	size_t n = 0;
	ssize_t got = 1;
	while (got > 0 && n <= KEPT_TEXT_MAX) {
		got = read(fd, text + n, KEPT_TEXT_MAX + 1 - n);
		if (got < 0)
			return error_set(err, -errno, "%s cannot be read: %m", path);
		n += (size_t)got;
	}
	if (n > KEPT_TEXT_MAX || memchr(text, '\0', n))
		return error_set(err, -EINVAL, "%s is no list of names and keys", path);
	text[n] = '\0';
	int r = key_list_parse(out, text, err);
	if (r)
		error_prefix(err, "%s", path);
	return r;
}

static int load_list(struct client_keys *k, const char *path, struct error *err)
{
	struct key_list list = {0};
	int r = path ? read_list(path, &list, err) : 0;
	if (r) {
		key_list_deinit(&list);
		return error_prefix(err, "--known-keys"), r;
	}
	key_list_deinit(&k->consumers);
	k->consumers = list;
	k->listed = path;
	return 0;
}

/* What is kept in the state directory, or would be. */
static int load_kept_keys(struct client_keys *k, struct loop *loop, struct offload *offload,
	const struct client_options *o, bool insists, struct error *err)
{
	struct kept_dir dir;
	struct error no_dir;
	bool found = kept_dir_open(&dir, o->state_dir, CLIENT_STATE_NAME, &no_dir) == 0;
	int r = 0;
	if (!k->has_own)
		r = load_own(k, o, found ? &dir : NULL, &no_dir, err);
	if (r)
		k->why_not = *err;
	if (!r && !k->remembers)
		r = load_known(k, loop, offload, found ? &dir : NULL, err);
	if (!r && !found && insists && !k->listed)
		log_warn("keys of other clients are remembered until this client ends, and no "
			 "longer: %s",
			no_dir.text);
	kept_dir_close(&dir);
	return insists || k->has_own ? r : 0;
}

int client_keys_load(struct client_keys *k, struct loop *loop, struct offload *offload,
	const struct client_options *o, struct error *err)
{
	bool insists = client_keys_insisted(o);
	int r = 0;
	if (insists || o->known_keys)
		r = load_list(k, o->known_keys, err);
	if (!r && client_keys_needed(o) && !(k->has_own && k->remembers))
		r = load_kept_keys(k, loop, offload, o, insists, err);
	return r;
}

/* What is kept, if there is anything. */
static int inspect_kept(const struct client_options *o, struct error *err)
{
	struct kept_dir dir = {.path = kept_dir_find(o->state_dir, CLIENT_STATE_NAME), .fd = -1};
	struct client_keys k = {0};
	int r = 0;
	dir.fd = dir.path ? open(dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (dir.fd >= 0) {
		r = o->identity_key ? 0 : identity_key_kept(&dir, &k.own, err);
		r = r == KEPT_NONE ? 0 : r == KEPT_UNFIT ? -EINVAL : r;
		if (!r)
			r = load_known(&k, NULL, NULL, &dir, err);
	}
	key_list_deinit(&k.known.list);
	free(k.known.dir);
	key_pair_deinit(&k.own);
	kept_dir_close(&dir);
	return r;
}

int client_keys_inspect(const struct client_options *o, struct error *err)
{
	struct client_keys k = {0};
	int r = o->known_keys ? load_list(&k, o->known_keys, err) : 0;
	if (!r && o->identity_key)
		r = load_given(&k, o->identity_key, err);
	client_keys_deinit(&k);
	return r || !client_keys_needed(o) ? r : inspect_kept(o, err);
}

void client_keys_deinit(struct client_keys *k)
{
	known_keys_deinit(&k->known);
	key_list_deinit(&k->consumers);
	key_pair_deinit(&k->own);
	k->has_own = k->remembers = k->listed = false;
}

/* ---- Names and sentences ---- */

void client_keys_name(const char *alias, const char *remote, char name_out[KEY_NAME_SIZE])
{
	struct policy_alias a;
	struct error err;
	if (policy_alias_parse(str_from(alias), &a, &err) < 0)
		snprintf(name_out, KEY_NAME_SIZE, "%.*s", KEY_NAME_SIZE - 1, alias);
	else if (*a.tag)
		snprintf(name_out, KEY_NAME_SIZE, "%s.%s", a.name, a.tag);
	else
		snprintf(name_out, KEY_NAME_SIZE, "%s@%.256s", a.name, remote);
}

void client_keys_consumer_name(const char *alias, uint32_t link, char name_out[KEY_NAME_SIZE])
{
	char name[KEY_NAME_SIZE];
	client_keys_name(alias, "", name);
	name[strcspn(name, "@")] = '\0';
	snprintf(name_out, KEY_NAME_SIZE, "%.256s/%u", name, link);
}

void client_keys_explain(const uint8_t shown[KEY_PAIR_SIZE], const uint8_t known[KEY_PAIR_SIZE],
	const char *name, char why_out[CLIENT_KEYS_WHY])
{
	char shown_text[KEY_TEXT_LEN + 1], known_text[KEY_TEXT_LEN + 1];
	key_text(shown, shown_text);
	key_text(known, known_text);
	snprintf(why_out, CLIENT_KEYS_WHY,
		"its key is %s, and was %s before; if its owner says that it is a new one: tunnel "
		"key forget %.256s",
		shown_text, known_text, name);
}
