/* SPDX-License-Identifier: MIT */
/* The store itself: what it is, a copy of it, and whether every byte of it is sound. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/admin/api.h"
#include "server/store/store_access.h"

struct store_task {
	struct store_job job;
	struct api_request *request; /* NULL: the process ends */
	char *file;                  /* owned; of a copy */
};

static void task_drop(struct api_request *rq)
{
	struct store_task *t = rq->work;
	t->request = NULL;
	offload_cancel(&t->job.job);
}

static struct store_task *task_new(struct api_request *rq)
{
	struct store_task *t = calloc(1, sizeof(*t));
	if (!t) {
		api_answer(rq, 500, NULL);
		return NULL;
	}
	t->request = rq;
	rq->work = t;
	rq->drop = task_drop;
	return t;
}

static void task_free(struct store_task *t)
{
	free(t->file);
	free(t);
}

/* ---- What it is ---- */

static void store_show(struct api_request *rq)
{
	const struct store_access *s = admin_of(rq)->store;
	struct stat st;
	/* A stat() of a file that is open is no wait for the disk. */
	bool there = s->there && stat(s->path, &st) == 0;
	api_answer(rq, 200,
		json_pack("{s:s?, s:o, s:o}", "path", there ? s->path : NULL, "revision",
			there ? json_integer((json_int_t)s->revision) : json_null(), "sizeBytes",
			there ? json_integer(st.st_size) : json_null()));
}

/* ---- A copy ---- */

static int backup_run(struct store_job *j, struct store *store, struct error *err)
{
	return store_backup(store, container_of(j, struct store_task, job)->file, err);
}

static void backup_done(struct store_job *j)
{
	struct store_task *t = container_of(j, struct store_task, job);
	struct api_request *rq = t->request;
	if (rq && j->result == STORE_NONE)
		api_refuse(rq, API_NOT_FOUND, "there is no store: nothing was ever changed");
	else if (rq && j->result == -EEXIST)
		api_refuse(rq, API_TAKEN, "%s", j->err.text);
	else if (rq && j->result < 0)
		api_refuse(rq, API_NOT_STORED, "%s", j->err.text);
	else if (rq)
		api_answer(rq, 200, json_pack("{s:s}", "file", t->file));
	task_free(t);
}

static void store_copy(struct api_request *rq)
{
	const char *file = json_string_value(json_object_get(rq->json, "file"));
	/* The server's folder is not that of whoever asks. */
	if (*file != '/') {
		api_refuse(rq, API_INVALID, "\"file\" must be an absolute path");
		return;
	}
	struct store_task *t = task_new(rq);
	if (!t)
		return;
	t->file = strdup(file);
	if (!t->file) {
		api_answer(rq, 500, NULL);
		task_free(t);
		return;
	}
	t->job.run = backup_run;
	t->job.done = backup_done;
	store_access_submit(admin_of(rq)->store, rq->api->loop, &t->job);
}

/* ---- Whether it is sound ---- */

static int check_run(struct store_job *j, struct store *store, struct error *err)
{
	return store_check(store, err);
}

static void check_done(struct store_job *j)
{
	struct store_task *t = container_of(j, struct store_task, job);
	struct api_request *rq = t->request;
	if (rq && j->result == STORE_NONE)
		api_refuse(rq, API_NOT_FOUND, "there is no store: nothing was ever changed");
	else if (rq)
		api_answer(rq, 200,
			json_pack("{s:b, s:s?}", "sound", j->result == 0, "detail",
				j->result == 0 ? NULL : j->err.text));
	task_free(t);
}

static void store_verify(struct api_request *rq)
{
	struct store_task *t = task_new(rq);
	if (!t)
		return;
	t->job.run = check_run;
	t->job.done = check_done;
	store_access_submit(admin_of(rq)->store, rq->api->loop, &t->job);
}

static const struct api_member copy_members[] = {
	{"file", API_TEXT, .max = 4095, .required = true}, /* PATH_MAX without its NUL */
	{0},
};

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/store", API_OPERATOR, .run = store_show},
	{API_POST, "/api/v1/store/backup", API_OPERATOR, .members = copy_members,
		.run = store_copy},
	{API_POST, "/api/v1/store/check", API_OPERATOR, .run = store_verify},
};
const struct api_operations admin_store = {rows, ARRAY_LEN(rows)};
