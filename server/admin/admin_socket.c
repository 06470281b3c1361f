/* SPDX-License-Identifier: MIT */
#include "server/admin/admin_socket.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "panel/panel.h"
#include "server/base/options.h"
#include "server/store/state_dir.h"

static int find_group(const struct server_options *o, struct panel_socket_options *p,
	struct error *err)
{
	if (!o->admin_group)
		return 0;
	errno = 0;
	const struct group *g = getgrnam(o->admin_group);
	if (!g)
		return error_set(err, errno ? -errno : -ENOENT,
			"--admin-group: there is no group %s here", o->admin_group);
	p->group = g->gr_gid;
	p->group_given = true;
	return 0;
}

/* Where it is by default: 0, or -errno with a sentence. */
static int find_default(const char *state_dir, char path[PATH_MAX], struct error *err)
{
	const char *runtime = getenv("RUNTIME_DIRECTORY");
	int n;
	/* A unit with several directories has them there with colons between them. */
	if (runtime && *runtime)
		n = snprintf(path, PATH_MAX, "%.*s/" STATE_DIR_ADMIN_SOCKET,
			(int)strcspn(runtime, ":"), runtime);
	else if (state_dir && *state_dir)
		n = snprintf(path, PATH_MAX, "%s/" STATE_DIR_ADMIN_SOCKET, state_dir);
	else
		return error_set(err, -ENOENT, "there is no state directory");
	return n < PATH_MAX ? 0 : error_set(err, -ENAMETOOLONG, "its path is too long");
}

static bool is_none(const struct server_options *o)
{
	return o->admin_socket && strcmp(o->admin_socket, "none") == 0;
}

int admin_socket_open(struct panel *p, const struct server_options *o, const char *state_dir,
	struct error *err)
{
	char path[PATH_MAX];
	struct panel_socket_options at = {.path = o->admin_socket ? o->admin_socket : path};
	if (is_none(o))
		return ADMIN_SOCKET_NONE;
	int r = find_group(o, &at, err);
	if (r < 0)
		return r;
	r = o->admin_socket ? 0 : find_default(state_dir, path, err);
	r = r ? r : panel_open_socket(p, &at, err);
	if (r == 0) {
		log_info("the admin socket is %s", at.path);
	} else if (!o->admin_socket) {
		log_warn("there is no admin socket: %s", err->text);
		return ADMIN_SOCKET_NONE;
	} else {
		error_prefix(err, "--admin-socket");
	}
	return r == PANEL_TAKEN ? -EADDRINUSE : r;
}

int admin_socket_inspect(const struct server_options *o, struct error *err)
{
	struct panel_socket_options p;
	return is_none(o) ? 0 : find_group(o, &p, err);
}
