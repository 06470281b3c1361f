/* SPDX-License-Identifier: MIT */
#include "cli/renewal.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exit_status.h"
#include "base/macros.h"

/*
 * µs. Neither the kernel's timers for signals nor its monotonic clock count the time that the machine sleeps, so the
 * clock that does is looked at so often.
 */
#define LOOK (30 * CLOCK_S)

uint64_t renewal_wait(uint64_t lifetime, uint32_t random)
{
	return lifetime / 10 * 6 + (lifetime / 10 * 3 / 1000) * (random % 1000);
}

static void end(int number)
{
	_exit(STATUS_OK);
}

static sigset_t hangup(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	return set;
}

void renewal_begin(void)
{
	const struct sigaction action = {.sa_handler = end};
	sigset_t set = hangup();
	/* Whatever is under way is whole, or not there: cli/certificate_files. */
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * CLOCK_S + (uint64_t)t.tv_nsec / 1000;
}

void renewal_sleep(uint64_t us)
{
	uint64_t until = now() + us, at;
	sigset_t set = hangup();
	while ((at = now()) < until) {
		uint64_t left = MIN(until - at, LOOK);
		const struct timespec wait = {.tv_sec = (time_t)(left / CLOCK_S),
			.tv_nsec = (long)(left % CLOCK_S) * 1000};
		if (sigtimedwait(&set, NULL, &wait) == SIGHUP)
			return;
	}
}
