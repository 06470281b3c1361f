/* SPDX-License-Identifier: MIT */
#include "client/keys/known_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/macros.h"
#include "client/keys/identity_key.h"

/* A question as the helper thread has it. */
struct item {
	char name[KEY_NAME_SIZE];
	bool has_key;
	uint8_t key[KEY_PAIR_SIZE];
	enum known_key answer;
	uint8_t known[KEY_PAIR_SIZE];
};

struct known_keys_job {
	struct offload_job job;
	struct known_keys *owner; /* void when the job is cancelled */
	char *dir;                /* owned */
	struct key_list list;     /* what the file has in the end */
	bool unread;              /* it could not be read: `err` */
	bool unwritten;           /* likewise */
	struct error err;
	size_t n;
	struct item items[];
};

/* ---- The file ---- */

/* 0 also where there is no file. */
static int read_list(const struct kept_dir *dir, struct key_list *out, struct error *err)
{
	auto_free char *text = NULL;
	int r = kept_text_read(dir, KNOWN_KEYS_FILE, &text, err);
	if (r == KEPT_NONE)
		return 0;
	if (!r)
		r = key_list_parse(out, text, err);
	else
		return r == KEPT_UNFIT ? -EINVAL : r;
	if (r)
		error_prefix(err, "%s/" KNOWN_KEYS_FILE, dir->path);
	return r;
}

static int write_list(const struct kept_dir *dir, const struct key_list *list, struct error *err)
{
	struct buf text = BUF_NULL;
	int r = key_list_format(list, &text);
	if (r)
		error_set(err, r, "no memory");
	else if (buf_len(&text) > KEPT_TEXT_MAX)
		r = error_set(err, -ENOSPC, "%s/" KNOWN_KEYS_FILE " is full", dir->path);
	else
		r = kept_text_replace(dir, KNOWN_KEYS_FILE, (const char *)buf_head(&text),
			buf_len(&text), err);
	buf_deinit(&text);
	return r;
}

int known_keys_forget(const struct kept_dir *dir, const char *name, size_t *n_out,
	struct error *err)
{
	struct key_list list = {0};
	auto_close int lock = kept_lock(dir, KNOWN_KEYS_FILE, err);
	int r = lock < 0 ? lock : read_list(dir, &list, err);
	size_t n = r ? 0 : key_list_forget(&list, name);
	if (n)
		r = write_list(dir, &list, err);
	key_list_deinit(&list);
	if (!r)
		*n_out = n;
	return r;
}

/* ---- An answer ---- */

/* By that list, to which a key of a new name is added. */
static enum known_key check_key(struct key_list *list, struct item *item)
{
	const uint8_t *known = key_list_find(list, item->name);
	if (known)
		memcpy(item->known, known, KEY_PAIR_SIZE);
	if (known && item->has_key && memcmp(known, item->key, KEY_PAIR_SIZE) == 0)
		return KNOWN_KEY_SAME;
	if (known)
		return KNOWN_KEY_OTHER;
	if (!item->has_key)
		return KNOWN_KEY_NONE;
	int r = key_list_add(list, item->name, item->key);
	return r == 0 ? KNOWN_KEY_NEW : r == -ENOSPC ? KNOWN_KEY_FULL : KNOWN_KEY_FAILED;
}

static void look_up(struct known_keys_job *job, const struct kept_dir *dir)
{
	struct error *err = &job->err;
	auto_close int lock = kept_lock(dir, KNOWN_KEYS_FILE, err);
	/* Where the directory cannot be written, what it has can be read all the same. */
	job->unwritten = lock < 0;
	job->unread = read_list(dir, &job->list, err) < 0;
	bool changed = false;
	for (size_t i = 0; i < job->n && !job->unread; i++) {
		job->items[i].answer = check_key(&job->list, &job->items[i]);
		changed |= job->items[i].answer == KNOWN_KEY_NEW;
	}
	if (changed && !job->unwritten)
		job->unwritten = write_list(dir, &job->list, err) < 0;
}

/* On a helper thread. */
static void run(struct offload_job *offload_job)
{
	struct known_keys_job *job = container_of(offload_job, struct known_keys_job, job);
	struct kept_dir dir;
	job->unread = kept_dir_open(&dir, job->dir, CLIENT_STATE_NAME, &job->err) < 0;
	if (!job->unread)
		look_up(job, &dir);
	kept_dir_close(&dir);
}

static void say_failed(struct known_keys *k, const struct known_keys_job *job)
{
	char more[LOG_LIMIT_MORE];
	if ((!job->unread && !job->unwritten) ||
		!log_limit_pass(&k->log_failed, loop_now(k->loop), KNOWN_KEYS_LOG_EVERY, 1, more))
		return;
	if (job->unread)
		log_error("other clients' keys are not believed, as it cannot be said whether they "
			  "are those that were seen before: %s%s",
			job->err.text, more);
	else
		log_warn("other clients' keys are remembered by this process alone: %s%s",
			job->err.text, more);
}

static void job_free(struct known_keys_job *job)
{
	if (!job)
		return;
	key_list_deinit(&job->list);
	free(job->dir);
	free(job);
}

static void begin(struct known_keys *k);

static void done(struct offload_job *offload_job)
{
	struct known_keys_job *job = container_of(offload_job, struct known_keys_job, job);
	struct known_keys *k = job->owner;
	if (offload_job->cancelled) {
		job_free(job);
		return;
	}
	k->job = NULL;
	k->alone = job->unwritten;
	say_failed(k, job);
	if (!job->unread) {
		struct key_list before = k->list;
		k->list = job->list;
		job->list = before;
	}
	/* An answer may ask again, or cancel another question. */
	while (!list_empty(&k->asked)) {
		struct key_question *q = list_entry(k->asked.next, struct key_question, link);
		const struct item *item = &job->items[q->number];
		list_unlink(&q->link);
		q->answered(q, job->unread ? KNOWN_KEY_FAILED : item->answer, item->known);
	}
	job_free(job);
	begin(k);
}

static void fill(struct item *item, const struct key_question *q)
{
	memcpy(item->name, q->name, sizeof(item->name));
	memcpy(item->key, q->key, sizeof(item->key));
	item->has_key = q->has_key;
}

static struct known_keys_job *job_new(struct known_keys *k)
{
	size_t n = 0;
	list_for_each (it, &k->asking)
		n++;
	struct known_keys_job *job = calloc(1, sizeof(*job) + n * sizeof(job->items[0]));
	if (!job)
		return NULL;
	job->owner = k;
	job->job.run = run;
	job->job.done = done;
	job->dir = strdup(k->dir);
	if (job->dir)
		return job;
	job_free(job);
	return NULL;
}

/* All that wait go to a helper thread together. */
static void begin(struct known_keys *k)
{
	if (k->job || list_empty(&k->asking))
		return;
	struct known_keys_job *job = job_new(k);
	list_for_each_safe (it, &k->asking) {
		struct key_question *q = list_entry(it, struct key_question, link);
		list_unlink(it);
		if (job) {
			fill(&job->items[job->n], q);
			q->number = job->n++;
			list_append(&k->asked, it);
		} else {
			q->answered(q, KNOWN_KEY_FAILED, NULL);
		}
	}
	if (!job)
		return;
	k->job = job;
	offload_submit(k->offload, k->loop, &job->job);
}

/* ---- For everybody ---- */

static void answer_by_memory(struct known_keys *k, struct key_question *q)
{
	struct item item;
	fill(&item, q);
	enum known_key answer = check_key(&k->list, &item);
	q->answered(q, answer, item.known);
}

void known_keys_ask(struct known_keys *k, struct key_question *q)
{
	const uint8_t *known = key_list_find(&k->list, q->name);
	bool same = known && q->has_key && memcmp(known, q->key, KEY_PAIR_SIZE) == 0;
	list_init(&q->link);
	/* The file is asked for what is new, and where somebody may have said that it should be forgotten. */
	if (same || (!known && !q->has_key) || !k->dir || (known && k->alone)) {
		answer_by_memory(k, q);
		return;
	}
	list_append(&k->asking, &q->link);
	begin(k);
}

void key_question_cancel(struct key_question *q)
{
	if (q->link.next)
		list_unlink(&q->link);
}

int known_keys_init(struct known_keys *k, struct loop *loop, struct offload *offload,
	const struct kept_dir *dir, struct error *err)
{
	*k = (struct known_keys){.loop = loop, .offload = offload};
	list_init(&k->asking);
	list_init(&k->asked);
	if (!dir)
		return 0;
	k->dir = strdup(dir->path);
	return k->dir ? read_list(dir, &k->list, err) : error_set(err, -ENOMEM, "no memory");
}

static void let_go(struct list *questions)
{
	while (!list_empty(questions))
		list_unlink(questions->next);
}

void known_keys_deinit(struct known_keys *k)
{
	if (!k->loop)
		return;
	if (k->job)
		offload_cancel(&k->job->job);
	let_go(&k->asking);
	let_go(&k->asked);
	key_list_deinit(&k->list);
	free(k->dir);
	*k = (struct known_keys){0};
}
