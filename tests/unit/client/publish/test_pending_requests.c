/* SPDX-License-Identifier: MIT */
/* Requests that wait for an approval, and the programs that hear of them: real processes. */
#include "client/publish/pending_requests.h"

#include "publications_scene.h"
#include "tests/unit/emulated.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE (30 * CLOCK_S)

static struct loop *loop;
static struct pending_requests requests;
static struct scene scene;
static char folder[] = "/tmp/pending.XXXXXX";
static char program[128], heard[128], go[128];

static void write_program(const char *body)
{
	FILE *f = fopen(program, "w");
	fprintf(f, "#!/bin/sh\n%s\n", body);
	fclose(f);
	chmod(program, 0700);
}

static int setup(void **state)
{
	static const struct option_ranges no_ports;
	struct error err;
	assert_non_null(mkdtemp(folder));
	snprintf(program, sizeof(program), "%s/program", folder);
	snprintf(heard, sizeof(heard), "%s/heard", folder);
	snprintf(go, sizeof(go), "%s/go", folder);
	struct service_options what = {.upstream = (char *)"tcp://127.0.0.1:1",
		.private_name = (char *)"redis",
		.on_pending = program};
	loop = loop_new();
	begin(&scene, "");
	assert_int_equal(upstreams_add(&scene.upstreams, &what, &no_ports, &err), 0);
	assert_int_equal(publications_set(&scene.publications, &scene.upstreams, &err, NULL), 0);
	pending_requests_init(&requests, loop);
	return 0;
}

static int teardown(void **state)
{
	pending_requests_deinit(&requests);
	end(&scene);
	loop_free(loop);
	unlink(program);
	unlink(heard);
	unlink(go);
	rmdir(folder);
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	return 0;
}

static void ask(const char *id, const char *service, const char *message)
{
	struct control m = {.type = CONTROL_PENDING,
		.pending = {.id = id, .service = service, .consumer = "web", .message = message}};
	pending_requests_heard(&requests, &scene.publications, &m);
}

static void tick(struct loop_timer *timer)
{
	loop_timer_set(timer, loop_now(timer->loop) + 10 * CLOCK_MS);
}

/* Until no more than so many run. */
static void wait_for(size_t running)
{
	struct loop_timer timer;
	uint64_t late = clock_now() + PATIENCE;
	loop_timer_init(&timer, loop, tick);
	tick(&timer);
	while (requests.programs.n_running > running || requests.programs.n_waiting) {
		assert_true(clock_now() < late);
		loop_turn(loop);
	}
	loop_timer_cancel(&timer);
}

static size_t read_heard(char *to, size_t size)
{
	FILE *f = fopen(heard, "r");
	size_t n = f ? fread(to, 1, size - 1, f) : 0;
	to[n] = '\0';
	if (f)
		fclose(f);
	return n;
}

static void said_once(void **state)
{
	char got[1024];
	char body[320];
	snprintf(body, sizeof(body), "cat >> %s; echo >> %s", heard, heard);
	write_program(body);
	for (int i = 0; i < 3; i++)
		ask("web.7f3a9c2e41d05b68", "redis", "please");
	ask("web.7f3a9c2e41d05b68", "another", "please");
	wait_for(0);
	read_heard(got, sizeof(got));
	assert_string_equal(got,
		"{\"type\":\"pending\",\"id\":\"web.7f3a9c2e41d05b68\",\"service\":\"redis\","
		"\"consumer\":\"web\",\"message\":\"please\"}\n");
	ask("web.7f3a9c2e41d05b68", "redis", "still"); /* another message is news */
	wait_for(0);
	assert_true(read_heard(got, sizeof(got)) > 150);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* all were waited for */
	assert_int_equal(errno, ECHILD);
}

static void so_many_at_a_time(void **state)
{
	char body[320], got[1024], id[32];
	snprintf(body, sizeof(body), "while [ ! -e %s ]; do sleep 0.05; done; echo x >> %s", go,
		heard);
	write_program(body);
	for (int i = 0; i < PENDING_PROGRAMS_MAX + PENDING_PROGRAMS_WAIT + 5; i++) {
		snprintf(id, sizeof(id), "web.%d", i);
		ask(id, "redis", NULL);
	}
	assert_int_equal(requests.programs.n_running, PENDING_PROGRAMS_MAX);
	assert_int_equal(requests.programs.n_waiting, PENDING_PROGRAMS_WAIT);
	fclose(fopen(go, "w"));
	wait_for(0);
	assert_int_equal(read_heard(got, sizeof(got)),
		2 * (PENDING_PROGRAMS_MAX + PENDING_PROGRAMS_WAIT));
}

/* One that fails, one that reads nothing, one that is not there, one that hangs. */
static void failures(void **state)
{
	write_program("exit 3");
	ask("web.1", "redis", NULL);
	wait_for(0);
	unlink(program);
	ask("web.2", "redis", NULL);
	/* Where vfork() is a fork() the parent does not hear that there is nothing to execute, and reaps it. */
	assert_true(EMULATED || requests.programs.n_running == 0);
	wait_for(0);
	write_program("exec sleep 600");
	ask("web.3", "redis", NULL);
	assert_int_equal(requests.programs.n_running, 1);
	write_program("exec sleep 600");
	/* What PENDING_PROGRAM_TIME would bring. */
	pending_programs_expire(&requests.programs);
	wait_for(0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(said_once, setup, teardown),
		cmocka_unit_test_setup_teardown(so_many_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(failures, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
