/* SPDX-License-Identifier: MIT */
#include "net/port_range.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macros.h"
#include "net/bind.h"
#include "net/socket.h"

/* How many are asked for at once: a listener accepts from so many in a turn at most. */
#define READY_MAX 64

void port_range_close(struct port_range *r)
{
	for (unsigned i = 0; r->fds && i < r->n; i++)
		close(r->fds[i]);
	if (r->fds && r->epoll >= 0)
		close(r->epoll);
	free(r->fds);
	free(r->overruns);
	*r = PORT_RANGE_NULL;
}

static int range_watch(struct port_range *r, unsigned i)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
	if (r->epoll < 0)
		return 0;
	return epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->fds[i], &event) < 0 ? -errno : 0;
}

/* A range that the process cannot have is told what it takes, not which of its ports came to be the last. */
static int range_explain(int error, int type, uint16_t first, unsigned n, struct error *err)
{
	struct rlimit limit = {0};
	getrlimit(RLIMIT_NOFILE, &limit);
	return error_set(err, error,
		"%sports %u-%u take %u descriptors, and the process may have %llu in all: raise "
		"the limit (LimitNOFILE=, ulimit -n)",
		type == SOCK_DGRAM ? "UDP " : "", first, first + n - 1, n,
		(unsigned long long)limit.rlim_cur);
}

static int range_fail(struct port_range *r, int error, int type, const char *bind_addr,
	uint16_t first, unsigned n, unsigned at, struct error *err)
{
	port_range_close(r);
	if (error == -EMFILE && n > 1)
		return range_explain(error, type, first, n, err);
	return bind_explain(type, error, bind_addr, (uint16_t)(first + at), err);
}

int port_range_open(struct port_range *r, int type, const char *bind_addr, uint16_t first,
	unsigned n, struct error *err)
{
	*r = (struct port_range){.epoll = -1, .first = first};
	r->fds = calloc(n, sizeof(*r->fds));
	r->overruns = calloc(n, sizeof(*r->overruns));
	if (!r->fds || !r->overruns)
		return range_fail(r, -ENOMEM, type, bind_addr, first, n, 0, err);
	r->epoll = n > 1 ? epoll_create1(EPOLL_CLOEXEC) : -1;
	if (n > 1 && r->epoll < 0)
		return range_fail(r, -errno, type, bind_addr, first, n, 0, err);
	for (unsigned i = 0; i < n; i++) {
		int fd = bind_port(type, bind_addr, (uint16_t)(first + i), err);
		if (fd < 0) {
			port_range_close(r);
			return fd == -EMFILE && n > 1 ? range_explain(fd, type, first, n, err) : fd;
		}
		r->fds[r->n++] = fd;
		if (type == SOCK_DGRAM)
			socket_hold_datagrams(fd, SOCKET_DATAGRAMS_MAX / n);
		int error = range_watch(r, i);
		if (error < 0)
			return range_fail(r, error, type, bind_addr, first, n, i, err);
	}
	struct address address;
	int error = socket_local(r->fds[0], &address);
	if (error < 0)
		return range_fail(r, error, type, bind_addr, first, n, 0, err);
	r->first = address.port;
	return 0;
}

int port_range_adopt(struct port_range *r, int fd)
{
	*r = PORT_RANGE_NULL;
	r->fds = malloc(sizeof(*r->fds));
	if (!r->fds)
		return -ENOMEM;
	r->fds[0] = fd;
	r->n = 1;
	return 0;
}

void port_range_give_up(struct port_range *r)
{
	int nothing = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (nothing < 0)
		return;
	for (unsigned i = 0; i < r->n; i++)
		dup3(nothing, r->fds[i], O_CLOEXEC);
	close(nothing);
}

int port_range_fd(const struct port_range *r)
{
	return r->epoll >= 0 ? r->epoll : r->fds[0];
}

size_t port_range_ready(const struct port_range *r, unsigned *index_out, size_t max)
{
	struct epoll_event events[READY_MAX];
	if (r->epoll < 0) {
		*index_out = 0;
		return 1;
	}
	int n = epoll_wait(r->epoll, events, (int)MIN(max, READY_MAX), 0);
	for (int i = 0; i < n; i++)
		index_out[i] = events[i].data.u32;
	return n > 0 ? (size_t)n : 0;
}
