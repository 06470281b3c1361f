/* SPDX-License-Identifier: MIT */
#include "loop/offload.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

/* How long the end of the process waits for a job under way, in ms: Argon2id takes 20. */
#define OFFLOAD_PATIENCE 500

/* Threads are counted as well as joined: of those that are given up the last one frees. */
struct offload {
	pthread_mutex_t lock; /* over everything below */
	pthread_cond_t work;  /* something waits, or stopping */
	pthread_cond_t left;  /* a thread is done */
	struct list waiting;  /* of struct offload_job, by mail.link */
	struct list running;
	size_t queued;    /* length of `waiting` */
	unsigned threads; /* of these, not yet done */
	unsigned idle;    /* of these, waiting for work */
	bool stopping;
	bool abandoned; /* offload_free() gave up: the last thread frees */
	unsigned max;
	unsigned started; /* length of `handles` */
	pthread_t handles[];
};

static struct offload_job *first_job(struct list *list)
{
	return list_first(list, struct offload_job, mail.link);
}

static void deliver(struct mail *mail)
{
	struct offload_job *job = container_of(mail, struct offload_job, mail);
	job->done(job);
}

static void destroy(struct offload *offload)
{
	pthread_cond_destroy(&offload->left);
	pthread_cond_destroy(&offload->work);
	pthread_mutex_destroy(&offload->lock);
	free(offload);
}

static void run_job(struct offload_job *job)
{
	if (!atomic_load(&job->cancelled))
		job->run(job);
}

static void *helper(void *arg)
{
	struct offload *offload = arg;
	pthread_mutex_lock(&offload->lock);
	for (;;) {
		while (list_empty(&offload->waiting) && !offload->stopping) {
			offload->idle++;
			pthread_cond_wait(&offload->work, &offload->lock);
			offload->idle--;
		}
		struct offload_job *job = first_job(&offload->waiting);
		if (!job)
			break;
		list_unlink(&job->mail.link);
		list_append(&offload->running, &job->mail.link);
		offload->queued--;
		pthread_mutex_unlock(&offload->lock);
		run_job(job);
		pthread_mutex_lock(&offload->lock);
		list_unlink(&job->mail.link);
		/* Under the lock, or the loop might be gone between the question and the post. */
		if (!offload->abandoned)
			mailbox_post(loop_mailbox(job->home), &job->mail);
	}
	bool last = --offload->threads == 0 && offload->abandoned;
	pthread_cond_signal(&offload->left);
	pthread_mutex_unlock(&offload->lock);
	if (last)
		destroy(offload);
	return NULL;
}

/* Signals are the main loop's: it inherits a mask that has them all blocked. Under the lock. */
static void start_thread(struct offload *offload)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, OFFLOAD_STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool started =
		pthread_create(&offload->handles[offload->started], &attr, helper, offload) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	offload->started += started;
	offload->threads += started;
}

struct offload *offload_new(unsigned threads)
{
	struct offload *offload = calloc(1, sizeof *offload + threads * sizeof(pthread_t));
	if (!offload)
		return NULL;
	offload->max = threads;
	list_init(&offload->waiting);
	list_init(&offload->running);
	pthread_mutex_init(&offload->lock, NULL);
	pthread_cond_init(&offload->work, NULL);
	pthread_cond_init(&offload->left, NULL);
	return offload;
}

void offload_submit(struct offload *offload, struct loop *home, struct offload_job *job)
{
	job->home = home;
	job->mail.deliver = job->mail.discard = deliver;
	atomic_init(&job->cancelled, false);
	pthread_mutex_lock(&offload->lock);
	bool wanted = offload->queued >= offload->idle && offload->started < offload->max;
	if (wanted)
		start_thread(offload);
	bool queue = offload->threads > 0;
	if (queue) {
		list_init(&job->mail.link);
		list_append(&offload->waiting, &job->mail.link);
		offload->queued++;
		pthread_cond_signal(&offload->work);
	}
	pthread_mutex_unlock(&offload->lock);
	if (queue)
		return;
	run_job(job); /* a stall beats a job that never ends */
	mailbox_post(loop_mailbox(home), &job->mail);
}

void offload_cancel(struct offload_job *job)
{
	atomic_store(&job->cancelled, true);
}

static void wait_for_threads(struct offload *offload)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += OFFLOAD_PATIENCE * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	int r = 0;
	while (offload->threads > 0 && r == 0)
		r = pthread_cond_clockwait(&offload->left, &offload->lock, CLOCK_MONOTONIC, &until);
}

struct offload *offload_free(struct offload *offload)
{
	if (!offload)
		return NULL;
	pthread_mutex_lock(&offload->lock);
	offload->stopping = true;
	list_for_each (it, &offload->running)
		offload_cancel(list_entry(it, struct offload_job, mail.link));
	for (struct offload_job *job; (job = first_job(&offload->waiting));) {
		list_unlink(&job->mail.link);
		offload_cancel(job);
		mailbox_post(loop_mailbox(job->home), &job->mail);
	}
	pthread_cond_broadcast(&offload->work);
	wait_for_threads(offload);
	offload->abandoned = offload->threads > 0;
	if (offload->abandoned) {
		for (unsigned i = 0; i < offload->started; i++)
			pthread_detach(offload->handles[i]);
		pthread_mutex_unlock(&offload->lock);
		return NULL;
	}
	pthread_mutex_unlock(&offload->lock);
	/* What a library keeps for a thread is freed before the process clears up after the library. */
	for (unsigned i = 0; i < offload->started; i++)
		pthread_join(offload->handles[i], NULL);
	destroy(offload);
	return NULL;
}
