/* SPDX-License-Identifier: MIT */
/* A step that the table does not have ends the process, and the log says which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/state.h"

enum { RED, GREEN, YELLOW };

static const char *const names[] = {"red", "green", "yellow"};
static const uint8_t legal[] = {
	[RED] = 1 << GREEN,
	[GREEN] = 1 << YELLOW | 1 << RED,
	[YELLOW] = 0,
};
static const struct state_table light = {"light", names, legal};

static void legal_steps_do_nothing(void **state)
{
	state_step(&light, RED, GREEN);
	state_step(&light, GREEN, YELLOW);
	state_step(&light, GREEN, RED);
}

/* Makes the step in a process of its own; its exit status, and what it wrote to standard error. */
static int step_in_child(unsigned from, unsigned to, bool log_started, char *out, size_t size)
{
	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct error err;
		dup2(pipes[1], STDERR_FILENO);
		close(pipes[0]);
		/* Of the sanitizers' own. */
		signal(SIGABRT, SIG_DFL);
		if (log_started && log_start(&(struct log_options){.level = LOG_ERROR}, &err) < 0)
			_exit(1);
		if (log_started)
			log_turn(); /* lines of this thread wait for the end of its turn from here on */
		state_step(&light, from, to);
		_exit(0);
	}
	close(pipes[1]);
	size_t n = 0;
	ssize_t got;
	while (n + 1 < size && (got = read(pipes[0], out + n, size - 1 - n)) > 0)
		n += (size_t)got;
	out[n] = 0;
	close(pipes[0]);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void illegal_steps_end_the_process(void **state)
{
	static const struct {
		unsigned from, to;
		const char *says;
	} rows[] = {
		{RED, YELLOW, "light was to go from \"red\" to \"yellow\""},
		{RED, RED, "light was to go from \"red\" to \"red\""},
		{YELLOW, GREEN, "light was to go from \"yellow\" to \"green\""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (int started = 0; started < 2; started++) {
			char out[1024];
			int status =
				step_in_child(rows[i].from, rows[i].to, started, out, sizeof out);
			assert_true(WIFSIGNALED(status));
			assert_int_equal(WTERMSIG(status), SIGABRT);
			assert_non_null(strstr(out, rows[i].says));
		}
	char out[1024];
	assert_int_equal(step_in_child(RED, GREEN, true, out, sizeof out), 0);
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(legal_steps_do_nothing),
		cmocka_unit_test(illegal_steps_end_the_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
