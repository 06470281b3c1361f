/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The programs of --on-pending: each run is a process that has the request as JSON on its standard input, and
 * whose end is waited for. So many run at a time, and the next ones wait for one to end.
 */
#include <stddef.h>

#include "base/list.h"
#include "base/log_limit.h"
#include "loop/loop.h"

/* At a time: a shell script or a mail each, on the machine of the service. */
#define PENDING_PROGRAMS_MAX       8
/* Requests that wait, in all: as many as one identity may have, and more at once only in an attack. */
#define PENDING_PROGRAMS_WAIT      64
/* Lines about requests for which it is not run: who asks again and again must not fill the log. */
#define PENDING_PROGRAMS_LOG_EVERY CLOCK_S
#define PENDING_PROGRAMS_LOG_BURST 16
/* A program that takes longer hangs, and is killed. µs */
#define PENDING_PROGRAM_TIME       (60 * CLOCK_S)

struct pending_programs {
	struct loop *loop;
	struct list running, waiting;
	size_t n_running, n_waiting;
	struct log_limit log_many;
};

void pending_programs_init(struct pending_programs *p, struct loop *loop);

/* Programs that run go on by themselves. Accepts zeroed memory. */
void pending_programs_deinit(struct pending_programs *p);

/* What PENDING_PROGRAM_TIME does, for all that run. */
void pending_programs_expire(struct pending_programs *p);

/* Runs it now, or when others have ended. Its failure is logged. `program` and `json` are copied. */
void pending_programs_run(struct pending_programs *p, const char *program, const char *json,
	size_t n);
