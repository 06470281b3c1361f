/*
 * The log thread sleeps in poll() and never sets O_NONBLOCK: standard error is often shared with a
 * shell or another program, and the flag would be theirs too. It writes only after poll() said so,
 * and to a pipe no more than PIPE_BUF at a time, which a pipe that polls writable takes at once.
 *
 * After writing it naps for a few milliseconds with a timeout rather than asking to be woken, so a
 * busy server pays one wake-up for some hundred lines and not one for each turn of its loop.
 */
#include "base/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"

/* How long lines may wait for company, in ms; nobody reading along can tell. */
#define NAP_MS 5

/* How long the end of the program waits for a stalled reader, in ms. */
#define STOP_MS 1000

/* After dropping, lines are taken again when this much is free: one notice for many, not one each.
 */
#define RESUME_ROOM (LOG_RING_SIZE / 4)

/* One write to what is not a pipe; a bound for how long a slow disk holds one call. */
#define WRITE_MAX ((size_t)64 << 10)

_Static_assert(LOG_LINE_MAX <= PIPE_BUF, "a line must fit one atomic write");

struct sink {
	int fd;         /* -1: closed */
	bool is_socket; /* send() can be told not to wait, write() cannot */
	size_t write_max;
	char *ring;       /* LOG_RING_SIZE */
	size_t head, len; /* under the lock; bytes [head, head+len) belong to the thread */
	unsigned long long dropped;
};

static struct {
	pthread_mutex_t lock;
	pthread_t thread;
	int wake_fd;
	bool asleep; /* under the lock: the thread wants to be woken */
	atomic_bool stopping;
	uint64_t stop_at; /* written before `stopping` */
	log_notice_fn *notice;
	struct sink sinks[LOG_SINKS];
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake_fd = -1};

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
	char line[LOG_LINE_MAX];
	ring_append(s, line, state.notice(line, s->dropped));
	s->dropped = 0;
}

void log_sink_put(enum log_sink which, const char *lines, size_t n)
{
	struct sink *s = &state.sinks[which];
	bool wake = false;

	pthread_mutex_lock(&state.lock);
	if (s->ring) {
		if (s->dropped && LOG_RING_SIZE - s->len >= RESUME_ROOM)
			ring_notice(s);
		size_t room = s->dropped ? 0 : LOG_RING_SIZE - s->len;
		size_t fits = n;
		if (n > room) {
			const char *last = memrchr(lines, '\n', room);
			fits = last ? (size_t)(last + 1 - lines) : 0;
			s->dropped += count_lines(lines + fits, n - fits);
		}
		ring_append(s, lines, fits);
		wake = state.asleep;
		state.asleep = false;
	}
	pthread_mutex_unlock(&state.lock);
	if (wake)
		eventfd_write(state.wake_fd, 1);
}

/* Nobody will ever read this again (EPIPE, a full disk): what waits is let go, not tried for ever.
 */
static void sink_discard(struct sink *s)
{
	s->head = 0;
	s->len = 0;
	s->dropped = 0;
}

/* The fd polled writable: writes one piece, ending at a line's end where the piece has one. */
static void sink_write(struct sink *s)
{
	pthread_mutex_lock(&state.lock);
	size_t n = MIN(MIN(s->len, LOG_RING_SIZE - s->head), s->write_max);
	const char *p = s->ring + s->head;
	pthread_mutex_unlock(&state.lock);

	const char *last = memrchr(p, '\n', n);
	if (last)
		n = (size_t)(last + 1 - p);
	ssize_t w =
		s->is_socket ? send(s->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL) : write(s->fd, p, n);
	bool broken = w < 0 && errno != EAGAIN && errno != EINTR;

	pthread_mutex_lock(&state.lock);
	if (broken) {
		sink_discard(s);
	} else if (w > 0) {
		s->head = (s->head + (size_t)w) % LOG_RING_SIZE;
		s->len -= (size_t)w;
	}
	if (s->len == 0 && s->dropped)
		ring_notice(s);
	pthread_mutex_unlock(&state.lock);
}

static void *log_thread(void *arg)
{
	bool quiet = false; /* the last nap brought nothing */
	for (;;) {
		struct pollfd fds[1 + LOG_SINKS] = {{.fd = state.wake_fd, .events = POLLIN}};
		bool pending = false;
		bool stopping = atomic_load(&state.stopping);
		int timeout = NAP_MS;

		pthread_mutex_lock(&state.lock);
		for (int i = 0; i < LOG_SINKS; i++) {
			bool has = state.sinks[i].len > 0;
			fds[1 + i].fd = has ? state.sinks[i].fd : -1;
			fds[1 + i].events = POLLOUT;
			pending |= has;
		}
		state.asleep = quiet;
		pthread_mutex_unlock(&state.lock);

		if (stopping) {
			uint64_t now = clock_now();
			if (!pending || now >= state.stop_at)
				return NULL;
			timeout = (int)((state.stop_at - now) / CLOCK_MS) + 1;
		} else if (quiet) {
			timeout = -1;
		}
		int ready = poll(fds, 1 + LOG_SINKS, timeout);
		quiet = ready == 0;
		if (ready <= 0)
			continue;
		eventfd_t ignored;
		if (fds[0].revents)
			eventfd_read(state.wake_fd, &ignored);
		for (int i = 0; i < LOG_SINKS; i++)
			if (fds[1 + i].revents)
				sink_write(&state.sinks[i]);
	}
}

static int sink_open(struct sink *s, int fd, struct error *err)
{
	struct stat st;
	bool known = fstat(fd, &st) == 0;
	char *ring = malloc(LOG_RING_SIZE);
	if (!ring)
		return error_set(err, -ENOMEM, "no memory for the log");
	*s = (struct sink){.fd = fd,
		.is_socket = known && S_ISSOCK(st.st_mode),
		.write_max = known && S_ISREG(st.st_mode) ? WRITE_MAX : PIPE_BUF,
		.ring = ring};
	if (s->is_socket)
		s->write_max = WRITE_MAX;
	return 0;
}

static void sinks_close(void)
{
	pthread_mutex_lock(&state.lock);
	for (int i = 0; i < LOG_SINKS; i++) {
		if (i == LOG_SINK_ACCESS && state.sinks[i].fd >= 0)
			close(state.sinks[i].fd);
		free(state.sinks[i].ring);
		state.sinks[i] = (struct sink){.fd = -1};
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

int log_sinks_start(const char *access_path, log_notice_fn *notice, struct error *err)
{
	for (int i = 0; i < LOG_SINKS; i++)
		state.sinks[i] = (struct sink){.fd = -1};
	state.notice = notice;
	state.asleep = false;
	atomic_store(&state.stopping, false);
	state.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = state.wake_fd < 0 ? error_set(err, -errno, "the log cannot be started: %m") : 0;
	if (!r)
		r = sink_open(&state.sinks[LOG_SINK_STDERR], STDERR_FILENO, err);
	if (!r && access_path) {
		/* Appending: several programs may share the file, and it may be truncated
		 * meanwhile. */
		int fd = open(access_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY,
			0640);
		if (fd < 0)
			r = error_set(err, -errno, "the access log %s cannot be opened: %m",
				access_path);
		else if ((r = sink_open(&state.sinks[LOG_SINK_ACCESS], fd, err)))
			close(fd);
	}
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
