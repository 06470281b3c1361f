/* SPDX-License-Identifier: MIT */
#include "cli/client_sockets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add(struct client_sockets *s, const char *folder, const char *name)
{
	char **more = reallocarray(s->paths, s->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	s->paths = more;
	if (asprintf(&s->paths[s->n], "%s/%s", folder, name) < 0)
		return -ENOMEM;
	s->n++;
	return 0;
}

static int look_in(struct client_sockets *s, const char *folder)
{
	int r = 0;
	DIR *d = opendir(folder);
	for (const struct dirent *e; d && r == 0 && (e = readdir(d));)
		if (fnmatch("client-*.sock", e->d_name, 0) == 0)
			r = add(s, folder, e->d_name);
	if (d)
		closedir(d);
	return r;
}

/* Of units: RuntimeDirectory=tunnel-client-NAME. */
static int look_in_units(struct client_sockets *s)
{
	int r = 0;
	DIR *d = opendir("/run");
	for (const struct dirent *e; d && r == 0 && (e = readdir(d));) {
		char folder[sizeof("/run/") + sizeof(e->d_name)];
		if (fnmatch("tunnel-client*", e->d_name, 0) != 0)
			continue;
		snprintf(folder, sizeof(folder), "/run/%s", e->d_name);
		r = look_in(s, folder);
	}
	if (d)
		closedir(d);
	return r;
}

int client_sockets_find(struct client_sockets *s)
{
	const char *user = getenv("XDG_RUNTIME_DIR");
	auto_free char *own = NULL;
	*s = (struct client_sockets){0};
	if (user && *user == '/' && asprintf(&own, "%s/tunnel", user) < 0) {
		own = NULL;
		return -ENOMEM;
	}
	int r = own ? look_in(s, own) : look_in(s, "/run/tunnel");
	if (r == 0 && !own)
		r = look_in_units(s);
	if (s->n)
		qsort(s->paths, s->n, sizeof(*s->paths), by_name);
	return r;
}

void client_sockets_free(struct client_sockets *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->paths[i]);
	free(s->paths);
	*s = (struct client_sockets){0};
}
