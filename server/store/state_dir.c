/* SPDX-License-Identifier: MIT */
#include "server/store/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file_error.h"
#include "config/kept_file.h"
#include "crypto/random.h"

/* Below the user's directory of states. */
#define NAME "tunnel"

/* What is made in the place of a token that others can read. */
#define SECRET "a new token"

char *state_dir_find(const char *option)
{
	return kept_dir_find(option, NAME);
}

static bool from_hex(const char *hex, uint8_t salt_out[TOKEN_SALT_SIZE])
{
	uint8_t salt[TOKEN_SALT_SIZE];
	if (strlen(hex) != 2 * TOKEN_SALT_SIZE ||
		strspn(hex, "0123456789abcdef") != 2 * TOKEN_SALT_SIZE)
		return false;
	for (size_t i = 0; i < TOKEN_SALT_SIZE; i++)
		sscanf(hex + 2 * i, "%2hhx", &salt[i]);
	memcpy(salt_out, salt, sizeof salt);
	return true;
}

static int keep_salt(struct state_dir *s, const struct kept_dir *dir, struct error *err)
{
	uint8_t salt[TOKEN_SALT_SIZE];
	char fresh[2 * TOKEN_SALT_SIZE + 1], text[KEPT_LINE_MAX];
	random_bytes(salt, sizeof salt);
	for (size_t i = 0; i < sizeof salt; i++)
		sprintf(fresh + 2 * i, "%02x", salt[i]);
	bool made;
	int r = kept_line_keep(dir, STATE_DIR_SALT_FILE, NULL, fresh, text, &made, err);
	if (!r && !from_hex(text, s->salt))
		r = error_set(err, KEPT_UNFIT, "%s/%s is damaged: remove it, and it is made anew",
			dir->path, STATE_DIR_SALT_FILE);
	return r;
}

static int keep_token(struct state_dir *s, const struct kept_dir *dir, struct error *err)
{
	char fresh[TOKEN_RANDOM_LEN + 1], text[KEPT_LINE_MAX];
	token_random(fresh);
	int r = kept_line_keep(dir, STATE_DIR_TOKEN_FILE, SECRET, fresh, text, &s->token_made, err);
	explicit_bzero(fresh, sizeof fresh);
	if (r)
		return r;
	s->token = secret_new(text, strlen(text));
	explicit_bzero(text, sizeof text);
	if (!s->token || asprintf(&s->token_path, "%s/%s", dir->path, STATE_DIR_TOKEN_FILE) < 0) {
		s->token_path = NULL;
		return error_set(err, -ENOMEM, "no memory for the token");
	}
	return 0;
}

int state_dir_open(struct state_dir *s, const char *option, bool need_token, struct error *err)
{
	*s = STATE_DIR_NULL;
	struct kept_dir dir;
	int r = kept_dir_open(&dir, option, NAME, err);
	if (!r)
		r = keep_salt(s, &dir, err);
	if (!r && need_token)
		r = keep_token(s, &dir, err);
	s->dir = dir.path;
	dir.path = NULL;
	kept_dir_close(&dir);
	if (!r)
		return 0;
	if (r == KEPT_UNFIT)
		return -EINVAL;
	if (need_token) {
		error_prefix(err, "a token can be neither found nor kept (give --token, "
				  "--token-from or --state-dir)");
		return r;
	}
	random_bytes(s->salt, sizeof s->salt);
	error_prefix(err, "nothing is kept, so the salt is a new one with every start");
	return STATE_DIR_VOLATILE;
}

int state_dir_cookie_key(const char *option, uint8_t key_out[MAC_KEY_SIZE], struct error *err)
{
	char fresh[2 * MAC_KEY_SIZE + 1], text[KEPT_LINE_MAX];
	struct kept_dir dir;
	bool made;
	random_bytes(key_out, MAC_KEY_SIZE);
	for (size_t i = 0; i < MAC_KEY_SIZE; i++)
		sprintf(fresh + 2 * i, "%02x", key_out[i]);
	int r = kept_dir_open(&dir, option, NAME, err);
	if (!r)
		r = kept_line_keep(&dir, STATE_DIR_COOKIE_FILE, "a new key", fresh, text, &made,
			err);
	if (!r && (strlen(text) != 2 * MAC_KEY_SIZE ||
			  strspn(text, "0123456789abcdef") != 2 * MAC_KEY_SIZE))
		r = error_set(err, -EINVAL, "%s/%s is damaged: remove it, and it is made anew",
			dir.path, STATE_DIR_COOKIE_FILE);
	for (size_t i = 0; !r && i < MAC_KEY_SIZE; i++)
		sscanf(text + 2 * i, "%2hhx", &key_out[i]);
	explicit_bzero(text, sizeof text);
	explicit_bzero(fresh, sizeof fresh);
	kept_dir_close(&dir);
	return r > 0 ? -EINVAL : r;
}

int state_dir_inspect(const char *option, struct error *err)
{
	struct kept_dir dir = {.path = state_dir_find(option), .fd = -1};
	if (!dir.path)
		return error_set(err, -ENOMEM, "no memory");
	dir.fd = open(dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;
	if (dir.fd >= 0) {
		r = kept_line_inspect(&dir, STATE_DIR_SALT_FILE, NULL, err);
		if (!r)
			r = kept_line_inspect(&dir, STATE_DIR_TOKEN_FILE, SECRET, err);
	} else if (errno == ENOENT) {
		r = 0; /* it is made */
	} else {
		r = file_error(err, -errno, dir.path, FILE_READ, "%s cannot be opened", dir.path);
	}
	kept_dir_close(&dir);
	return r == KEPT_UNFIT ? -EINVAL : r;
}

void state_dir_deinit(struct state_dir *s)
{
	secret_free(s->token);
	free(s->token_path);
	free(s->dir);
	*s = STATE_DIR_NULL;
}
