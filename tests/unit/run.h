/* SPDX-License-Identifier: MIT */
#pragma once
/* A side of the program as a process of its own, and what it says on standard error. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGS_MAX 16
#define PATIENCE 20000 /* ms: much longer than a start takes on a busy machine */

struct run {
	pid_t pid;
	int out; /* its standard error */
	char said[32 << 10];
	size_t n;
};

static inline void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, 0600);
}

/* `side` is called in the child and never returns; `args` end in NULL. */
static inline void run_start(struct run *r, void (*side)(int argc, char **argv),
	const char *const args[])
{
	int fds[2];
	*r = (struct run){0};
	assert_int_equal(pipe(fds), 0);
	r->pid = fork();
	if (!r->pid) {
		char *argv[ARGS_MAX] = {(char[]){"side"}};
		int argc = 1;
		for (; *args; args++)
			argv[argc++] = strdup(*args);
		dup2(fds[1], STDERR_FILENO);
		alarm(PATIENCE / 1000);
		side(argc, argv);
		_exit(98);
	}
	assert_true(r->pid > 0);
	close(fds[1]);
	r->out = fds[0];
}

/* Reads until it says so, or ends; whether it said so. */
static inline bool says(struct run *r, const char *text)
{
	while (!strstr(r->said, text)) {
		struct pollfd p = {.fd = r->out, .events = POLLIN};
		if (poll(&p, 1, PATIENCE) <= 0)
			return false;
		ssize_t n = read(r->out, r->said + r->n, sizeof(r->said) - 1 - r->n);
		if (n <= 0)
			return false;
		r->n += (size_t)n;
	}
	return true;
}

/* The exit status, all that it says having been read. */
static inline int ended(struct run *r)
{
	int status;
	says(r, "\001");
	close(r->out);
	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
