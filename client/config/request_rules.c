/* SPDX-License-Identifier: MIT */
#include "client/config/request_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "rules/client_rules.h"

/* Bytes of a `publish` message beside the rules: an upstream's URL and its path, each escaped, and the rest of it. */
#define BESIDE (6u << 10)

/* As many bytes as they have in JSON. */
static size_t escaped_size(const char *text)
{
	size_t n = 0;
	for (const char *c = text; *c; c++)
		n += strchr("\"\\\b\f\n\r\t", *c) ? 2 : (unsigned char)*c < ' ' ? 6 : 1;
	return n;
}

/* All of a file that is no longer than it may be, with a NUL behind it. 0, or < 0 with a sentence. */
static int read_all(int fd, const char *path, char *to, struct error *err)
{
	size_t n = 0;
	ssize_t got = 1;
	while (got > 0 && n <= CONTROL_RULES) {
		got = read(fd, to + n, CONTROL_RULES + 1 - n);
		n += got > 0 ? (size_t)got : 0;
	}
	if (got < 0)
		return error_set(err, -EIO, "%s cannot be read: %m", path);
	if (n > CONTROL_RULES)
		return error_set(err, -EINVAL,
			"%s is larger than the %d bytes that rules of one upstream may have", path,
			CONTROL_RULES);
	to[n] = '\0';
	if (strlen(to) != n)
		return error_set(err, -EINVAL, "%s has a NUL character in it", path);
	return 0;
}

static int check(const char *text, const char *path, struct error *err)
{
	const struct client_rules_terms terms = {.path = path,
		.place = STR(""),
		.verbs = FRONT_CLIENT_VERBS,
		.countries = true};
	struct front *made;
	int r = client_rules_compile(str_from(text), &terms, &made, err);
	if (r)
		return r == -ENOMEM ? r : -EINVAL;
	front_release(made);
	size_t size = escaped_size(text);
	if (size <= CONTROL_MAX - BESIDE)
		return 0;
	return error_set(err, -EINVAL,
		"%s takes %zu bytes as it is sent, with what escapes its quotes and line ends, and "
		"at most %u are taken",
		path, size, CONTROL_MAX - BESIDE);
}

int request_rules_read(const char *path, const struct upstream *u, char **text_out,
	struct error *err)
{
	if (u->kind != CONTROL_HTTP)
		return error_set(err, -EINVAL,
			"--rules is for HTTP, and %s is passed on as it comes: leave it out",
			u->text);
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return file_error(err, -errno, path, FILE_READ,
			"the rules' file %s cannot be opened", path);
	auto_free char *text = malloc(CONTROL_RULES + 2);
	if (!text)
		return error_set(err, -ENOMEM, "no memory");
	int r = read_all(fd, path, text, err);
	if (!r)
		r = check(text, path, err);
	if (r)
		return r;
	*text_out = strdup(text);
	return *text_out ? 0 : error_set(err, -ENOMEM, "no memory");
}
