/* SPDX-License-Identifier: MIT */
#include "client/files/file_path.h"

#include <stdint.h>
#include <stdio.h>

/* The value of a hexadecimal digit; -1: it is none. */
static int digit(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10
					    : -1;
}

/* Takes one character off the path; -1: what stands there is no percent-encoding. */
static int decode_one(struct str *path)
{
	int c = (unsigned char)path->p[0];
	size_t used = 1;
	if (c == '%') {
		int high = path->n > 2 ? digit(path->p[1]) : -1,
		    low = path->n > 2 ? digit(path->p[2]) : -1;
		c = high < 0 || low < 0 ? -1 : high << 4 | low;
		used = 3;
	}
	if (c >= 0)
		*path = (struct str){path->p + used, path->n - used};
	return c;
}

static bool segment_is_hidden(struct str name, bool first)
{
	return name.n && name.p[0] == '.' && !(first && str_eq(name, STR(".well-known")));
}

/* Takes the next segment, which ends at a slash that was one before it was decoded. */
static enum file_path_result decode_segment(struct str *rest, struct file_path *out)
{
	size_t from = out->n + (out->n > 0), n = from;
	enum file_path_result result = FILE_PATH_OK;
	while (rest->n && *rest->p != '/') {
		int c = decode_one(rest);
		if (c < 0)
			return FILE_PATH_MALFORMED;
		if (c == '/' || c == '\0' || n >= sizeof out->text - 1)
			result = FILE_PATH_HIDDEN; /* the rest may still be malformed */
		else
			out->text[n++] = (char)c;
	}
	if (n == from || result)
		return result;
	if (segment_is_hidden((struct str){out->text + from, n - from}, from == 0))
		return FILE_PATH_HIDDEN;
	if (from)
		out->text[from - 1] = '/';
	out->n = n;
	return FILE_PATH_OK;
}

enum file_path_result file_path_decode(struct str path, struct file_path *out)
{
	enum file_path_result result = FILE_PATH_OK;
	out->n = 0;
	out->directory = path.n && path.p[path.n - 1] == '/';
	while (path.n) {
		if (*path.p == '/') {
			path = (struct str){path.p + 1, path.n - 1};
			continue;
		}
		enum file_path_result r = decode_segment(&path, out);
		if (r == FILE_PATH_MALFORMED)
			return r;
		if (r)
			result = r;
	}
	out->text[out->n] = '\0';
	return result;
}

bool file_path_is_hidden(struct str path)
{
	for (size_t from = 0, n; from <= path.n; from += n + 1) {
		const char *slash = memchr(path.p + from, '/', path.n - from);
		n = slash ? (size_t)(slash - path.p) - from : path.n - from;
		if (segment_is_hidden((struct str){path.p + from, n}, from == 0))
			return true;
	}
	return false;
}

bool file_path_add(struct file_path *path, const char *name)
{
	size_t room = sizeof path->text - path->n;
	int n = snprintf(path->text + path->n, room, "%s%s", path->n ? "/" : "", name);
	if ((size_t)n >= room) {
		path->text[path->n] = '\0';
		return false;
	}
	path->n += (size_t)n;
	return true;
}
