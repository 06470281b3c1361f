/* SPDX-License-Identifier: MIT */
#include "cli/process.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/macros.h"
#include "cli/commands.h"

/*
 * A supervisor may have closed them. The next file or socket would be one of them, and what is printed would
 * go there.
 */
static void open_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* The lowest that is free is this one, because those below are open. */
		if (fcntl(fd, F_GETFD) < 0 &&
			open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) != fd)
			_exit(STATUS_FAILED); /* nobody could be told why */
	}
}

/* Signals that would end the process, and mean nothing here or not yet. */
static void ignore_signals(void)
{
	/* SIGPIPE and SIGXFSZ: the write that fails says so. SIGUSR1 is caught later (loop/signals); scripts for
	   other programs send SIGUSR2 when they rotate logs. */
	static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2};
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		sigaction(ignored[i], &ignore, NULL);
}

/* Bytes at the end of a heap that stay with it: more than what waits in the window of a fast stream. */
#define HEAP_KEPT      (4 << 20)
/* Bytes of a block that is mapped by itself: not the buffers of a link, which come and go. */
#define HEAP_BLOCK_MAX (512 << 10)

/*
 * glibc gives the end of its heap back to the kernel at every opportunity. What waits in a stream swings by
 * more than that many times a second, and each swing would fault the same pages in again: a fifth of the
 * exit node's time for bulk between two clients.
 */
static void keep_heap(void)
{
#ifdef M_TRIM_THRESHOLD
	mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
	mallopt(M_MMAP_THRESHOLD, HEAP_BLOCK_MAX);
#endif
}

void process_prepare(void)
{
	open_standard_streams();
	ignore_signals();
	keep_heap();

	struct rlimit limit = {0, 0};
	setrlimit(RLIMIT_CORE, &limit);
	/* The leak checker is a process of its own that attaches to this one. */
#ifndef __SANITIZE_ADDRESS__
	prctl(PR_SET_DUMPABLE, 0);
#endif

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}
