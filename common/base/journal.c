/* SPDX-License-Identifier: MIT */
#include "base/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"

#define STREAM_NAME "/stdout" /* in the journal's folder, beside "/socket" */

/* A line, and what is sent of every one */
#define ENTRY_MAX (5u << 10)

bool journal_has(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat st;
	int n = 0;
	return stream && sscanf(stream, "%ju:%ju%n", &device, &inode, &n) == 2 && !stream[n] &&
	       fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

const char *journal_priority(enum log_level level)
{
	/* As in syslog(3): err, warning, info, debug. */
	static const char *const priorities[] =
		{[LOG_ERROR] = "<3>", [LOG_WARN] = "<4>", [LOG_INFO] = "<6>", [LOG_DEBUG] = "<7>"};
	return priorities[level];
}

int journal_open(int stream)
{
	const size_t name = sizeof(STREAM_NAME) - 1;
	struct sockaddr_un a = {0};
	socklen_t size = sizeof(a) - 1;
	if (getpeername(stream, (struct sockaddr *)&a, &size) < 0)
		return -errno;
	size_t n = strlen(a.sun_path);
	if (a.sun_family != AF_UNIX || n < name || strcmp(a.sun_path + n - name, STREAM_NAME) != 0)
		return -ENOENT;
	memcpy(a.sun_path + n - name, "/socket", name);
	auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -errno;
	int taken = fd;
	fd = -1;
	return taken;
}

/* An entry is "NAME=value" a line; nothing in a line of ours ends one. */
int journal_send(int fd, const char *line, size_t n)
{
	char entry[ENTRY_MAX], priority = '6';
	if (n >= 3 && line[0] == '<' && line[2] == '>') {
		priority = line[1];
		line += 3;
		n -= 3;
	}
	int begin = snprintf(entry, sizeof(entry),
		"PRIORITY=%c\nSYSLOG_IDENTIFIER=%.64s\nMESSAGE=", priority,
		program_invocation_short_name);
	char *to = entry + begin;
	n = MIN(n, sizeof(entry) - (size_t)begin - 1);
	for (size_t i = 0; i < n; i++)
		*to++ = line[i] == JOURNAL_FIELD_MARK ? '\n' : line[i];
	*to++ = '\n';
	ssize_t sent = send(fd, entry, (size_t)(to - entry), MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent < 0 ? -errno : 0;
}
