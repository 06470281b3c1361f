/* SPDX-License-Identifier: MIT */
#include "client/local/hosts_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"

/* Owns copies of what it works on: the owner may go while it runs. */
struct hosts_job {
	struct offload_job job;
	struct hosts_file *owner; /* meaningless once it is cancelled */
	char *path;
	struct hosts_entry *entries;
	size_t n;
	int result;
	struct error err;
};

/* ---- Entries ---- */

static struct hosts_entry *entries_free(struct hosts_entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free((char *)(uintptr_t)entries[i].alias);
		free((char *)(uintptr_t)entries[i].fqdns);
		free((char *)(uintptr_t)entries[i].own);
	}
	free(entries);
	return NULL;
}

static bool copy_text(const char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

/* NULL when memory is out. */
static struct hosts_entry *entries_copy(const struct hosts_entry *from, size_t n)
{
	struct hosts_entry *to = calloc(n + 1, sizeof(*to));
	bool whole = to;
	for (size_t i = 0; i < n && whole; i++) {
		memcpy(to[i].address, from[i].address, sizeof(to[i].address));
		whole = copy_text(&to[i].alias, from[i].alias);
		whole = copy_text(&to[i].fqdns, from[i].fqdns) && whole;
		whole = copy_text(&to[i].own, from[i].own) && whole;
	}
	return whole || !to ? to : entries_free(to, n);
}

static bool entries_same(const struct hosts_entry *a, const struct hosts_entry *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(a[i].address, b[i].address) != 0 || !str_same(a[i].alias, b[i].alias) ||
			!str_same(a[i].fqdns, b[i].fqdns))
			return false;
	return true;
}

/* ---- One job at a time ---- */

static void hosts_job_free(struct hosts_job *j)
{
	entries_free(j->entries, j->n);
	free(j->path);
	free(j);
}

static void hosts_job_run(struct offload_job *job)
{
	struct hosts_job *j = container_of(job, struct hosts_job, job);
	j->result = hosts_file_write(j->path, getpid(), j->entries, j->n, &job->cancelled, &j->err);
}

static void hosts_file_begin(struct hosts_file *h);

static void hosts_file_failed(struct hosts_file *h, const char *why)
{
	h->stale = true;
	loop_timer_set(&h->retry, loop_now(h->loop) + HOSTS_FILE_RETRY);
	if (!h->failed_said)
		log_error("the names of private services are not in %s: %s; trying again every "
			  "%.0f s",
			h->path, why, (double)HOSTS_FILE_RETRY / CLOCK_S);
	h->failed_said = true;
}

static void hosts_job_done(struct offload_job *job)
{
	struct hosts_job *j = container_of(job, struct hosts_job, job);
	struct hosts_file *h = j->owner;
	if (!atomic_load(&job->cancelled)) {
		h->job = NULL;
		if (j->result < 0)
			hosts_file_failed(h, j->err.text);
		else if (h->stale)
			hosts_file_begin(h);
		else
			h->failed_said = false;
	}
	hosts_job_free(j);
}

static void hosts_file_begin(struct hosts_file *h)
{
	struct hosts_job *j = calloc(1, sizeof(*j));
	if (j) {
		j->owner = h;
		j->path = strdup(h->path);
		j->entries = entries_copy(h->entries, h->n);
		j->n = h->n;
	}
	if (!j || !j->path || !j->entries) {
		if (j)
			hosts_job_free(j);
		hosts_file_failed(h, "out of memory");
		return;
	}
	h->stale = false;
	h->written = true;
	h->job = j;
	j->job.run = hosts_job_run;
	j->job.done = hosts_job_done;
	offload_submit(h->offload, h->loop, &j->job);
}

static void hosts_file_retry(struct loop_timer *timer)
{
	struct hosts_file *h = container_of(timer, struct hosts_file, retry);
	if (!h->job && h->stale)
		hosts_file_begin(h);
}

/* ---- For its owner ---- */

void hosts_file_set(struct hosts_file *h, const struct hosts_entry *entries, size_t n)
{
	if (n == h->n && entries_same(entries, h->entries, n))
		return;
	struct hosts_entry *copy = entries_copy(entries, n);
	if (!copy) {
		hosts_file_failed(h, "out of memory");
		return;
	}
	entries_free(h->entries, h->n);
	h->entries = copy;
	h->n = n;
	h->stale = true;
	if (!h->job)
		hosts_file_begin(h);
}

int hosts_file_init(struct hosts_file *h, struct loop *loop, struct offload *offload,
	const char *path)
{
	*h = (struct hosts_file){.loop = loop, .offload = offload, .path = strdup(path)};
	loop_timer_init(&h->retry, loop, hosts_file_retry);
	return h->path ? 0 : -ENOMEM;
}

void hosts_file_deinit(struct hosts_file *h)
{
	struct error err;
	if (!h->loop)
		return;
	loop_timer_cancel(&h->retry);
	/* One that has the lock is waited for, and one that has it later writes nothing. */
	if (h->job)
		offload_cancel(&h->job->job);
	if (h->written && hosts_file_write(h->path, getpid(), NULL, 0, NULL, &err) < 0)
		log_error("the names of private services are still in %s: %s", h->path, err.text);
	entries_free(h->entries, h->n);
	free(h->path);
	*h = (struct hosts_file){0};
}
