/* SPDX-License-Identifier: MIT */
#include "server/store/store_access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/store/catalog.h"
#include "store/store_lock.h"

struct reading {
	struct catalog *catalog;
	int result;
};

static void read_row(void *arg, const struct store_row *row)
{
	struct reading *r = arg;
	if (r->result == 0)
		r->result = catalog_apply(r->catalog, row, 1);
}

static int store_access_read(struct store_access *s, struct catalog *catalog, struct error *err)
{
	struct reading reading = {.catalog = catalog};
	int r = store_open(&s->store, s->path, s->salt, false, err);
	if (r == STORE_NONE)
		return 0;
	if (r == 0)
		r = store_read(s->store, 0, read_row, &reading, &s->revision, err);
	if (r == 0 && reading.result < 0)
		r = error_set(err, reading.result, "out of memory for what %s has", s->path);
	s->there = r == 0;
	catalog_look(catalog, policy_now());
	return r;
}

/* Without what there is to read this is as if there were no directory. */
static int store_access_without(struct store_access *s, const char *why_not, struct error *err)
{
	if (s->path && access(s->path, F_OK) == 0)
		return error_set(err, -EROFS, "%s is there, and nothing can be kept: %s", s->path,
			why_not);
	error_set(&s->why_not, 0, "%s", why_not);
	free(s->dir);
	s->dir = NULL;
	return 0;
}

int store_access_open(struct store_access *s, const char *dir, const char *why_not,
	const uint8_t *salt, struct catalog *catalog, struct error *err)
{
	struct error lock;
	*s = (struct store_access){.catalog = catalog,
		.salt = salt,
		.lock = -1,
		.helper = offload_new(1)};
	s->dir = dir ? strdup(dir) : NULL;
	if (dir && asprintf(&s->path, "%s/" STORE_FILE, dir) < 0)
		s->path = NULL;
	if (!s->helper || (dir && (!s->dir || !s->path)))
		return error_set(err, -ENOMEM, "out of memory");
	if (why_not) {
		/* It may be in `err`. */
		lock = (struct error){0};
		error_set(&lock, 0, "%s", why_not);
		return store_access_without(s, lock.text, err);
	}
	int r = store_lock_take(dir, &s->lock, &lock);
	if (r == -EWOULDBLOCK)
		return error_set(err, r, "%s", lock.text);
	return r < 0 ? store_access_without(s, lock.text, err) : store_access_read(s, catalog, err);
}

void store_access_close(struct store_access *s)
{
	if (!s->helper)
		return;
	loop_timer_cancel(&s->uses);
	offload_free(s->helper);
	/* One that hangs in a disk keeps it until the process is gone, which is at once. */
	if (!atomic_load(&s->busy)) {
		if (s->at_end)
			s->at_end(s);
		store_close(s->store);
		if (s->lock >= 0)
			close(s->lock);
	}
	free(s->path);
	free(s->dir);
	*s = (struct store_access){0};
}

/* ---- Jobs ---- */

static void job_run(struct offload_job *job)
{
	struct store_job *j = container_of(job, struct store_job, job);
	struct store_access *s = j->access;
	atomic_store(&s->busy, true);
	j->result = s->store ? 0 : store_open(&s->store, s->path, s->salt, j->make, &j->err);
	if (j->result == 0)
		j->result = j->run(j, s->store, &j->err);
	atomic_store(&s->busy, false);
}

static void job_done(struct offload_job *job)
{
	struct store_job *j = container_of(job, struct store_job, job);
	if (!atomic_load(&job->cancelled)) {
		j->access->there |= j->result == 0;
		if (j->result == 0 && j->revision)
			j->access->revision = j->revision;
	}
	j->done(j);
}

/* Nothing can be kept: what the helper would find out at once. */
static void job_refuse(struct offload_job *job)
{
	struct store_job *j = container_of(job, struct store_job, job);
	j->result = error_set(&j->err, -EROFS, "%s", j->access->why_not.text);
}

void store_access_submit(struct store_access *s, struct loop *loop, struct store_job *j)
{
	j->access = s;
	j->job.run = s->dir ? job_run : job_refuse;
	j->job.done = job_done;
	offload_submit(s->helper, loop, &j->job);
}
