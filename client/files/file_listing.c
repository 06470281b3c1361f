/* SPDX-License-Identifier: MIT */
#include "client/files/file_listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "client/files/file_open.h"

struct entry {
	char *name; /* owned */
	struct stat st;
};

struct entries {
	struct entry *v;
	size_t n, room;
	bool more; /* than FILE_LISTING_MAX */
};

static void entries_deinit(struct entries *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->v[i].name);
	free(e->v);
}

static int entries_add(struct entries *e, const char *name, const struct stat *st)
{
	if (e->n == e->room) {
		size_t room = e->room ? e->room * 2 : 64;
		struct entry *v = realloc(e->v, room * sizeof *v);
		if (!v)
			return -ENOMEM;
		e->v = v;
		e->room = room;
	}
	char *own = strdup(name);
	if (!own)
		return -ENOMEM;
	e->v[e->n++] = (struct entry){own, *st};
	return 0;
}

/* What a link leads to is looked at as a visitor would reach it; all else where it stands. */
static bool look(int folder, const struct file_path *at, int directory, const char *name,
	struct stat *st_out)
{
	if (fstatat(directory, name, st_out, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (!S_ISLNK(st_out->st_mode))
		return S_ISREG(st_out->st_mode) || S_ISDIR(st_out->st_mode);
	struct file_path path = *at;
	return file_path_add(&path, name) && file_look(folder, path.text, st_out) == 0;
}

static int read_all(DIR *dir, int folder, const struct file_path *at, struct entries *out)
{
	struct dirent *d;
	int r = 0;
	while (!r && (d = readdir(dir))) {
		struct stat st;
		bool well_known = !at->n && strcmp(d->d_name, ".well-known") == 0;
		if ((d->d_name[0] == '.' && !well_known) ||
			!look(folder, at, dirfd(dir), d->d_name, &st))
			continue;
		out->more = out->n == FILE_LISTING_MAX;
		if (out->more)
			break;
		r = entries_add(out, d->d_name, &st);
	}
	return r;
}

/* Directories first. */
static int by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	bool x_directory = S_ISDIR(x->st.st_mode), y_directory = S_ISDIR(y->st.st_mode);
	return x_directory != y_directory ? y_directory - x_directory : strcmp(x->name, y->name);
}

/* ---- The page ---- */

static int put(struct buf *out, const char *text)
{
	return buf_append(out, text, strlen(text));
}

/* Bytes of a name for people: each byte of it may have become "\xff". */
#define SHOWN_MAX (4 * NAME_MAX + 16)

/* As a path segment of a URL, so that no name can be taken for a scheme, a query or a dot segment. */
static int put_link(struct buf *out, const char *name)
{
	/* No NAME_MAX holds for every file system; and sprintf() puts a NUL behind it. */
	int r = buf_reserve(out, 3 * strlen(name) + 1);
	if (r)
		return r;
	char *to = (char *)buf_tail(out);
	for (const char *c = name; *c; c++) {
		unsigned char u = (unsigned char)*c;
		if (isalnum(u) || strchr("-_.~", u))
			*to++ = *c;
		else
			to += sprintf(to, "%%%02X", u);
	}
	buf_commit(out, (size_t)(to - (char *)buf_tail(out)));
	return 0;
}

/* A name may have any bytes but a slash and a NUL. */
static int put_text(struct buf *out, const char *text, size_t length)
{
	char shown[SHOWN_MAX], escaped[SHOWN_MAX * 5 + 1], *to = escaped;
	size_t n = escape_text(shown, sizeof shown, text, length, ESCAPE_SENTENCE);
	for (size_t i = 0; i < n; i++) {
		if (strchr("&<>\"'", shown[i]))
			to += sprintf(to, "&#%d;", shown[i]);
		else
			*to++ = shown[i];
	}
	return buf_append(out, escaped, (size_t)(to - escaped));
}

static int put_entry(struct buf *out, const struct entry *e)
{
	const char *slash = S_ISDIR(e->st.st_mode) ? "/" : "";
	char size[24] = "", when[32] = "", rest[96];
	struct tm tm;
	if (!*slash)
		snprintf(size, sizeof size, "%" PRIu64, (uint64_t)e->st.st_size);
	if (gmtime_r(&e->st.st_mtim.tv_sec, &tm))
		strftime(when, sizeof when, "%Y-%m-%d %H:%M", &tm);
	snprintf(rest, sizeof rest, "</a><td>%s<td>%s\n", size, when);
	int r = put(out, "<tr><td><a href=\"");
	if (!r)
		r = put_link(out, e->name);
	if (!r)
		r = put(out, slash);
	if (!r)
		r = put(out, "\">");
	if (!r)
		r = put_text(out, e->name, strlen(e->name));
	if (!r)
		r = put(out, slash);
	return r ? r : put(out, rest);
}

/* The last segments of the path, as many as a title needs. */
static int put_title(struct buf *out, const struct file_path *at)
{
	size_t n = at->n > NAME_MAX ? NAME_MAX : at->n;
	int r = put(out, "/");
	if (!r)
		r = put_text(out, at->text + at->n - n, n);
	return r || !n ? r : put(out, "/");
}

static int write_page(struct buf *out, const struct entries *e, const struct file_path *at)
{
	int r = put(out, "<!doctype html>\n"
			 "<html lang=\"en\"><head><meta charset=\"utf-8\">"
			 "<meta name=\"viewport\" content=\"width=device-width\"><title>");
	if (!r)
		r = put_title(out, at);
	if (!r)
		r = put(out,
			"</title>\n"
			"<style>body{font:16px/1.5 system-ui,sans-serif;max-width:50em;"
			"margin:2em auto;padding:0 1em;color-scheme:light dark}h1{font-size:1.3em}"
			"table{width:100%;border-spacing:0}td+td{text-align:right;"
			"white-space:nowrap;padding-left:1em}td{overflow-wrap:anywhere}"
			"</style></head>\n<body><h1>");
	if (!r)
		r = put_title(out, at);
	if (!r)
		r = put(out, "</h1>\n<table>\n");
	if (!r && at->n)
		r = put(out, "<tr><td><a href=\"../\">../</a><td><td>\n");
	for (size_t i = 0; !r && i < e->n; i++)
		r = put_entry(out, &e->v[i]);
	if (!r)
		r = put(out, "</table>\n");
	if (!r && e->more)
		r = put(out, "<p>There is more than one page shows.</p>\n");
	return r ? r : put(out, "</body></html>\n");
}

int file_listing_write(struct buf *out, int folder, int directory, const struct file_path *at)
{
	DIR *dir = fdopendir(directory);
	if (!dir) {
		int error = -errno;
		close(directory);
		return error;
	}
	struct entries all = {0};
	int r = read_all(dir, folder, at, &all);
	closedir(dir);
	if (!r && all.n)
		qsort(all.v, all.n, sizeof all.v[0], by_name);
	if (!r)
		r = write_page(out, &all, at);
	entries_deinit(&all);
	return r;
}
