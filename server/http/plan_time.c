/* SPDX-License-Identifier: MIT */
/* The time that rules give a request (rule_limit::time). */
#include "base/macros.h"
#include "server/base/worker.h"
#include "server/http/plan_run.h"

static void expired(struct loop_timer *timer)
{
	struct plan *p = container_of(timer, struct plan, time);
	exchange_fail(p->ex, ERROR_PAGE_TIME_LIMIT);
}

void plan_disarm(struct plan *p)
{
	loop_timer_cancel(&p->time);
	p->time = (struct loop_timer){.loop = NULL};
}

void plan_arm(struct exchange *ex)
{
	struct plan *p = ex->plan;
	if (!p->time_max || p->time.loop)
		return;
	loop_timer_init(&p->time, ex->worker->loop, expired);
	loop_timer_set(&p->time, ex->began + p->time_max);
}
