#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/bind.h"
#include "net/socket.h"

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
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
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

static void listener_event(int fd, short what, void *arg)
{
	struct listener *listener = arg;
	for (int i = 0; i < LISTENER_BATCH && listener->fd >= 0; i++) {
		struct sockaddr_storage sa;
		socklen_t len = sizeof sa;
		int peer_fd = accept4(listener->fd, (struct sockaddr *)&sa, &len,
			SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (peer_fd < 0 && errno == EAGAIN)
			return;
		if (peer_fd < 0 && (is_exhaustion(errno) || errno == EBADF || errno == EINVAL)) {
			accept_failed(listener, errno);
			return;
		}
		if (peer_fd < 0)
			continue; /* accept(2): errors of that one connection, long gone */
		struct address peer = address_from_sockaddr((struct sockaddr *)&sa);
		listener->accepted(listener, peer_fd, &peer);
	}
}

static int start_accepting(struct listener *listener)
{
	return loop_watch(&listener->event, listener->loop, listener->fd, LOOP_READ, listener_event,
		listener);
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

int listener_open(struct listener *listener, struct loop *loop, const char *bind_addr,
	uint16_t port, void (*accepted)(struct listener *, int fd, const struct address *peer),
	void (*exhausted)(struct listener *, int error), struct error *err)
{
	*listener = (struct listener){.loop = loop,
		.accepted = accepted,
		.exhausted = exhausted,
		.fd = -1,
		.reserve = -1};
	loop_timer_init(&listener->resume, loop, resume_fired);
	int fd = bind_port(SOCK_STREAM, bind_addr, port, err);
	if (fd < 0)
		return fd;
	listener->fd = fd;
	listener->reserve = open_reserve();
	struct address address;
	int r = socket_local(fd, &address);
	if (r == 0) {
		listener->port = address.port;
		r = start_accepting(listener);
	}
	if (r < 0) {
		listener_close(listener);
		return bind_explain(SOCK_STREAM, r, bind_addr, port, err);
	}
	return 0;
}

void listener_close(struct listener *listener)
{
	if (!listener->accepted || listener->fd < 0)
		return;
	loop_unwatch(&listener->event);
	loop_timer_cancel(&listener->resume);
	close(listener->fd);
	if (listener->reserve >= 0)
		close(listener->reserve);
	listener->fd = listener->reserve = -1;
}
