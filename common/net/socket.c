/* SPDX-License-Identifier: MIT */
#include "net/socket.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>
/* Not netinet/tcp.h: its struct tcp_info ends before what is asked for here. */
#include <linux/tcp.h>

/*
 * A connection that is silent for longer than KEEPALIVE_IDLE seconds is probed; after
 * KEEPALIVE_PROBES unanswered ones, KEEPALIVE_INTERVAL apart, it is dead. Below the 5 minutes after
 * which home routers forget a connection, and 15 s or a little more for a peer that is really gone.
 *
 * Both times are spread by the descriptor. The kernel rounds them to seconds, and so probes what was made together
 * together; of thousands of probes at once it drops what is beyond net.core.netdev_max_backlog (1,000), three times
 * over, and thousands of good connections were dead.
 */
#define KEEPALIVE_IDLE            120
#define KEEPALIVE_IDLE_SPREAD     32 /* seconds below that */
#define KEEPALIVE_INTERVAL        5
#define KEEPALIVE_INTERVAL_SPREAD 4 /* seconds above that */
#define KEEPALIVE_PROBES          3

static void set_int(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof value);
}

void socket_tune(int fd)
{
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	socket_limit_unsent(fd, SOCKET_UNSENT_MAX);
}

void socket_limit_unsent(int fd, uint32_t bytes)
{
	set_int(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, (int)bytes);
}

void socket_acknowledge(int fd)
{
	set_int(fd, IPPROTO_TCP, TCP_QUICKACK, 1);
}

void socket_keepalive(int fd)
{
	int sooner = fd % KEEPALIVE_IDLE_SPREAD;
	int later = fd / KEEPALIVE_IDLE_SPREAD % KEEPALIVE_INTERVAL_SPREAD;
	set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE - sooner);
	set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL + later);
	set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
	set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

void socket_abort_on_close(int fd)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

void socket_abandon(int fd)
{
	socket_abort_on_close(fd);
	close(fd);
}

void socket_hold_datagrams(int fd, uint32_t bytes)
{
	int wanted = (int)bytes, on = 1, counted = 0;
	socklen_t len = sizeof counted;
	setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &counted, &len) == 0 && counted / 2 >= wanted)
		return;
	/* The one needs CAP_NET_ADMIN, the other never grants more than net.core.rmem_max. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
}

int socket_local(int fd, struct address *address_out)
{
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof sa;
	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return -errno;
	struct address address = address_from_sockaddr((struct sockaddr *)&sa);
	if (address.family == ADDRESS_NONE)
		return -EAFNOSUPPORT;
	*address_out = address;
	return 0;
}

int socket_ask_way(int fd, struct socket_way *way_out)
{
	struct tcp_info info;
	socklen_t len = sizeof info;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return -errno;
	/* The kernel gives as much of the struct as it knows. */
	if (len < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked)
		return -ENOTSUP;
	bool rated = len >=
		     offsetof(struct tcp_info, tcpi_delivery_rate) + sizeof info.tcpi_delivery_rate;
	*way_out = (struct socket_way){
		.acked = info.tcpi_bytes_acked,
		.under_way = info.tcpi_unacked > 0,
		.rate = rated ? info.tcpi_delivery_rate : UINT64_MAX,
	};
	return 0;
}

int socket_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof error;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}
