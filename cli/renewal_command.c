/* SPDX-License-Identifier: MIT */
#include "cli/renewal_command.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Of its own group, so that all of it can be ended; it hears the signals that this process ignores or blocks. */
static int spawn(const char *command, pid_t *pid_out)
{
	const char *const argv[] = {"sh", "-c", command, NULL};
	posix_spawnattr_t how;
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	int r = posix_spawnattr_init(&how);
	if (r)
		return -r;
	posix_spawnattr_setsigmask(&how, &none);
	posix_spawnattr_setsigdefault(&how, &all);
	posix_spawnattr_setpgroup(&how, 0);
	posix_spawnattr_setflags(&how,
		POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	r = posix_spawn(pid_out, "/bin/sh", NULL, &how, (char *const *)(uintptr_t)argv, environ);
	posix_spawnattr_destroy(&how);
	return -r;
}

/* False: it has not ended in time. */
static bool wait_for(pid_t pid)
{
	auto_close int fd = pidfd_open(pid, 0);
	struct pollfd ended = {.fd = fd, .events = POLLIN};
	uint64_t until = clock_now() + RENEWAL_COMMAND_TIME, now;
	/* Without a descriptor nothing can be waited for but the end itself. */
	while (fd >= 0 && (now = clock_now()) < until)
		if (poll(&ended, 1, (int)((until - now) / CLOCK_MS) + 1) > 0)
			return true;
	return fd < 0;
}

int renewal_command(const char *command, struct error *err)
{
	pid_t pid = 0;
	int status = 0, r = spawn(command, &pid);
	if (r)
		return error_set(err, r, "--exec: /bin/sh cannot be run: %s", strerror(-r));
	bool late = !wait_for(pid);
	if (late)
		kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (late)
		return error_set(err, -ETIMEDOUT,
			"--exec: \"%s\" had not ended after %u s, and was killed", command,
			(unsigned)(RENEWAL_COMMAND_TIME / CLOCK_S));
	if (WIFSIGNALED(status))
		return error_set(err, -ECANCELED, "--exec: \"%s\" was ended by signal %d (%s)",
			command, WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status))
		return error_set(err, -ECANCELED, "--exec: \"%s\" ended with status %d", command,
			WEXITSTATUS(status));
	return 0;
}
