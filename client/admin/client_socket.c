/* SPDX-License-Identifier: MIT */
#include "client/admin/client_socket.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define PREFIX "client-"
#define SUFFIX ".sock"

/* ---- Where it is by default ---- */

/* The folder, which is made if it is not there: 0, or -errno with a sentence. */
static int find_folder(char folder[PATH_MAX], struct error *err)
{
	const char *unit = getenv("RUNTIME_DIRECTORY"), *user = getenv("XDG_RUNTIME_DIR");
	int n;
	/* A unit with several directories has them there with colons between them. */
	if (unit && *unit)
		n = snprintf(folder, PATH_MAX, "%.*s", (int)strcspn(unit, ":"), unit);
	else if (user && *user == '/')
		n = snprintf(folder, PATH_MAX, "%s/tunnel", user);
	else if (geteuid() == 0)
		n = snprintf(folder, PATH_MAX, "/run/tunnel");
	else
		return error_set(err, -ENOENT, "XDG_RUNTIME_DIR is not set");
	if (n >= PATH_MAX)
		return error_set(err, -ENAMETOOLONG, "its path is too long");
	if (mkdir(folder, 0755) < 0 && errno != EEXIST)
		return error_set(err, -errno, "%s cannot be made: %m", folder);
	return 0;
}

/* Whether it is of a client that ended without a word: then nobody holds its lock. */
static bool is_left(int folder, const char *lock)
{
	auto_close int fd = openat(folder, lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* Removes what clients left behind that were killed: nobody else ever takes their names. */
static void sweep(const char *folder)
{
	DIR *d = opendir(folder);
	for (const struct dirent *e; d && (e = readdir(d));) {
		size_t n = strlen(e->d_name), tail = sizeof(SUFFIX ".lock") - 1;
		if (strncmp(e->d_name, PREFIX, sizeof(PREFIX) - 1) != 0 || n <= tail ||
			strcmp(e->d_name + n - tail, SUFFIX ".lock") != 0 ||
			!is_left(dirfd(d), e->d_name))
			continue;
		char name[NAME_MAX + 1];
		snprintf(name, sizeof(name), "%.*s", (int)(n - (sizeof(".lock") - 1)), e->d_name);
		unlinkat(dirfd(d), name, 0);
		unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d)
		closedir(d);
}

static int find_default(struct client_socket *s, char path[PATH_MAX], struct error *err)
{
	char folder[PATH_MAX];
	int r = find_folder(folder, err);
	if (r)
		return r;
	sweep(folder);
	if (snprintf(path, PATH_MAX, "%s/" PREFIX "%d" SUFFIX, folder, (int)getpid()) >= PATH_MAX)
		return error_set(err, -ENAMETOOLONG, "its path is too long");
	if (asprintf(&s->lock, "%s.lock", path) < 0) {
		s->lock = NULL;
		return error_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

/* ---- Its life ---- */

int client_socket_serve(struct client_socket *s, const struct panel_tcp_options *tcp,
	struct error *err)
{
	const struct panel_socket_options none = {0};
	int r = api_panel_new(&s->panel, s->panel.api, err);
	r = r ? r : tcp ? panel_open_tcp(s->panel.panel, tcp, err) : 0;
	if (!r && s->listens) {
		loop_unwatch(&s->event);
		s->listens = false;
		panel_take_socket(s->panel.panel, &s->socket, &none);
	}
	r = r ? r : panel_start(s->panel.panel, err);
	if (r)
		api_panel_deinit(&s->panel);
	return r;
}

static void somebody_connects(int fd, short what, void *arg)
{
	struct client_socket *s = arg;
	struct error err;
	if (client_socket_serve(s, NULL, &err) < 0)
		log_warn("the admin socket cannot be served, and is closed: %s", err.text);
}

static int listen_at(struct client_socket *s, const char *path, struct error *err)
{
	int r = unix_socket_open(&s->socket, path, 0600, PANEL_CONNECTIONS_MAX, err);
	if (r == UNIX_SOCKET_TAKEN)
		return -EADDRINUSE;
	if (r)
		return r;
	r = loop_watch(&s->event, s->panel.api->loop, s->socket.fd, LOOP_READ, somebody_connects,
		s);
	if (r) {
		unix_socket_close(&s->socket);
		return error_set(err, r, "out of memory");
	}
	s->listens = true;
	log_debug("the admin socket is %s", path);
	return 0;
}

int client_socket_open(struct client_socket *s, struct api *api, const struct client_options *o,
	struct error *err)
{
	char path[PATH_MAX];
	*s = (struct client_socket){.panel.api = api, .socket = UNIX_SOCKET_NULL};
	if (o->admin_socket && strcmp(o->admin_socket, "none") == 0)
		return 0;
	int r = o->admin_socket ? 0 : find_default(s, path, err);
	r = r ? r : listen_at(s, o->admin_socket ? o->admin_socket : path, err);
	if (r && !o->admin_socket) {
		log_debug("there is no admin socket: %s", err->text);
		r = 0;
	} else if (r) {
		error_prefix(err, "--admin-socket");
	}
	return r;
}

void client_socket_close(struct client_socket *s)
{
	if (!s->panel.api)
		return;
	if (s->listens)
		loop_unwatch(&s->event);
	s->listens = false;
	api_panel_close(&s->panel);
	unix_socket_close(&s->socket);
	if (s->lock)
		unlink(s->lock);
	free(s->lock);
	s->lock = NULL;
}

void client_socket_deinit(struct client_socket *s)
{
	client_socket_close(s);
	api_panel_deinit(&s->panel);
}
