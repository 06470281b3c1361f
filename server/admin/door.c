/* SPDX-License-Identifier: MIT */
#include "server/admin/door.h"

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

_Static_assert(ADMIN_BODY_MAX == PANEL_BODY_MAX,
	"one of the two would refuse what the other takes");

#define SOCKET_NAME "admin.sock"

/* ---- One request, there and back ---- */

struct door_request {
	struct mail mail;
	struct admin_door *door;
	struct panel_request *from;
	struct admin_request request;
};

static char *take(char **text)
{
	char *taken = *text;
	*text = NULL;
	return taken;
}

static void door_answered(struct admin_request *rq)
{
	struct door_request *d = container_of(rq, struct door_request, request);
	struct panel_request *to = d->from;
	to->status = (int)rq->status;
	to->answer = take(&rq->answer);
	to->answer_size = rq->answer_size;
	to->content_type = rq->content_type;
	to->etag = take(&rq->etag);
	to->location = take(&rq->location);
	to->allow = take(&rq->allow);
	to->retry_after = rq->retry_after;
	panel_answer(d->door->panel, to);
	admin_request_deinit(rq);
	free(d);
}

static void door_deliver(struct mail *mail)
{
	static const enum admin_method methods[] = {
		[PANEL_GET] = ADMIN_GET,
		[PANEL_POST] = ADMIN_POST,
		[PANEL_PUT] = ADMIN_PUT,
		[PANEL_PATCH] = ADMIN_PATCH,
		[PANEL_DELETE] = ADMIN_DELETE,
		[PANEL_OPTIONS] = ADMIN_OTHER_METHOD,
	};
	struct door_request *d = container_of(mail, struct door_request, mail);
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
	rq->answered = door_answered;
	admin_ask(d->door->admin, rq);
}

/* As the table says it where it has the memory to say more. */
static void door_refuse(struct admin_door *door, struct panel_request *from)
{
	from->status = 503;
	from->retry_after = 1;
	panel_answer(door->panel, from);
}

static void door_discard(struct mail *mail)
{
	struct door_request *d = container_of(mail, struct door_request, mail);
	door_refuse(d->door, d->from);
	free(d);
}

/* On the panel's thread. */
static void door_ask(void *arg, struct panel_request *from)
{
	struct admin_door *door = arg;
	struct door_request *d = calloc(1, sizeof(*d));
	if (!d) {
		door_refuse(door, from);
		return;
	}
	d->mail = (struct mail){.deliver = door_deliver, .discard = door_discard};
	d->door = door;
	d->from = from;
	node_post(door->admin->node, 0, &d->mail);
}

/* ---- Its life ---- */

static int find_group(const struct server_options *o, struct panel_options *p, struct error *err)
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
		n = snprintf(path, PATH_MAX, "%.*s/" SOCKET_NAME, (int)strcspn(runtime, ":"),
			runtime);
	else if (state_dir && *state_dir)
		n = snprintf(path, PATH_MAX, "%s/" SOCKET_NAME, state_dir);
	else
		return error_set(err, -ENOENT, "there is no state directory");
	return n < PATH_MAX ? 0 : error_set(err, -ENAMETOOLONG, "its path is too long");
}

static bool is_none(const struct server_options *o)
{
	return o->admin_socket && strcmp(o->admin_socket, "none") == 0;
}

int admin_door_open(struct admin_door *d, struct admin *a, const struct server_options *o,
	const char *state_dir, struct error *err)
{
	char path[PATH_MAX];
	struct panel_options p = {.path = o->admin_socket ? o->admin_socket : path,
		.owner = {.ask = door_ask, .arg = d}};
	d->admin = a;
	if (is_none(o))
		return 0;
	int r = find_group(o, &p, err);
	if (r < 0)
		return r;
	r = o->admin_socket ? 0 : find_default(state_dir, path, err);
	r = r ? r : panel_new(&d->panel, &p, err);
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

void admin_door_close(struct admin_door *d)
{
	if (d->panel)
		panel_stop(d->panel);
}

void admin_door_deinit(struct admin_door *d)
{
	d->panel = panel_free(d->panel);
}

int admin_door_inspect(const struct server_options *o, struct error *err)
{
	struct panel_options p;
	return is_none(o) ? 0 : find_group(o, &p, err);
}
