/* SPDX-License-Identifier: MIT */
#include "server/acme/acme_binding.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "base/log.h"
#include "config/token_source.h"

#define FILE_MAX 4096 /* bytes: a name and a key have some 150 */

static int take(char *text, const char *path, struct jws_binding *out, struct error *err)
{
	char *save, *kid = strtok_r(text, " \t\r\n", &save),
		    *key = strtok_r(NULL, " \t\r\n", &save);
	uint8_t bytes[FILE_MAX];
	/* Some CAs pad it. */
	size_t n = key ? strcspn(key, "=") : 0;
	ssize_t key_n = n ? base64url_decode(key, n, bytes, sizeof(bytes)) : 0;
	if (!kid || key_n <= 0 || strtok_r(NULL, " \t\r\n", &save))
		return error_set(err, -EINVAL,
			"%s has not what a CA gives to bind an account: the key's id, a space, and "
			"the key in base64url",
			path);
	uint8_t *copy = malloc((size_t)key_n);
	*out = (struct jws_binding){.kid = strdup(kid), .key = copy, .key_n = (size_t)key_n};
	if (copy)
		memcpy(copy, bytes, (size_t)key_n);
	explicit_bzero(bytes, sizeof(bytes));
	return out->kid && copy ? 0 : error_set(err, -ENOMEM, "out of memory");
}

int acme_binding_read(const char *path, struct jws_binding *out, struct error *err)
{
	char text[FILE_MAX];
	struct error warning;
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return file_error(err, -errno, path, FILE_READ_SECRET, "%s cannot be opened", path);
	int r = token_source_check_file(fd, path, &warning, err);
	if (r < 0)
		return r;
	if (r == TOKEN_SOURCE_EXPOSED)
		log_warn("--acme-eab: %s", warning.text);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return error_set(err, -errno, "%s cannot be read: %m", path);
	text[n] = 0;
	r = take(text, path, out, err);
	explicit_bzero(text, sizeof(text));
	return r;
}

void acme_binding_deinit(struct jws_binding *b)
{
	if (b->key)
		explicit_bzero((void *)(uintptr_t)b->key, b->key_n);
	free((void *)(uintptr_t)b->key);
	free((void *)(uintptr_t)b->kid);
	*b = (struct jws_binding){0};
}
