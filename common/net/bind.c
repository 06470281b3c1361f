/* SPDX-License-Identifier: MIT */
#include "net/bind.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "net/socket.h"

static void prepare_tcp(int fd)
{
	int on = 1;
	/* A restart must not wait for the old connections' TIME_WAIT. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* Accepted sockets inherit these, which saves the calls for each. */
	socket_tune(fd);
	socket_keepalive(fd);
}

/* No SO_REUSEADDR: with UDP it lets two programs have one port, and the later one hears. */
static void prepare_udp(int fd, int family)
{
	int on = 1;
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
	else
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
}

/* The socket, or -errno. */
static int bound_to(int type, const struct address *address)
{
	struct sockaddr_storage sa;
	socklen_t len = address_to_sockaddr(address, &sa);
	auto_close int fd = socket(sa.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int off = 0;
	if (sa.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (type == SOCK_STREAM)
		prepare_tcp(fd);
	else
		prepare_udp(fd, sa.ss_family);
	if (bind(fd, (struct sockaddr *)&sa, len) < 0 ||
		(type == SOCK_STREAM && listen(fd, SOMAXCONN) < 0))
		return -errno;
	int result = fd;
	fd = -1; /* the caller's now */
	return result;
}

static int bound_to_all(int type, uint16_t port)
{
	struct address any = {.family = ADDRESS_V6, .port = port};
	int fd = bound_to(type, &any);
	if (fd != -EAFNOSUPPORT && fd != -EADDRNOTAVAIL)
		return fd;
	any.family = ADDRESS_V4; /* a machine without IPv6 */
	return bound_to(type, &any);
}

int bind_check(const char *bind_addr, struct error *err)
{
	struct address a;
	struct str text = str_from(bind_addr);
	/* Whether there is such an interface shows when it listens. */
	if (!text.n || strchr(bind_addr, '%') || address_parse_ip(text, &a))
		return 0;
	if (address_parse(text, &a))
		return error_set(err, -EINVAL,
			"\"%s\" is an address with a port: that has an option of its own",
			bind_addr);
	return error_set(err, -EINVAL,
		"\"%s\" is not an IPv4 or IPv6 address to listen on, such as 127.0.0.1; a name is "
		"not enough",
		bind_addr);
}

int bind_port(int type, const char *bind_addr, uint16_t port, struct error *err)
{
	struct address address = {0};
	bool all = !bind_addr || !*bind_addr;
	if (!all && !address_parse_zoned(str_from(bind_addr), &address))
		return error_set(err, -EINVAL,
			strchr(bind_addr, '%')
				? "%s is not a link-local IPv6 address with an interface of this "
				  "machine"
				: "%s is not an IPv4 or IPv6 address to listen on (a name is not "
				  "enough)",
			bind_addr);
	if (address_is_link_local(&address) && !address.zone)
		return error_set(err, -EINVAL,
			"%s is link-local: name the interface too, as in fe80::1%%eth0", bind_addr);
	address.port = port;
	int fd = all ? bound_to_all(type, port) : bound_to(type, &address);
	return fd < 0 ? bind_explain(type, fd, bind_addr, port, err) : fd;
}

/* Linux's default, where it cannot be read. */
#define FIRST_UNPRIVILEGED 1024

/* The first port that needs no capability. */
static unsigned first_unprivileged(void)
{
	auto_close int fd =
		open("/proc/sys/net/ipv4/ip_unprivileged_port_start", O_RDONLY | O_CLOEXEC);
	char text[16];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n <= 0)
		return FIRST_UNPRIVILEGED;
	text[n] = '\0';
	return (unsigned)strtoul(text, NULL, 10);
}

int bind_explain(int type, int error, const char *bind_addr, uint16_t port, struct error *err)
{
	const char *kind = type == SOCK_DGRAM ? "UDP port" : "port";
	const char *where = bind_addr && *bind_addr ? bind_addr : "any address";
	switch (-error) {
	case EADDRINUSE:
		return error_set(err, error,
			"%s %u: address already in use by another program; stop that or choose "
			"another port",
			kind, port);
	case EACCES:
	case EPERM:
		return error_set(err, error,
			port < first_unprivileged()
				? "%s %u: not permitted, because ports below %u need root or the "
				  "capability CAP_NET_BIND_SERVICE: the unit tunnel-server.service "
				  "has it, and setcap cap_net_bind_service=+ep gives it to the "
				  "program"
				: "%s %u: not permitted, although ports from %u on need no "
				  "capability: a policy of this machine forbids it (SELinux, "
				  "AppArmor, "
				  "systemd's SocketBindAllow=)",
			kind, port, first_unprivileged());
	case EADDRNOTAVAIL:
		return error_set(err, error, "%s %u: %s is not an address of this machine", kind,
			port, where);
	default:
		return error_set(err, error, "%s %u: cannot listen on %s: %s", kind, port, where,
			strerror(-error));
	}
}
