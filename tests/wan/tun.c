/* SPDX-License-Identifier: MIT */
/* Network devices by ioctl, so that nothing has to be run and read. */
#include "tun.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define NAME         "wan"
/*
 * Packets that the device may hold until we read them. Drops are to happen in our queue, where they
 * are counted, so this is more than a congestion window at anything that is tried here: the kernel's
 * 500 would be less than one bandwidth-delay product of 100 Mbit/s and 100 ms.
 */
#define DEVICE_QUEUE 20000

static int complain(const char *what, const char *netns)
{
	int err = errno;
	fprintf(stderr, "wan: %s in the namespace %s: %s\n", what, netns, strerror(err));
	return -err;
}

static int enter(const char *netns)
{
	char path[128];
	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 || setns(fd, CLONE_NEWNET) < 0 ? -1 : 0;
}

static int parse_address(const char *text, struct in_addr *address_out, struct in_addr *mask_out)
{
	char host[INET_ADDRSTRLEN];
	unsigned bits;
	if (sscanf(text, "%15[0-9.]/%u", host, &bits) != 2 || !bits || bits > 32 ||
		inet_pton(AF_INET, host, address_out) != 1)
		return -EINVAL;
	mask_out->s_addr = htonl(UINT32_MAX << (32 - bits));
	return 0;
}

static void put_address(struct ifreq *ifr, struct in_addr address)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = address};
	memcpy(&ifr->ifr_addr, &sin, sizeof(sin));
}

/* Inside the namespace. */
static int configure(const char *text, const char *netns)
{
	struct in_addr address, mask;
	if (parse_address(text, &address, &mask) < 0) {
		fprintf(stderr, "wan: \"%s\" is no address such as 10.0.0.1/24\n", text);
		return -EINVAL;
	}
	auto_close int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return complain("no socket", netns);
	struct ifreq ifr = {.ifr_name = NAME};
	put_address(&ifr, address);
	if (ioctl(s, SIOCSIFADDR, &ifr) < 0)
		return complain("cannot set the address", netns);
	put_address(&ifr, mask);
	if (ioctl(s, SIOCSIFNETMASK, &ifr) < 0)
		return complain("cannot set the mask", netns);
	ifr.ifr_mtu = TUN_MTU;
	if (ioctl(s, SIOCSIFMTU, &ifr) < 0)
		return complain("cannot set the MTU", netns);
	ifr.ifr_qlen = DEVICE_QUEUE;
	if (ioctl(s, SIOCSIFTXQLEN, &ifr) < 0)
		return complain("cannot set the queue", netns);
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(s, SIOCSIFFLAGS, &ifr) < 0)
		return complain("cannot bring the device up", netns);
	return 0;
}

int tun_open(const char *netns, const char *address)
{
	auto_close int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0 || enter(netns) < 0)
		return complain("cannot enter", netns);
	/* No virtio header and no offloads: the kernel cuts everything down to the MTU for us. */
	struct ifreq ifr = {.ifr_name = NAME, .ifr_flags = IFF_TUN | IFF_NO_PI};
	auto_close int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int r = 0;
	if (fd < 0)
		r = complain("cannot open /dev/net/tun", netns);
	else if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		r = complain("cannot make a TUN device", netns);
	else
		r = configure(address, netns);
	/* From here the other namespace's name could not even be resolved. */
	if (setns(home, CLONE_NEWNET) < 0)
		r = complain("cannot come back from", netns);
	if (r < 0)
		return r;
	int opened = fd;
	fd = -1;
	return opened;
}
