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
#include "server/admin/admin.h"
#include "server/base/node.h"
#include "server/base/options.h"
#include "server/store/state_dir.h"

_Static_assert(ADMIN_BODY_MAX == PANEL_BODY_MAX,
	"one of the two would refuse what the other takes");

/* ---- One request, there and back ---- */

struct socket_request {
	struct mail mail;
	struct admin_socket *socket;
	struct panel_request *from;
	struct admin_request request;
};

static char *take(char **text)
{
	char *taken = *text;
	*text = NULL;
	return taken;
}

static void socket_answered(struct admin_request *rq)
{
	struct socket_request *d = container_of(rq, struct socket_request, request);
	struct panel_request *to = d->from;
	to->status = (int)rq->status;
	to->answer = take(&rq->answer);
	to->answer_size = rq->answer_size;
	to->content_type = rq->content_type;
	to->etag = take(&rq->etag);
	to->location = take(&rq->location);
	to->allow = take(&rq->allow);
	to->retry_after = rq->retry_after;
	panel_answer(d->socket->panel, to);
	admin_request_deinit(rq);
	free(d);
}

static void socket_deliver(struct mail *mail)
{
	static const enum admin_method methods[] = {
		[PANEL_GET] = ADMIN_GET,
		[PANEL_POST] = ADMIN_POST,
		[PANEL_PUT] = ADMIN_PUT,
		[PANEL_PATCH] = ADMIN_PATCH,
		[PANEL_DELETE] = ADMIN_DELETE,
		[PANEL_OPTIONS] = ADMIN_OTHER_METHOD,
	};
	struct socket_request *d = container_of(mail, struct socket_request, mail);
	struct panel_request *from = d->from;
	struct admin_request *rq = &d->request;
	snprintf(rq->actor.name, sizeof(rq->actor.name), "uid %u", (unsigned)from->peer.uid);
	snprintf(rq->actor.via, sizeof(rq->actor.via), "admin socket");
	rq->actor.may_all = true;
	rq->method = methods[from->method];
	rq->target = take(&from->target);
	rq->body = take(&from->body);
	rq->body_size = from->body_size;
	rq->if_match = take(&from->if_match);
	rq->answered = socket_answered;
	admin_ask(d->socket->admin, rq);
}

/* As the table says it where it has the memory to say more. */
static void socket_refuse(struct admin_socket *socket, struct panel_request *from)
{
	from->status = 503;
	from->retry_after = 1;
	panel_answer(socket->panel, from);
}

static void socket_discard(struct mail *mail)
{
	struct socket_request *d = container_of(mail, struct socket_request, mail);
	socket_refuse(d->socket, d->from);
	free(d);
}

/* On the panel's thread. */
static void socket_ask(void *arg, struct panel_request *from)
{
	struct admin_socket *socket = arg;
	struct socket_request *d = calloc(1, sizeof(*d));
	if (!d) {
		socket_refuse(socket, from);
		return;
	}
	d->mail = (struct mail){.deliver = socket_deliver, .discard = socket_discard};
	d->socket = socket;
	d->from = from;
	node_post(socket->admin->node, 0, &d->mail);
}

/* ---- Its life ---- */

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

int admin_socket_open(struct admin_socket *d, struct admin *a, const struct server_options *o,
	const char *state_dir, struct error *err)
{
	char path[PATH_MAX];
	struct panel_socket_options p = {.path = o->admin_socket ? o->admin_socket : path};
	const struct panel_owner owner = {.ask = socket_ask, .arg = d};
	d->admin = a;
	if (is_none(o))
		return 0;
	int r = find_group(o, &p, err);
	if (r < 0)
		return r;
	r = o->admin_socket ? 0 : find_default(state_dir, path, err);
	r = r ? r : panel_new(&d->panel, &owner, err);
	r = r ? r : panel_open_socket(d->panel, &p, err);
	r = r ? r : panel_start(d->panel, err);
	if (r != 0)
		d->panel = panel_free(d->panel);
	if (r == 0) {
		log_info("the admin socket is %s", p.path);
	} else if (!o->admin_socket) {
		log_warn("there is no admin socket: %s", err->text);
		r = 0;
	} else {
		error_prefix(err, "--admin-socket");
	}
	return r == PANEL_TAKEN ? -EADDRINUSE : r;
}

void admin_socket_close(struct admin_socket *d)
{
	if (d->panel)
		panel_stop(d->panel);
}

void admin_socket_deinit(struct admin_socket *d)
{
	d->panel = panel_free(d->panel);
}

int admin_socket_inspect(const struct server_options *o, struct error *err)
{
	struct panel_socket_options p;
	return is_none(o) ? 0 : find_group(o, &p, err);
}
