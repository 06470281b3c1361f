/* SPDX-License-Identifier: MIT */
#include "loop/signals.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"

static const int caught_signals[SIGNALS_MAX] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};

static void signal_event(int signo, short what, void *arg)
{
	struct signals *signals = arg;
	/* Whatever becomes of a reload: who rotates logs does not know of our configuration. */
	if (signo == SIGUSR1 || (signo == SIGHUP && !signals->hangup_ends))
		log_reopen();
	if (signo != SIGUSR1)
		signals->caught(signals, signo);
}

int signals_init(struct signals *signals, struct loop *loop,
	void (*caught)(struct signals *signals, int signo))
{
	struct sigaction before;
	sigaction(SIGHUP, NULL, &before);
	*signals = (struct signals){
		.caught = caught,
		.hangup_ends = before.sa_handler != SIG_IGN && isatty(STDERR_FILENO),
	};
	for (size_t i = 0; i < SIGNALS_MAX; i++) {
		int r = loop_watch_signal(&signals->events[i], loop, caught_signals[i],
			signal_event, signals);
		if (r < 0) {
			signals_deinit(signals);
			return r;
		}
	}
	/* Sockets are written with MSG_NOSIGNAL; this is for standard error at a closed pipe. */
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

void signals_deinit(struct signals *signals)
{
	sigset_t ours, before;
	sigemptyset(&ours);
	for (size_t i = 0; i < SIGNALS_MAX; i++)
		sigaddset(&ours, caught_signals[i]);
	/* Between the loop's handler and none they would do what they do to a process that knows nothing of them. */
	pthread_sigmask(SIG_BLOCK, &ours, &before);
	for (size_t i = 0; i < SIGNALS_MAX; i++) {
		loop_unwatch(&signals->events[i]);
		/* The process is ending already: one that comes now must not change its exit status. */
		signal(caught_signals[i], SIG_IGN);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
