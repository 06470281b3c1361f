/* SPDX-License-Identifier: MIT */
/* Certificates that are read again: by a reload, and because their files changed. */
#include "server/accept/certificates.h"

#include "tests/unit/server/exit_node.h"

#include <sys/stat.h>

#include "server/base/worker.h"

struct scene {
	struct exit_node *node;
	struct server_options options;
	struct certificates certificates;
	char directory[32];
	unsigned reloads; /* that are over */
	bool again;       /* when the first one is over, another one begins */
	bool early;       /* one was over while its certificates were still being read */
};

static int open_scene(void **state)
{
	struct scene *s = *state = calloc(1, sizeof(*s));
	struct error err;
	s->node = exit_node_new(&exit_node_options);
	s->options = exit_node_options;
	s->options.auto_tls = true;
	snprintf(s->directory, sizeof(s->directory), "/tmp/tunnel-test-XXXXXX");
	assert_non_null(mkdtemp(s->directory));
	assert_int_equal(certificates_init(&s->certificates, &s->node->node, &s->options,
				 s->directory, &err),
		0);
	settle(s->node);
	return 0;
}

static int close_scene(void **state)
{
	struct scene *s = *state;
	settle(s->node);
	unlink(s->certificates.cert);
	unlink(s->certificates.key);
	rmdir(s->directory);
	certificates_deinit(&s->certificates);
	exit_node_free(s->node);
	free(s);
	return 0;
}

static void reloaded(void *arg)
{
	struct scene *s = arg;
	s->early |= s->certificates.job != NULL;
	if (!s->reloads++ && s->again)
		certificates_reload(&s->certificates, &s->options, reloaded, s);
}

/* Until the files are read, and what they hold is on its way to worker 1. */
static void read_files(struct scene *s)
{
	for (int i = 0; s->certificates.job && i < 1000; i++) {
		turn(s->node, 0);
		usleep(500);
	}
	assert_null(s->certificates.job);
}

/* The files look as if they had been renewed, and are looked at. */
static void renew_files(struct scene *s)
{
	struct loop *loop = s->node->node.workers[0]->loop;
	assert_int_equal(chmod(s->certificates.cert, 0640), 0);
	loop_timer_set(&s->certificates.look, loop_now(loop));
	for (int i = 0; !s->certificates.job && i < 1000; i++) {
		turn(s->node, 0);
		usleep(500);
	}
	assert_non_null(s->certificates.job);
	read_files(s);
}

static void a_reload_is_over_when_every_worker_has_them(void **state)
{
	struct scene *s = *state;
	const struct tls_server *before = s->node->node.workers[2]->tls;
	certificates_reload(&s->certificates, &s->options, reloaded, s);
	read_files(s);
	assert_int_equal(s->reloads, 0);
	settle(s->node);
	assert_int_equal(s->reloads, 1);
	assert_ptr_not_equal(s->node->node.workers[2]->tls, before);
}

static void files_that_change_are_no_reload(void **state)
{
	struct scene *s = *state;
	const struct tls_server *before = s->node->node.workers[2]->tls;
	renew_files(s);
	settle(s->node);
	assert_int_equal(s->reloads, 0);
	assert_ptr_not_equal(s->node->node.workers[2]->tls, before);
}

/* Certificates of a reload are on their way, and newer ones behind them, which end no other reload. */
static void each_reload_waits_for_its_own(void **state)
{
	struct scene *s = *state;
	s->again = true;
	certificates_reload(&s->certificates, &s->options, reloaded, s);
	read_files(s);
	renew_files(s);
	assert_int_equal(s->reloads, 0);
	settle(s->node);
	read_files(s);
	settle(s->node);
	assert_int_equal(s->reloads, 2);
	assert_false(s->early);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_scene, close_scene)
	const struct CMUnitTest tests[] = {
		TEST(a_reload_is_over_when_every_worker_has_them),
		TEST(files_that_change_are_no_reload),
		TEST(each_reload_waits_for_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
