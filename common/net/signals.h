#pragma once
/*
 * SIGINT, SIGTERM and SIGHUP as calls from the main loop, where anything may be done; SIGPIPE is
 * ignored. One per process.
 */
#include <stdbool.h>

#include "net/loop.h"

#define SIGNALS_MAX 3

struct signals {
	struct loop_event events[SIGNALS_MAX];
	void (*caught)(struct signals *signals, int signo);
	bool hangup_ends; /* SIGHUP means that the terminal is gone, not that something changed */
};

/* 0 or -errno with nothing changed. Each arrival is told; the second SIGTERM is told again. */
int signals_init(struct signals *signals, struct loop *loop,
	void (*caught)(struct signals *signals, int signo));
/* SIGINT and SIGTERM are ignored from here on: the process is ending. */
void signals_deinit(struct signals *signals);
