/* SPDX-License-Identifier: MIT */
/* One connection for each request: it costs some microseconds here, and no state is left from the last one. */
#include "cli/admin_local.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "cli/http_message.h"

/* Bytes of one read. */
#define READ_SIZE ((size_t)64 << 10)

/*
 * How long a server may say nothing. A check of a large store reads all of it; beyond this the server is stuck,
 * and a script that waits for it should go on.
 */
#define ANSWER_WAIT_MS (120 * 1000)

struct admin_local {
	struct admin_transport transport;
	struct sockaddr_un address;
};

/* An open connection, or -errno. */
static int dial(const struct sockaddr_un *address)
{
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) < 0)
		return -errno;
	int connected = fd;
	fd = -1; /* the caller's now */
	return connected;
}

static int lost(const struct admin_local *s, const char *why, struct error *err)
{
	return error_set(err, STATUS_NO_ANSWER,
		"the server at %s went away before it answered (%s): see its log, and whether what "
		"was asked for is done",
		s->address.sun_path, why);
}

static int send_all(const struct admin_local *s, int fd, const char *p, size_t n, struct error *err)
{
	while (n > 0) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);
		if (done < 0 && errno == EINTR)
			continue;
		/* A server that refuses a large body answers before it has read all of it. */
		if (done < 0 && errno == EPIPE)
			return 0;
		if (done < 0)
			return lost(s, strerror(errno), err);
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

/* One read. 0 with bytes, or at the end of the connection with `*end`. */
static int receive(const struct admin_local *s, int fd, struct buf *to, bool *end,
	struct error *err)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	int r;
	do {
		r = poll(&readable, 1, ANSWER_WAIT_MS);
	} while (r < 0 && errno == EINTR);
	if (r == 0)
		return error_set(err, STATUS_NO_ANSWER,
			"the server at %s has not answered for %d s: see its log",
			s->address.sun_path, ANSWER_WAIT_MS / 1000);
	if (buf_reserve(to, READ_SIZE))
		return error_set(err, STATUS_FAILED, "no memory");
	ssize_t n = read(fd, buf_tail(to), READ_SIZE);
	if (n < 0 && errno != EINTR)
		return lost(s, strerror(errno), err);
	*end = n == 0;
	buf_commit(to, n > 0 ? (size_t)n : 0);
	return 0;
}

static int call(struct admin_transport *transport, const void *request, size_t n,
	struct buf *response, struct error *err)
{
	struct admin_local *s = (struct admin_local *)transport;
	auto_close int fd = dial(&s->address);
	if (fd < 0)
		return error_set(err, STATUS_NO_ANSWER, "no server answers at %s any more: %s",
			s->address.sun_path, strerror(-fd));
	int r = send_all(s, fd, request, n, err);
	bool end = false;
	size_t before = buf_len(response);
	while (!r && !end) {
		r = receive(s, fd, response, &end, err);
		size_t got = buf_len(response) - before;
		if (!r && http_message_complete(buf_at(response, response->start + before), got))
			break;
		if (!r && got > ADMIN_RESPONSE_MAX)
			r = error_set(err, STATUS_FAILED, "the server's answer is too long");
		else if (!r && end && !got)
			r = lost(s, "it closed the connection", err);
	}
	return r;
}

static void close_socket(struct admin_transport *transport)
{
	free(transport);
}

/* ---- Finding it ---- */

/* What was tried so far, for the sentence at the end. */
struct search {
	struct admin_local *socket;
	char tried[320];
	bool denied;
};

/* 0: it is this one. */
static int try_path(struct search *s, const char *path)
{
	struct sockaddr_un *address = &s->socket->address;
	int r = -ENAMETOOLONG;
	if (strlen(path) < sizeof address->sun_path) {
		*address = (struct sockaddr_un){.sun_family = AF_UNIX};
		strcpy(address->sun_path, path); /* NOLINT: its length was looked at */
		r = dial(address);
	}
	if (r >= 0) {
		close(r);
		return 0;
	}
	size_t used = strlen(s->tried);
	snprintf(s->tried + used, sizeof s->tried - used, "%s%s (%s)", used ? ", " : "", path,
		strerror(-r));
	s->denied = s->denied || r == -EACCES || r == -EPERM;
	return r;
}

static int try_all(struct search *s, const struct admin_local_places *places)
{
	if (places->socket)
		return try_path(s, places->socket);
	if (!places->state_dir && try_path(s, ADMIN_SOCKET_RUNTIME) == 0)
		return 0;
	auto_free char *dir = state_dir_find(places->state_dir);
	auto_free char *path = NULL;
	if (!dir || asprintf(&path, "%s/" STATE_DIR_ADMIN_SOCKET, dir) < 0) {
		path = NULL;
		return -ENOENT;
	}
	return try_path(s, path);
}

int admin_local_open(struct admin_transport **transport_out,
	const struct admin_local_places *places, struct error *err)
{
	auto_free struct admin_local *s = calloc(1, sizeof *s);
	if (!s)
		return error_set(err, STATUS_FAILED, "no memory");
	s->transport = (struct admin_transport){.call = call, .close = close_socket};
	struct search search = {.socket = s};
	if (try_all(&search, places) == 0) {
		*transport_out = &s->transport;
		s = NULL;
		return 0;
	}
	if (search.denied)
		return error_set(err, STATUS_FAILED,
			"this user may not ask the server: %s; be root, the server's user, or in "
			"its --admin-group, which the directories above the socket have to let "
			"pass",
			search.tried);
	return error_set(err, STATUS_NO_ANSWER,
		"no server answers on this machine: tried %s; is tunnel server running? "
		"--admin-socket PATH names its socket, --remote URL --token-from FILE asks one "
		"elsewhere",
		search.tried);
}
