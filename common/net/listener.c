/* SPDX-License-Identifier: MIT */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/bind.h"

/* Connections accepted in one turn: about 1 ms of work; the others are still there in the next. */
#define LISTENER_BATCH 64

/* How long a listener that ran out of descriptors looks away, µs: a few short requests' time. */
#define LISTENER_PAUSE (50 * CLOCK_MS)

/* How often running out is told, µs: an attack lasts, and one line a minute says so. */
#define LISTENER_TELL_EVERY (60 * CLOCK_S)

static int open_reserve(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static bool is_exhaustion(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

static void pause_accepting(struct listener *listener)
{
	loop_unwatch(&listener->event);
	listener->paused = true;
	loop_timer_set(&listener->resume, loop_now(listener->loop) + LISTENER_PAUSE);
}

/* No descriptor is left: gives up the reserve to take one connection and end it. */
static void turn_one_away(struct listener *listener)
{
	if (listener->reserve < 0)
		return;
	close(listener->reserve);
	unsigned i;
	int fd = port_range_ready(&listener->sockets, &i, 1)
			 ? accept4(listener->sockets.fds[i], NULL, NULL, SOCK_CLOEXEC)
			 : -1;
	if (fd >= 0)
		close(fd);
	listener->reserve = open_reserve();
}

static void accept_failed(struct listener *listener, int error)
{
	if (error == EMFILE || error == ENFILE)
		turn_one_away(listener);
	pause_accepting(listener);
	uint64_t now = loop_now(listener->loop);
	if (!is_exhaustion(error) || !listener->exhausted ||
		(listener->told_at != CLOCK_NEVER && now - listener->told_at < LISTENER_TELL_EVERY))
		return;
	listener->told_at = now;
	listener->exhausted(listener, error);
}

/* One connection; whether there may be more in this turn. */
static bool accept_one(struct listener *listener, unsigned i)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;
	int fd = accept4(listener->sockets.fds[i], (struct sockaddr *)&sa, &len,
		SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0 && errno == EAGAIN)
		return listener->sockets.n > 1; /* of another port */
	if (fd < 0 && (is_exhaustion(errno) || errno == EBADF || errno == EINVAL)) {
		accept_failed(listener, errno);
		return false;
	}
	if (fd < 0)
		return true; /* accept(2): errors of that one connection, long gone */
	struct address peer = address_from_sockaddr((struct sockaddr *)&sa);
	listener->at = (uint16_t)(listener->port + i);
	listener->accepted(listener, fd, &peer);
	return port_range_is_open(&listener->sockets);
}

static void listener_event(int fd, short what, void *arg)
{
	struct listener *listener = arg;
	unsigned ready[LISTENER_BATCH];
	for (size_t left = LISTENER_BATCH, n; left; left -= n) {
		n = port_range_ready(&listener->sockets, ready, left);
		for (size_t i = 0; i < n; i++)
			if (!accept_one(listener, ready[i]))
				return;
		if (!n)
			return;
	}
}

static int start_accepting(struct listener *listener)
{
	return loop_watch(&listener->event, listener->loop, port_range_fd(&listener->sockets),
		LOOP_READ, listener_event, listener);
}

static void resume_fired(struct loop_timer *timer)
{
	struct listener *listener = container_of(timer, struct listener, resume);
	listener->paused = false;
	if (listener->reserve < 0)
		listener->reserve = open_reserve();
	if (start_accepting(listener) < 0)
		pause_accepting(listener);
}

static void listener_init(struct listener *listener, struct loop *loop,
	void (*accepted)(struct listener *, int fd, const struct address *peer),
	void (*exhausted)(struct listener *, int error))
{
	*listener = (struct listener){.loop = loop,
		.accepted = accepted,
		.exhausted = exhausted,
		.sockets = PORT_RANGE_NULL,
		.reserve = -1};
	loop_timer_init(&listener->resume, loop, resume_fired);
}

int listener_open_range(struct listener *listener, struct loop *loop, const char *bind_addr,
	uint16_t first, unsigned n,
	void (*accepted)(struct listener *, int fd, const struct address *peer),
	void (*exhausted)(struct listener *, int error), struct error *err)
{
	listener_init(listener, loop, accepted, exhausted);
	int r = port_range_open(&listener->sockets, SOCK_STREAM, bind_addr, first, n, err);
	if (r < 0)
		return r;
	listener->port = listener->sockets.first;
	listener->reserve = open_reserve();
	r = start_accepting(listener);
	if (r < 0) {
		listener_close(listener);
		return bind_explain(SOCK_STREAM, r, bind_addr, first, err);
	}
	return 0;
}

int listener_open(struct listener *listener, struct loop *loop, const char *bind_addr,
	uint16_t port, void (*accepted)(struct listener *, int fd, const struct address *peer),
	void (*exhausted)(struct listener *, int error), struct error *err)
{
	return listener_open_range(listener, loop, bind_addr, port, 1, accepted, exhausted, err);
}

static struct unix_socket *file_free(struct unix_socket *file)
{
	if (file)
		unix_socket_close(file);
	free(file);
	return NULL;
}

int listener_open_unix(struct listener *listener, struct loop *loop, const char *path, mode_t mode,
	void (*accepted)(struct listener *, int fd, const struct address *peer),
	void (*exhausted)(struct listener *, int error), struct error *err)
{
	listener_init(listener, loop, accepted, exhausted);
	struct unix_socket *file = malloc(sizeof(*file));
	if (!file)
		return error_set(err, -ENOMEM, "no memory");
	int r = unix_socket_open(file, path, mode, SOMAXCONN, err);
	if (!r && port_range_adopt(&listener->sockets, file->fd) < 0)
		r = error_set(err, -ENOMEM, "no memory");
	if (r) {
		file_free(file);
		return r == UNIX_SOCKET_TAKEN ? -EADDRINUSE : r;
	}
	file->fd = -1; /* the range's */
	listener->file = file;
	listener->reserve = open_reserve();
	r = start_accepting(listener);
	if (r < 0) {
		listener_close(listener);
		return error_set(err, r, "cannot listen at %s: %s", path, strerror(-r));
	}
	return 0;
}

void listener_close(struct listener *listener)
{
	if (!port_range_is_open(&listener->sockets))
		return;
	loop_unwatch(&listener->event);
	loop_timer_cancel(&listener->resume);
	port_range_close(&listener->sockets);
	listener->file = file_free(listener->file);
	if (listener->reserve >= 0)
		close(listener->reserve);
	listener->reserve = -1;
}
