/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * SIGINT, SIGTERM and SIGHUP as calls from the main loop, where anything may be done; SIGUSR1, and a
 * SIGHUP that does not end the process, open the access log anew besides; SIGPIPE is ignored. One per
 * process.
 */
#include <stdbool.h>

#include "loop/event.h"

#define SIGNALS_MAX 4

struct signals {
	struct loop_event events[SIGNALS_MAX];
	void (*caught)(struct signals *signals, int signo);
	bool hangup_ends; /* SIGHUP means that the terminal is gone, not that something changed */
};

/* 0 or -errno with nothing changed. Each arrival is told; the second SIGTERM is told again. */
int signals_init(struct signals *signals, struct loop *loop,
	void (*caught)(struct signals *signals, int signo));
/* All of them are ignored from here on, those that came just now, too: the process is ending. */
void signals_deinit(struct signals *signals);
