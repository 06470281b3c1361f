/* SPDX-License-Identifier: MIT */
#include "base/journal.h"

#include <ctype.h>
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
#include "base/str.h"

#define STREAM_NAME "/stdout" /* in the journal's folder, beside "/socket" */

/* Twice a line, as a value stands in the message and by itself, and the names of some fields. */
#define ENTRY_MAX (10u << 10)

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

/* ---- An entry: "NAME=value" a line ---- */

static char *put(char *to, const char *end, const char *p, size_t n)
{
	size_t room = (size_t)(end - to);
	n = n < room ? n : room;
	memcpy(to, p, n);
	return to + n;
}

/* "status=200" becomes "TUNNEL_STATUS=200"; what is empty is "-", and left out. */
static char *put_pair(char *to, const char *end, struct str pair)
{
	const char *equals = memchr(pair.p, '=', pair.n);
	size_t name = equals ? (size_t)(equals - pair.p) : 0;
	if (!name || str_eq((struct str){equals + 1, pair.n - name - 1}, STR("-")) ||
		(size_t)(end - to) < pair.n + 8)
		return to;
	to = put(to, end, "TUNNEL_", 7);
	for (size_t i = 0; i < name; i++)
		*to++ = (char)toupper((unsigned char)pair.p[i]);
	to = put(to, end, equals, pair.n - name);
	*to++ = '\n';
	return to;
}

static char *put_pairs(char *to, const char *end, struct str text)
{
	while (text.n) {
		const char *blank = memchr(text.p, ' ', text.n);
		struct str pair = {text.p, blank ? (size_t)(blank - text.p) : text.n};
		to = put_pair(to, end, pair);
		text.p += pair.n + (blank != NULL);
		text.n -= pair.n + (blank != NULL);
	}
	return to;
}

int journal_send(int fd, const char *line, size_t n)
{
	static const struct str access = STR("access ");
	char entry[ENTRY_MAX], *to = entry;
	const char *const end = entry + sizeof(entry);
	struct str text = {line, n};
	char priority = '6';
	if (n >= 3 && line[0] == '<' && line[2] == '>') {
		priority = line[1];
		text = (struct str){line + 3, n - 3};
	}
	to += snprintf(to, ENTRY_MAX, "PRIORITY=%c\nSYSLOG_IDENTIFIER=%s\nMESSAGE=", priority,
		program_invocation_short_name);
	to = put(to, end - 1, text.p, text.n);
	*to++ = '\n';
	if (text.n > access.n && memcmp(text.p, access.p, access.n) == 0) {
		to = put(to, end, "TUNNEL_LOG=access\n", 18);
		to = put_pairs(to, end, (struct str){text.p + access.n, text.n - access.n});
	}
	ssize_t sent = send(fd, entry, (size_t)(to - entry), MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent < 0 ? -errno : 0;
}
