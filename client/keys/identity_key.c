/* SPDX-License-Identifier: MIT */
#include "client/keys/identity_key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "config/token_source.h"

#define SECRET "a new key"

/* 0 or -EINVAL; the text is wiped. */
static int take(char *text, size_t n, struct key_pair *out)
{
	bool ok = key_pair_parse((struct str){text, n}, out);
	explicit_bzero(text, n);
	return ok ? 0 : -EINVAL;
}

int identity_key_read(const char *path, struct key_pair *out, struct error *warning_out,
	struct error *err)
{
	warning_out->text[0] = '\0';
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return file_error(err, -errno, path, FILE_READ_SECRET,
			"the key file %s cannot be opened", path);
	int r = token_source_check_file(fd, path, warning_out, err);
	if (r < 0)
		return r;
	char text[KEY_PRIVATE_LEN + 3]; /* and a line's end, and whether there is more */
	ssize_t n = read(fd, text, sizeof text);
	if (n < 0)
		return error_set(err, -errno, "the key file %s cannot be read: %m", path);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	if (take(text, (size_t)n, out) < 0)
		return error_set(err, -EINVAL,
			"the key file %s has no key in it: 64 hexadecimal digits, as `tunnel key "
			"new` makes them",
			path);
	return 0;
}

static int take_kept(const struct kept_dir *dir, char *text, struct key_pair *out,
	struct error *err)
{
	if (take(text, strlen(text), out) == 0)
		return 0;
	return error_set(err, KEPT_UNFIT,
		"%s/" IDENTITY_KEY_FILE " is damaged: remove it, and a new key is made", dir->path);
}

int identity_key_kept(const struct kept_dir *dir, struct key_pair *out, struct error *err)
{
	char text[KEPT_LINE_MAX];
	int r = kept_line_read(dir, IDENTITY_KEY_FILE, SECRET, text, err);
	return r ? r : take_kept(dir, text, out, err);
}

int identity_key_keep(const struct kept_dir *dir, struct key_pair *out, bool *made_out,
	struct error *err)
{
	struct key_pair pair;
	char fresh[KEY_PRIVATE_LEN + 1], text[KEPT_LINE_MAX];
	key_pair_random(&pair);
	key_pair_text(&pair, fresh);
	key_pair_deinit(&pair);
	int r = kept_line_keep(dir, IDENTITY_KEY_FILE, SECRET, fresh, text, made_out, err);
	explicit_bzero(fresh, sizeof fresh);
	return r ? r : take_kept(dir, text, out, err);
}

int identity_key_renew(const struct kept_dir *dir, struct key_pair *out, struct error *err)
{
	char text[KEY_PRIVATE_LEN + 1];
	key_pair_random(out);
	key_pair_text(out, text);
	text[KEY_PRIVATE_LEN] = '\n'; /* in the place of its NUL */
	int r = kept_text_replace(dir, IDENTITY_KEY_FILE, text, sizeof text, err);
	explicit_bzero(text, sizeof text);
	return r;
}
