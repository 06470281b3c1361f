/* SPDX-License-Identifier: MIT */
#include "server/acme/dns_hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"

void dns_hook_name(const char *name, char out[DNS_HOOK_NAME_SIZE])
{
	bool wild = strncmp(name, "*.", 2) == 0;
	snprintf(out, DNS_HOOK_NAME_SIZE, "_acme-challenge.%s", name + (wild ? 2 : 0));
}

/* Helper threads block signals that the program has to hear. 0 or -errno. */
static int spawn(const char *program, char *const argv[], pid_t *pid_out)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	if (posix_spawn_file_actions_init(&files) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&how) != 0) {
		posix_spawn_file_actions_destroy(&files);
		return -ENOMEM;
	}
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
	posix_spawnattr_setsigmask(&how, &none);
	posix_spawnattr_setsigdefault(&how, &all);
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	int r = posix_spawnp(pid_out, program, &files, &how, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&how);
	return -r;
}

/* Waits for its end, or ends it. True: it ended by itself, with that status. */
static bool wait_for(pid_t pid, int *status_out)
{
	const uint64_t deadline = clock_now() + DNS_HOOK_TIME;
	auto_close int fd = pidfd_open(pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int r = -1;
	for (uint64_t now; fd >= 0 && r <= 0 && (now = clock_now()) < deadline;)
		r = poll(&p, 1, (int)((deadline - now) / CLOCK_MS + 1));
	if (r <= 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, status_out, 0) < 0 && errno == EINTR)
		;
	return r > 0;
}

int dns_hook_run(const char *program, bool add, const char *record, const char *value,
	struct error *err)
{
	char *argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)(add ? "add" : "remove"),
		(char *)(uintptr_t)record, (char *)(uintptr_t)value, NULL};
	const char *verb = argv[1];
	pid_t pid;
	int status = 0, r = spawn(program, argv, &pid);
	if (r < 0)
		return error_set(err, r, "--acme-dns-hook %s cannot be run: %s", program,
			strerror(-r));
	if (!wait_for(pid, &status))
		return error_set(err, -ETIMEDOUT,
			"--acme-dns-hook %s %s %s has not ended in %d s, and was killed", program,
			verb, record, (int)(DNS_HOOK_TIME / CLOCK_S));
	if (WIFSIGNALED(status))
		return error_set(err, -EIO, "--acme-dns-hook %s %s %s was ended by signal %d (%s)",
			program, verb, record, WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status))
		return error_set(err, -EIO, "--acme-dns-hook %s %s %s ended with status %d",
			program, verb, record, WEXITSTATUS(status));
	return 0;
}
