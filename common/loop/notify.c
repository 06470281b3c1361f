/* SPDX-License-Identifier: MIT */
#include "loop/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Bytes of one message; a status line is cut before it is refused. */
#define NOTIFY_MAX 1024

/* The address that $NOTIFY_SOCKET names; its length, 0 if unset, -EINVAL if it is no such thing. */
static int notify_address(struct sockaddr_un *un)
{
	const char *path = getenv("NOTIFY_SOCKET");
	if (!path || !*path)
		return 0;
	size_t len = strlen(path);
	if ((*path != '/' && *path != '@') || len >= sizeof un->sun_path)
		return -EINVAL;
	*un = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(un->sun_path, path, len);
	/* An abstract name begins with NUL and ends where the length says; a path ends with NUL. */
	if (*path == '@')
		un->sun_path[0] = '\0';
	else
		len++;
	return (int)(offsetof(struct sockaddr_un, sun_path) + len);
}

int notify_send(const char *fmt, ...)
{
	struct sockaddr_un un;
	int len = notify_address(&un);
	if (len <= 0)
		return len;
	char text[NOTIFY_MAX];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -EINVAL;
	size_t size = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
	auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&un,
		    (socklen_t)len) < 0)
		return -errno;
	return 1;
}

/* A whole decimal number; 0 when it is missing or anything else. */
static uint64_t env_number(const char *name)
{
	const char *text = getenv(name);
	if (!text || *text < '0' || *text > '9')
		return 0;
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	return errno || *end ? 0 : value;
}

uint64_t notify_watchdog_interval(void)
{
	/* Inherited from a parent that is watched itself, the number is not meant for us. */
	if (getenv("WATCHDOG_PID") && env_number("WATCHDOG_PID") != (uint64_t)getpid())
		return 0;
	return env_number("WATCHDOG_USEC") / 2;
}
