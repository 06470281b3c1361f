#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
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

/* A bound and listening socket, or -errno. */
static int bound_socket(const struct address *address)
{
	struct sockaddr_storage sa;
	socklen_t len = address_to_sockaddr(address, &sa);
	int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
	auto_close int fd = socket(sa.ss_family, type, 0);
	if (fd < 0)
		return -errno;
	int on = 1, off = 0;
	/* A restart must not wait for the old connections' TIME_WAIT. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (sa.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	/* Accepted sockets inherit these, which saves two calls for each. */
	socket_tune(fd);
	socket_keepalive(fd); /* inherited, like the above, by what is accepted */
	if (bind(fd, (struct sockaddr *)&sa, len) < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	int result = fd;
	fd = -1;
	return result;
}

static int bound_to_all(uint16_t port)
{
	struct address any = {.family = ADDRESS_V6, .port = port};
	int fd = bound_socket(&any);
	if (fd != -EAFNOSUPPORT && fd != -EADDRNOTAVAIL)
		return fd;
	any.family = ADDRESS_V4; /* a machine without IPv6 */
	return bound_socket(&any);
}

static int explain(int error, const char *bind_addr, uint16_t port, struct error *err)
{
	switch (-error) {
	case EADDRINUSE:
		return error_set(err, error,
			"port %u: address already in use by another program; stop that or choose "
			"another port",
			port);
	case EACCES:
	case EPERM:
		return error_set(err, error,
			"port %u: not permitted; ports below 1024 need root or the capability "
			"CAP_NET_BIND_SERVICE (setcap cap_net_bind_service=+ep, or systemd's "
			"AmbientCapabilities=)",
			port);
	case EADDRNOTAVAIL:
		return error_set(err, error, "port %u: %s is not an address of this machine", port,
			bind_addr);
	default:
		return error_set(err, error, "port %u: cannot listen on %s: %s", port,
			*bind_addr ? bind_addr : "any address", strerror(-error));
	}
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
	if (!bind_addr)
		bind_addr = "";
	struct address address = {0};
	if (*bind_addr && !address_parse_ip(str_from(bind_addr), &address))
		return error_set(err, -EINVAL,
			"%s is not an IPv4 or IPv6 address to listen on (a name is not enough)",
			bind_addr);
	address.port = port;
	int fd = *bind_addr ? bound_socket(&address) : bound_to_all(port);
	if (fd < 0)
		return explain(fd, bind_addr, port, err);
	listener->fd = fd;
	listener->reserve = open_reserve();
	int r = socket_local(fd, &address);
	if (r == 0) {
		listener->port = address.port;
		r = start_accepting(listener);
	}
	if (r < 0) {
		listener_close(listener);
		return explain(r, bind_addr, port, err);
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
