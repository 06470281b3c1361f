/* SPDX-License-Identifier: MIT */
#include "client/publish/pending_program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/macros.h"

struct pending_program {
	struct list link; /* of one of the two lists */
	struct pending_programs *all;
	struct loop_event ended; /* its pidfd can be read */
	struct loop_timer late;
	pid_t pid;
	int pidfd; /* -1: it does not run */
	char *program;
	size_t n;
	char json[];
};

static void program_free(struct pending_program *g)
{
	loop_unwatch(&g->ended);
	loop_timer_cancel(&g->late);
	list_unlink(&g->link);
	if (g->pidfd >= 0)
		close(g->pidfd);
	free(g->program);
	free(g);
}

/* What it reads; the request is written before anybody reads, and fits a pipe. The end to read from, or -errno. */
static int fill_pipe(const struct pending_program *g)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	auto_close int in = fds[1];
	fcntl(in, F_SETFL, O_NONBLOCK);
	if (write(in, g->json, g->n) == (ssize_t)g->n)
		return fds[0];
	close(fds[0]);
	return -ENOBUFS;
}

/* The client ignores and blocks signals that the program has to hear. 0 or -errno. */
static int spawn(struct pending_program *g, int in)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none, all;
	char *argv[] = {g->program, NULL};
	sigemptyset(&none);
	sigfillset(&all);
	if (posix_spawn_file_actions_init(&files) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&how) != 0) {
		posix_spawn_file_actions_destroy(&files);
		return -ENOMEM;
	}
	posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	posix_spawnattr_setsigmask(&how, &none);
	posix_spawnattr_setsigdefault(&how, &all);
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	int r = posix_spawnp(&g->pid, g->program, &files, &how, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&how);
	return -r;
}

static void pending_programs_next(struct pending_programs *p);

static void program_ended(int fd, short what, void *arg)
{
	struct pending_program *g = arg;
	struct pending_programs *p = g->all;
	int status = 0;
	if (waitpid(g->pid, &status, WNOHANG) == 0)
		return;
	if (WIFSIGNALED(status))
		log_warn("--on-pending %s was ended by signal %d (%s)", g->program,
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		log_warn("--on-pending %s ended with status %d", g->program, WEXITSTATUS(status));
	p->n_running--;
	program_free(g);
	pending_programs_next(p);
}

static void program_late(struct loop_timer *timer)
{
	struct pending_program *g = container_of(timer, struct pending_program, late);
	log_warn("--on-pending %s has not ended in %.0f s and is killed", g->program,
		(double)PENDING_PROGRAM_TIME / CLOCK_S);
	kill(g->pid, SIGKILL);
}

/* 0 or -errno; the process is waited for in either case. */
static int program_start(struct pending_program *g)
{
	struct loop *loop = g->all->loop;
	auto_close int in = fill_pipe(g);
	int r = in < 0 ? in : spawn(g, in);
	if (r < 0)
		return r;
	g->pidfd = pidfd_open(g->pid, 0);
	r = g->pidfd < 0 ? -errno
			 : loop_watch(&g->ended, loop, g->pidfd, LOOP_READ, program_ended, g);
	if (r < 0) {
		kill(g->pid, SIGKILL);
		waitpid(g->pid, NULL, 0);
		return r;
	}
	loop_timer_set(&g->late, loop_now(loop) + PENDING_PROGRAM_TIME);
	return 0;
}

static void pending_programs_next(struct pending_programs *p)
{
	while (p->n_running < PENDING_PROGRAMS_MAX && !list_empty(&p->waiting)) {
		struct pending_program *g =
			list_entry(p->waiting.next, struct pending_program, link);
		list_unlink(&g->link);
		p->n_waiting--;
		int r = program_start(g);
		if (r < 0) {
			log_warn("--on-pending %s cannot be run: %s", g->program, strerror(-r));
			program_free(g);
			continue;
		}
		list_append(&p->running, &g->link);
		p->n_running++;
	}
}

void pending_programs_init(struct pending_programs *p, struct loop *loop)
{
	*p = (struct pending_programs){.loop = loop};
	list_init(&p->running);
	list_init(&p->waiting);
}

void pending_programs_expire(struct pending_programs *p)
{
	list_for_each (it, &p->running)
		program_late(&list_entry(it, struct pending_program, link)->late);
}

void pending_programs_deinit(struct pending_programs *p)
{
	if (!p->loop)
		return;
	while (!list_empty(&p->running))
		program_free(list_entry(p->running.next, struct pending_program, link));
	while (!list_empty(&p->waiting))
		program_free(list_entry(p->waiting.next, struct pending_program, link));
	p->loop = NULL;
}

void pending_programs_run(struct pending_programs *p, const char *program, const char *json,
	size_t n)
{
	char more[LOG_LIMIT_MORE];
	if (p->n_waiting >= PENDING_PROGRAMS_WAIT) {
		if (log_limit_pass(&p->log_many, loop_now(p->loop), PENDING_PROGRAMS_LOG_EVERY,
			    PENDING_PROGRAMS_LOG_BURST, more))
			log_warn("--on-pending %s is not run for a request: %zu others wait%s",
				program, p->n_waiting, more);
		return;
	}
	struct pending_program *g = calloc(1, sizeof(*g) + n);
	char *name = g ? strdup(program) : NULL;
	if (!name) {
		free(g);
		log_warn("--on-pending %s is not run: out of memory", program);
		return;
	}
	g->all = p;
	g->pidfd = -1;
	g->program = name;
	g->n = n;
	memcpy(g->json, json, n);
	loop_timer_init(&g->late, p->loop, program_late);
	list_append(&p->waiting, &g->link);
	p->n_waiting++;
	pending_programs_next(p);
}
