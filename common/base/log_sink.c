/* SPDX-License-Identifier: MIT */
/*
 * The log thread sleeps in poll() and never sets O_NONBLOCK on standard error: it is often shared with a
 * shell or another program, and the flag would be theirs too. It writes only after poll() said so,
 * and to a pipe no more than PIPE_BUF at a time, which a pipe that polls writable takes at once.
 *
 * A sink that cannot be written (a full disk, a reader that is gone) keeps its lines in the ring and is
 * tried again; the other sink says so. A line leaves the ring only when all of it was written.
 *
 * After writing it naps for a few milliseconds with a timeout rather than asking to be woken, so a
 * busy server pays one wake-up for some hundred lines and not one for each turn of its loop.
 */
#include "base/log_sink.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file_error.h"
#include "base/log_file.h"
#include "base/macros.h"

/* How long lines may wait for company, in ms; nobody reading along can tell. */
#define NAP_MS 5

/* How long the end of the program waits for a stalled reader, in ms. */
#define STOP_MS 1000

/* How often a sink that could not be written is tried: soon enough for the ring to bridge it. */
#define RETRY_INTERVAL CLOCK_S

/* How often it is said that a sink cannot be written: often enough to be seen beside other lines. */
#define SAY_INTERVAL (60 * CLOCK_S)

/* After dropping, lines are taken again when this much is free: one notice for many, not one each.
 */
#define RESUME_ROOM (LOG_RING_SIZE / 4)

/* Of a path that is named in a sentence: so much that the sentence still fits. */
#define NAME_MAX_SAID 1024

_Static_assert(LOG_LINE_MAX <= PIPE_BUF, "a line must fit one atomic write");

_Static_assert(LOG_RING_SIZE == (size_t)1 << 20, "sink_failed() says 1 MiB");

struct sink {
	char *ring; /* LOG_RING_SIZE; NULL: closed */

	/* Under the lock; bytes [head, head+len) belong to the thread. */
	size_t head, len;
	unsigned long long dropped;
	int dropped_by; /* errno, when lines were dropped while it could not be written */
	int failure;    /* errno of the last write; 0: it was in order */
	bool reopen;    /* asked for */
	bool given_up;  /* at the end of the program: takes nothing more */

	/* The thread's own. */
	struct log_file file;
	uint64_t retry_at, say_at;
	bool said;       /* that it cannot be written */
	bool tried_last; /* at the end of the program */
};

static struct {
	pthread_mutex_t lock;
	pthread_t thread;
	int wake_fd;
	bool asleep;                /* under the lock: the thread wants to be woken */
	unsigned long long dropped; /* likewise: lines of all sinks since the start */
	atomic_bool stopping;
	uint64_t stop_at; /* written before `stopping` */
	log_render_fn *render;
	struct sink sinks[LOG_SINKS];
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake_fd = -1};

/* What a sentence calls them. */
static const char *const names[] = {
	[LOG_SINK_STDERR] = "log on standard error",
	[LOG_SINK_ACCESS] = "access log",
	[LOG_SINK_AUDIT] = "audit log",
};

static void ring_append(struct sink *s, const char *p, size_t n)
{
	size_t at = (s->head + s->len) % LOG_RING_SIZE;
	size_t first = MIN(n, LOG_RING_SIZE - at);
	memcpy(s->ring + at, p, first);
	memcpy(s->ring, p + first, n - first);
	s->len += n;
}

static unsigned long long count_lines(const char *p, size_t n)
{
	unsigned long long lines = 0;
	for (const char *end = p + n; (p = memchr(p, '\n', (size_t)(end - p))); p++)
		lines++;
	return lines;
}

/* Once lines were dropped, nothing follows before the line that says how many. */
static void ring_notice(struct sink *s)
{
	char line[LOG_LINE_MAX], text[256];
	snprintf(text, sizeof text, "%llu lines of this log were dropped, because %s%s", s->dropped,
		s->dropped_by ? "it could not be written: " : "nobody read it fast enough",
		s->dropped_by ? strerror(s->dropped_by) : "");
	ring_append(s, line, state.render(line, (enum log_sink)(s - state.sinks), LOG_WARN, text));
	s->dropped = 0;
	s->dropped_by = 0;
}

/* Under the lock: whether it has to be woken now, by the caller. */
static bool thread_is_asleep(void)
{
	bool asleep = state.asleep;
	state.asleep = false;
	return asleep;
}

void log_sink_put(enum log_sink which, const char *lines, size_t n)
{
	struct sink *s = &state.sinks[which];
	bool wake = false;

	pthread_mutex_lock(&state.lock);
	if (s->ring && !s->given_up) {
		if (s->dropped && LOG_RING_SIZE - s->len >= RESUME_ROOM)
			ring_notice(s);
		size_t room = s->dropped ? 0 : LOG_RING_SIZE - s->len;
		size_t fits = n;
		if (n > room) {
			const char *last = memrchr(lines, '\n', room);
			fits = last ? (size_t)(last + 1 - lines) : 0;
			unsigned long long lost = count_lines(lines + fits, n - fits);
			s->dropped += lost;
			state.dropped += lost;
			if (s->failure)
				s->dropped_by = s->failure;
		}
		ring_append(s, lines, fits);
		wake = thread_is_asleep();
	}
	pthread_mutex_unlock(&state.lock);
	if (wake)
		eventfd_write(state.wake_fd, 1);
}

unsigned long long log_sinks_dropped(void)
{
	pthread_mutex_lock(&state.lock);
	unsigned long long n = state.dropped;
	pthread_mutex_unlock(&state.lock);
	return n;
}

bool log_sink_is_journal(enum log_sink sink)
{
	return state.sinks[sink].ring && state.sinks[sink].file.is_journal;
}

bool log_sink_has_entries(enum log_sink sink)
{
	return state.sinks[sink].ring && state.sinks[sink].file.has_entries;
}

void log_sink_reopen(void)
{
	bool files = false;
	pthread_mutex_lock(&state.lock);
	for (int i = 0; i < LOG_SINKS; i++) {
		struct sink *s = &state.sinks[i];
		s->reopen = s->ring && i != LOG_SINK_STDERR;
		files |= s->reopen;
	}
	bool wake = files && thread_is_asleep();
	pthread_mutex_unlock(&state.lock);
	if (wake)
		eventfd_write(state.wake_fd, 1);
}

/* ---- What is said of a sink, by the other one; without the lock ---- */

__attribute__((format(printf, 3, 4))) static void say_of(const struct sink *s, enum log_level level,
	const char *fmt, ...)
{
	char line[LOG_LINE_MAX], text[LOG_LINE_MAX / 2];
	enum log_sink sink = (enum log_sink)(s - state.sinks);
	enum log_sink other = sink == LOG_SINK_STDERR ? LOG_SINK_ACCESS : LOG_SINK_STDERR;
	if (!log_enabled(level))
		return;
	int n = snprintf(text, sizeof text, "the %s", names[sink]);
	if (s->file.path)
		n += snprintf(text + n, sizeof text - (size_t)n, " %.*s", NAME_MAX_SAID,
			s->file.path);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
	va_end(ap);
	log_sink_put(other, line, state.render(line, other, level, text));
}

static void sink_failed(struct sink *s, int error)
{
	uint64_t now = clock_now();
	pthread_mutex_lock(&state.lock);
	s->failure = error;
	unsigned long long dropped = s->dropped;
	pthread_mutex_unlock(&state.lock);
	s->retry_at = now + RETRY_INTERVAL;
	if (now < s->say_at)
		return;
	s->say_at = now + SAY_INTERVAL;
	s->said = true;
	say_of(s, LOG_ERROR,
		" cannot be written: %s; it is tried again every second, and lines are lost when "
		"more than 1 MiB of them wait (lost so far: %llu)",
		strerror(error), dropped);
}

static void sink_works(struct sink *s)
{
	if (!s->failure)
		return;
	pthread_mutex_lock(&state.lock);
	s->failure = 0;
	unsigned long long dropped = s->dropped;
	pthread_mutex_unlock(&state.lock);
	if (s->said)
		say_of(s, LOG_WARN, " is written again (lines lost: %llu)", dropped);
	s->said = false;
}

/* The program ends: what can still not be written is lost. */
static void sink_give_up(struct sink *s)
{
	pthread_mutex_lock(&state.lock);
	unsigned long long lost = s->dropped;
	for (size_t i = 0; i < s->len; i++)
		lost += s->ring[(s->head + i) % LOG_RING_SIZE] == '\n';
	s->len = 0;
	s->given_up = true;
	pthread_mutex_unlock(&state.lock);
	say_of(s, LOG_ERROR, " could not be written before the end: %s (lines lost: %llu)",
		strerror(s->failure), lost);
}

/* ---- The thread ---- */

/* Between two lines, so that none is split; here, because it may take long. */
static void sink_reopen(struct sink *s)
{
	pthread_mutex_lock(&state.lock);
	bool now = s->reopen && (!s->file.partial || s->failure);
	s->reopen = s->reopen && !now;
	pthread_mutex_unlock(&state.lock);
	int r = now ? log_file_reopen(&s->file) : 0;
	if (r < 0) {
		say_of(s, LOG_ERROR,
			" cannot be opened anew: %s; its lines go on to the file that was open",
			strerror(-r));
	} else if (now) {
		s->retry_at = 0;
		say_of(s, LOG_INFO, " was opened anew");
	}
}

/* The descriptor polled writable. */
static void sink_write(struct sink *s)
{
	size_t done = 0;
	int r = log_file_resume(&s->file);
	if (r == 0) {
		pthread_mutex_lock(&state.lock);
		size_t at = (s->head + s->file.partial) % LOG_RING_SIZE;
		size_t n = MIN(s->len - s->file.partial, LOG_RING_SIZE - at);
		pthread_mutex_unlock(&state.lock);
		r = log_file_write(&s->file, s->ring + at, n, &done);
	}
	if (r < 0) {
		sink_failed(s, -r);
		return;
	}
	if (done || s->file.partial)
		sink_works(s);
	pthread_mutex_lock(&state.lock);
	s->head = (s->head + done) % LOG_RING_SIZE;
	s->len -= done;
	if (s->len == 0 && s->dropped)
		ring_notice(s);
	pthread_mutex_unlock(&state.lock);
}

static int ms_until(uint64_t now, uint64_t then)
{
	return then > now ? (int)MIN((then - now) / CLOCK_MS + 1, (uint64_t)INT_MAX) : 0;
}

/* Sets what poll() shall wait for; returns for how long, in ms, -1: until it is woken. */
static int look(struct pollfd *fds, bool quiet)
{
	uint64_t now = clock_now(), retry_at = UINT64_MAX;
	pthread_mutex_lock(&state.lock);
	for (int i = 0; i < LOG_SINKS; i++) {
		struct sink *s = &state.sinks[i];
		bool later = s->failure && now < s->retry_at;
		fds[i].fd = s->len && !later ? s->file.fd : -1;
		if (s->len && later)
			retry_at = MIN(retry_at, s->retry_at);
	}
	state.asleep = quiet;
	pthread_mutex_unlock(&state.lock);
	if (!quiet)
		return NAP_MS;
	return retry_at == UINT64_MAX ? -1 : ms_until(now, retry_at);
}

/* The same for the program's last second. 0: there is nothing more to do. */
static int look_at_the_end(struct pollfd *fds)
{
	uint64_t now = clock_now();
	bool pending = false;
	for (int i = 0; i < LOG_SINKS; i++) {
		struct sink *s = &state.sinks[i];
		if (s->failure && s->tried_last && !s->given_up)
			sink_give_up(s);
		s->tried_last = true;
	}
	pthread_mutex_lock(&state.lock);
	for (int i = 0; i < LOG_SINKS; i++) {
		fds[i].fd = state.sinks[i].len ? state.sinks[i].file.fd : -1;
		pending |= state.sinks[i].len > 0;
	}
	pthread_mutex_unlock(&state.lock);
	return pending ? ms_until(now, state.stop_at) : 0;
}

static void *log_thread(void *arg)
{
	bool quiet = false; /* the last nap brought nothing */
	struct pollfd fds[LOG_SINKS + 1];
	for (int i = 0; i < LOG_SINKS; i++)
		fds[i].events = POLLOUT;
	fds[LOG_SINKS] = (struct pollfd){.fd = state.wake_fd, .events = POLLIN};
	for (;;) {
		bool stopping = atomic_load(&state.stopping);
		for (int i = 0; i < LOG_SINKS; i++)
			if (state.sinks[i].file.path)
				sink_reopen(&state.sinks[i]);
		int timeout = stopping ? look_at_the_end(fds) : look(fds, quiet);
		if (stopping && !timeout)
			return NULL;
		int ready = poll(fds, LOG_SINKS + 1, timeout);
		quiet = ready == 0;
		if (ready <= 0)
			continue;
		eventfd_t ignored;
		if (fds[LOG_SINKS].revents)
			eventfd_read(state.wake_fd, &ignored);
		for (int i = 0; i < LOG_SINKS; i++)
			if (fds[i].fd >= 0 && fds[i].revents)
				sink_write(&state.sinks[i]);
	}
}

static int sink_open(struct sink *s, const char *path, struct error *err)
{
	struct log_file file;
	int r = log_file_open(&file, path);
	if (r < 0)
		return file_error(err, r, path, FILE_WRITE, "the %s %s cannot be opened",
			names[s - state.sinks], path);
	*s = (struct sink){.file = file, .ring = malloc(LOG_RING_SIZE)};
	return s->ring ? 0 : error_set(err, -ENOMEM, "no memory for the log");
}

static void sinks_close(void)
{
	pthread_mutex_lock(&state.lock);
	for (int i = 0; i < LOG_SINKS; i++) {
		log_file_close(&state.sinks[i].file);
		free(state.sinks[i].ring);
		state.sinks[i] = (struct sink){.file.fd = -1};
	}
	pthread_mutex_unlock(&state.lock);
	if (state.wake_fd >= 0)
		close(state.wake_fd);
	state.wake_fd = -1;
}

static int start_thread(struct error *err)
{
	/* Signals are for the thread that runs the program's loop. */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(&state.thread, NULL, log_thread, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r ? error_set(err, -r, "the log thread cannot be started: %s", strerror(r)) : 0;
}

int log_sinks_start(const char *const paths[LOG_SINKS], log_render_fn *render, struct error *err)
{
	for (int i = 0; i < LOG_SINKS; i++)
		state.sinks[i] = (struct sink){.file.fd = -1};
	state.render = render;
	state.asleep = false;
	atomic_store(&state.stopping, false);
	state.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = state.wake_fd < 0 ? error_set(err, -errno, "the log cannot be started: %m") : 0;
	for (int i = 0; i < LOG_SINKS && !r; i++)
		if (i == LOG_SINK_STDERR || paths[i])
			r = sink_open(&state.sinks[i], paths[i], err);
	if (!r)
		r = start_thread(err);
	if (r)
		sinks_close();
	return r;
}

void log_sinks_stop(void)
{
	state.stop_at = clock_now() + STOP_MS * CLOCK_MS;
	atomic_store(&state.stopping, true);
	eventfd_write(state.wake_fd, 1);

	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_MS / 1000 + 1;
	if (pthread_timedjoin_np(state.thread, NULL, &until) == 0)
		sinks_close();
	else
		/* It hangs in a write, on a dead network disk, say; its memory stays until exit. */
		pthread_detach(state.thread);
}

void log_sink_write_now(const char *lines, size_t n)
{
	while (n) {
		struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
		if (poll(&fd, 1, STOP_MS) <= 0)
			return;
		ssize_t w = write(STDERR_FILENO, lines, MIN(n, (size_t)PIPE_BUF));
		if (w < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (w > 0) {
			lines += w;
			n -= (size_t)w;
		}
	}
}
