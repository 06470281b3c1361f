/* SPDX-License-Identifier: MIT */
#pragma once
/* What is logged between said_begin() and said_end(): up to a pipe's 64 KiB, with the log not started. */
#include <fcntl.h>
#include <unistd.h>

struct said {
	int was, from;
	char text[8192];
};

static inline void said_begin(struct said *s)
{
	int fds[2];
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	s->was = dup(STDERR_FILENO);
	s->from = fds[0];
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
}

/* The text, until the next call. */
static inline const char *said_end(struct said *s)
{
	dup2(s->was, STDERR_FILENO);
	close(s->was);
	ssize_t n = read(s->from, s->text, sizeof(s->text) - 1);
	s->text[n > 0 ? n : 0] = '\0';
	close(s->from);
	return s->text;
}
