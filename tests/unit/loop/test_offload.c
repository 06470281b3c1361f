/* SPDX-License-Identifier: MIT */
/* What crosses threads: the mailbox and the helper threads. Run under TSan as well. */
#include "tests/unit/net/sockets.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/macros.h"
#include "loop/offload.h"

enum { SENDERS = 4, LETTERS = 10000 };

static struct loop *loop;

static int setup(void **state)
{
	loop = loop_new();
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	loop = loop_free(loop);
	return 0;
}

/* ---- Mailbox ---- */

struct letter {
	struct mail mail;
	int sender, number;
};

static int next_number[SENDERS];
static int received, discarded;

static void letter_deliver(struct mail *mail)
{
	struct letter *letter = container_of(mail, struct letter, mail);
	assert_int_equal(letter->number, next_number[letter->sender]++);
	free(letter);
	if (++received == SENDERS * LETTERS)
		loop_stop(loop);
}

static void letter_discard(struct mail *mail)
{
	free(container_of(mail, struct letter, mail));
	discarded++;
}

static void post_letter(int sender, int number)
{
	struct letter *letter = malloc(sizeof *letter);
	*letter = (struct letter){{.deliver = letter_deliver, .discard = letter_discard}, sender,
		number};
	mailbox_post(loop_mailbox(loop), &letter->mail);
}

static void *sender_main(void *arg)
{
	int sender = *(int *)arg;
	for (int i = 0; i < LETTERS; i++)
		post_letter(sender, i);
	return NULL;
}

static void every_letter_arrives_in_order(void **state)
{
	pthread_t threads[SENDERS];
	int numbers[SENDERS];
	received = 0;
	for (int i = 0; i < SENDERS; i++) {
		next_number[i] = 0;
		numbers[i] = i;
		pthread_create(&threads[i], NULL, sender_main, &numbers[i]);
	}
	loop_run(loop); /* hangs if a wakeup is lost */
	assert_int_equal(received, SENDERS * LETTERS);
	for (int i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
}

/* And not delivered. */
static void letters_left_are_discarded_at_the_end(void **state)
{
	static struct mail owns_nothing;
	received = discarded = 0;
	for (int i = 0; i < 3; i++)
		post_letter(0, i);
	mailbox_post(loop_mailbox(loop), &owns_nothing);
	loop = loop_free(loop);
	assert_int_equal(discarded, 3);
	assert_int_equal(received, 0);
}

/* ---- Offload ---- */

struct job {
	struct offload_job offload;
	sem_t started, go;
	bool waits;
	atomic_int ran;
	int done; /* 0 not, 1 done, 2 done and cancelled */
};

static int jobs_done;

static void job_run(struct offload_job *offload)
{
	struct job *job = container_of(offload, struct job, offload);
	job->ran++;
	sem_post(&job->started);
	if (job->waits)
		sem_wait(&job->go);
}

static void job_done(struct offload_job *offload)
{
	struct job *job = container_of(offload, struct job, offload);
	assert_int_equal(job->done, 0);
	job->done = atomic_load(&offload->cancelled) ? 2 : 1;
	jobs_done++;
}

static void job_submit(struct offload *offload, struct job *job, bool waits)
{
	*job = (struct job){.offload = {.run = job_run, .done = job_done}, .waits = waits};
	sem_init(&job->started, 0, 0);
	sem_init(&job->go, 0, 0);
	offload_submit(offload, loop, &job->offload);
}

static void turn_until_done(int n)
{
	while (jobs_done < n)
		loop_turn(loop);
}

static void jobs_run_beside_the_loop(void **state)
{
	static struct job jobs[20];
	jobs_done = 0;
	struct offload *offload = offload_new(OFFLOAD_THREADS);
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
		job_submit(offload, &jobs[i], false);
	assert_int_equal(jobs_done, 0); /* never from within */
	turn_until_done(ARRAY_LEN(jobs));
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
		assert_int_equal(jobs[i].ran, 1);
		assert_int_equal(jobs[i].done, 1);
	}
	offload_free(offload);
}

/* One that blocks does not hold up the next. */
static void a_stuck_job_leaves_the_others_alone(void **state)
{
	static struct job stuck, quick;
	jobs_done = 0;
	struct offload *offload = offload_new(OFFLOAD_THREADS);
	job_submit(offload, &stuck, true);
	sem_wait(&stuck.started);
	job_submit(offload, &quick, false);
	turn_until_done(1);
	assert_int_equal(quick.done, 1);
	offload_cancel(&stuck.offload); /* under way: done tells */
	sem_post(&stuck.go);
	turn_until_done(2);
	assert_int_equal(stuck.done, 2);
	offload_free(offload);
}

static void a_job_cancelled_in_the_queue_never_runs(void **state)
{
	static struct job blockers[4], victim, after;
	jobs_done = 0;
	struct offload *offload = offload_new(OFFLOAD_THREADS);
	for (size_t i = 0; i < ARRAY_LEN(blockers); i++)
		job_submit(offload, &blockers[i], true);
	for (size_t i = 0; i < ARRAY_LEN(blockers); i++)
		sem_wait(&blockers[i].started);
	job_submit(offload, &victim, false);
	job_submit(offload, &after, false);
	offload_cancel(&victim.offload);
	for (size_t i = 0; i < ARRAY_LEN(blockers); i++)
		sem_post(&blockers[i].go);
	turn_until_done(6);
	assert_int_equal(victim.ran, 0);
	assert_int_equal(victim.done, 2);
	assert_int_equal(after.done, 1);
	offload_free(offload);
}

static void the_end_cancels_and_does_not_wait_for_long(void **state)
{
	static struct job stuck[4], queued;
	jobs_done = 0;
	struct offload *offload = offload_new(OFFLOAD_THREADS);
	for (size_t i = 0; i < ARRAY_LEN(stuck); i++)
		job_submit(offload, &stuck[i], true);
	for (size_t i = 0; i < ARRAY_LEN(stuck); i++)
		sem_wait(&stuck[i].started);
	job_submit(offload, &queued, false);
	uint64_t began = clock_now();
	offload_free(offload);
	assert_in_range(clock_now() - began, 500 * CLOCK_MS, CLOCK_S);
	loop = loop_free(loop);
	assert_int_equal(queued.done, 2);
	assert_int_equal(queued.ran, 0);
	assert_int_equal(jobs_done, 1);
	/* Let go now, they find nobody there and touch nothing that is gone. */
	for (size_t i = 0; i < ARRAY_LEN(stuck); i++)
		sem_post(&stuck[i].go);
	usleep(50000);
	assert_int_equal(jobs_done, 1);
}

/* One job more than there may be threads waits for one that ends. */
static void threads_are_bounded(void **state)
{
	enum { THREADS = 2 };
	static struct job jobs[THREADS + 1];
	jobs_done = 0;
	struct offload *offload = offload_new(THREADS);
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
		job_submit(offload, &jobs[i], true);
	for (size_t i = 0; i < THREADS; i++)
		sem_wait(&jobs[i].started);
	usleep(20000); /* a thread too many would begin in it */
	assert_int_equal(jobs[THREADS].ran, 0);
	sem_post(&jobs[0].go);
	sem_wait(&jobs[THREADS].started);
	for (size_t i = 1; i < ARRAY_LEN(jobs); i++)
		sem_post(&jobs[i].go);
	turn_until_done(ARRAY_LEN(jobs));
	offload_free(offload);
}

/* What a library keeps for a thread goes before the process does: here, slowly. */
static pthread_key_t belongings;
static atomic_bool belongings_gone;

static void belongings_free(void *value)
{
	usleep(50000);
	belongings_gone = true;
}

static void belongings_make(struct offload_job *job)
{
	pthread_setspecific(belongings, job);
}

static void the_end_waits_for_what_threads_have_to_free(void **state)
{
	static struct job job;
	pthread_key_create(&belongings, belongings_free);
	jobs_done = 0;
	job.offload = (struct offload_job){.run = belongings_make, .done = job_done};
	struct offload *offload = offload_new(OFFLOAD_THREADS);
	offload_submit(offload, loop, &job.offload);
	turn_until_done(1);
	offload_free(offload);
	assert_true(belongings_gone);
	pthread_key_delete(belongings);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_letter_arrives_in_order),
		TEST(letters_left_are_discarded_at_the_end),
		TEST(jobs_run_beside_the_loop),
		TEST(a_stuck_job_leaves_the_others_alone),
		TEST(a_job_cancelled_in_the_queue_never_runs),
		TEST(threads_are_bounded),
		TEST(the_end_cancels_and_does_not_wait_for_long),
		TEST(the_end_waits_for_what_threads_have_to_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
