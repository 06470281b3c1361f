/* SPDX-License-Identifier: MIT */
#include "cli/admin_offline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "crypto/crypto.h"
#include "loop/loop.h"
#include "server/admin/admin_http.h"
#include "server/admin/api.h"
#include "server/store/catalog.h"
#include "server/store/state_dir.h"
#include "server/store/store_access.h"
#include "store/store_lock.h"

struct admin_offline {
	struct admin_transport transport;
	struct state_dir files;
	struct loop *loop;
	struct catalog catalog;
	struct store_access store;
	struct admin admin;
	struct api_request request;
	bool answered;
};

static void answered(struct api_request *rq)
{
	container_of(rq, struct admin_offline, request)->answered = true;
}

static int call(struct admin_transport *transport, const void *request, size_t n,
	struct buf *response, struct error *err)
{
	struct admin_offline *o = (struct admin_offline *)transport;
	struct api_request *rq = &o->request;
	struct admin_http http = {0};
	enum api_reason reason;
	size_t used;
	*rq = (struct api_request){.actor = {.may_all = true}, .answered = answered};
	snprintf(rq->actor.name, sizeof rq->actor.name, "uid %u", (unsigned)getuid());
	snprintf(rq->actor.via, sizeof rq->actor.via, "the store itself");
	o->answered = false;
	int r = admin_http_take(&http, request, n, rq, &used, &reason, err) == ADMIN_HTTP_READY
			? 0
			: error_set(err, STATUS_FAILED, "the request is too long");
	if (!r)
		api_ask(&o->admin.api, rq);
	while (!r && !o->answered)
		loop_turn(o->loop);
	if (!r && admin_http_answer(&http, rq, response))
		r = error_set(err, STATUS_FAILED, "no memory");
	api_request_deinit(rq);
	admin_http_deinit(&http);
	return r;
}

/* The directory is its server's, whoever runs the command: root's files would be none that it can open. */
static void give_away(const char *dir)
{
	static const char *const names[] = {STORE_FILE, STORE_FILE "-wal", STORE_FILE "-shm",
		STORE_LOCK_FILE, STATE_DIR_SALT_FILE};
	struct stat st;
	auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (geteuid() != 0 || fd < 0 || fstat(fd, &st) < 0 || st.st_uid == 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (fchownat(fd, names[i], st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
			continue; /* it is not there */
}

static void close_offline(struct admin_transport *transport)
{
	struct admin_offline *o = (struct admin_offline *)transport;
	store_access_close(&o->store);
	admin_close(&o->admin);
	loop_free(o->loop);
	admin_deinit(&o->admin);
	catalog_deinit(&o->catalog);
	if (o->files.dir)
		give_away(o->files.dir);
	state_dir_deinit(&o->files);
	free(o);
}

/* Whether a server ran there before, which made the salt. */
static bool is_used(const char *state_dir)
{
	auto_free char *dir = state_dir_find(state_dir);
	auto_free char *path = NULL;
	if (!dir || asprintf(&path, "%s/" STATE_DIR_SALT_FILE, dir) < 0) {
		path = NULL;
		return false;
	}
	return access(path, F_OK) == 0;
}

static int start(struct admin_offline *o, const char *state_dir, struct error *err)
{
	o->transport =
		(struct admin_transport){.call = call, .close = close_offline, .offline = true};
	o->store.lock = -1;
	o->loop = loop_new();
	if (crypto_start() || !o->loop || catalog_init(&o->catalog))
		return error_set(err, STATUS_FAILED, "no memory");
	/* What cannot be kept is of no use here. */
	if (state_dir_open(&o->files, state_dir, false, err))
		return STATUS_FAILED;
	int r = store_access_open(&o->store, o->files.dir, NULL, o->files.salt, &o->catalog, err);
	if (r == -EWOULDBLOCK) {
		struct error why = *err;
		return error_set(err, STATUS_FAILED,
			"%s; its admin socket is not there: --admin-socket PATH names the one that "
			"it has, unless it was started with none",
			why.text);
	}
	if (r < 0)
		return STATUS_FAILED;
	const struct admin_config config = {.tables = admin_api_offline,
		.loop = o->loop,
		.catalog = &o->catalog,
		.store = &o->store};
	return admin_init(&o->admin, &config) ? error_set(err, STATUS_FAILED, "no memory") : 0;
}

int admin_offline_open(struct admin_transport **transport_out, const char *state_dir,
	struct error *err)
{
	if (!is_used(state_dir))
		return STATUS_NO_ANSWER;
	struct admin_offline *o = calloc(1, sizeof *o);
	int r = o ? start(o, state_dir, err) : error_set(err, STATUS_FAILED, "no memory");
	if (r && o)
		close_offline(&o->transport);
	if (!r)
		*transport_out = &o->transport;
	return r;
}
