/* SPDX-License-Identifier: MIT */
#include "net/conn.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/conn_internal.h"
#include "net/socket.h"
#include "tls/tls.h"

static void conn_event(int fd, short what, void *arg)
{
	struct conn *conn = arg;
	bool news = false;
	if (conn->tls && !(what = conn_tls_event(conn, what)))
		return;
	/*
	 * An error is told as read and write together, by libevent, and nothing else: it shows
	 * itself to whoever reads on until EAGAIN, which `edge_pending` and the recheck see to. So each
	 * such edge is news: where nobody reads, or behind a FIN, it may be an error.
	 */
	if (what & (LOOP_READ | LOOP_CLOSED)) {
		if (conn->readable)
			conn->edge_pending = true;
		conn->readable = news = true;
	}
	if (what & LOOP_CLOSED)
		conn->fin_received = true;
	if ((what & LOOP_WRITE) && !conn->writable)
		conn->writable = news = true;
	if (news)
		conn->changed(conn);
}

void detached_conn_close(struct detached_conn *detached)
{
	if (detached->fd >= 0)
		close(detached->fd);
	tls_free(detached->tls);
	*detached = DETACHED_CONN_NULL;
}

/*
 * A reset that arrived between the data and the poll was told in the same edge as the data, and the
 * short read ended before it. Nobody would hear of it until the next write. One look a second for
 * each connection that was read is far cheaper than a second recv for each read.
 */
static void recheck(struct timeout_queue *queue, struct timeout *entry)
{
	struct conn *conn = container_of(entry, struct conn, recheck);
	if (conn->readable || conn_peek(conn) == CONN_SILENT)
		return;
	conn->readable = true;
	conn->changed(conn);
}

int conn_init(struct conn *conn, struct loop *loop, int fd, void (*changed)(struct conn *conn))
{
	return conn_attach(conn, loop, DETACHED_CONN_OF(fd), changed);
}

int conn_attach(struct conn *conn, struct loop *loop, struct detached_conn detached,
	void (*changed)(struct conn *conn))
{
	int fd = detached.fd;
	*conn = (struct conn){.loop = loop, .changed = changed, .fd = fd, .tls = detached.tls};
	timeout_init(&conn->recheck);
	int r = conn_rechecks_init(loop, recheck);
	/* All three at once and for good: no epoll_ctl follows until it is closed. */
	if (r == 0)
		r = loop_watch(&conn->event, loop, fd,
			LOOP_READ | LOOP_WRITE | LOOP_CLOSED | LOOP_EDGE, conn_event, conn);
	if (r < 0) {
		detached_conn_close(&detached);
		conn->fd = -1;
		conn->tls = NULL;
	} else if (conn->tls) {
		conn_tls_begin(conn);
	}
	return r;
}

/*
 * EPIPE alone leaves the peer's end a good one: it means that the peer sent FIN and then refused
 * what we sent, or that we shut down our side.
 */
static ssize_t ended(struct conn *conn)
{
	conn->read_ended = true;
	conn->readable = false;
	return conn->error && conn->error != EPIPE ? -(ssize_t)conn->error : 0;
}

void conn_ack_early(struct conn *conn)
{
	conn->ack_early = true;
	conn->ack_tries = CONN_ACK_TRIES;
}

ssize_t conn_read(struct conn *conn, void *p, size_t n)
{
	if (conn->read_ended)
		return ended(conn);
	if (conn->tls)
		return conn_tls_read(conn, p, n);
	ssize_t got = conn_receive(conn, p, n);
	if (got == 0)
		return ended(conn);
	if (got < 0) {
		conn->readable = conn->edge_pending = false;
		if (got == -EAGAIN)
			return got;
		conn->read_ended = true;
		return conn_failed(conn, (int)-got);
	}
	if ((size_t)got < n && !conn->fin_received)
		conn->readable = conn_emptied(conn, (size_t)got);
	return got;
}

/* Asking is also what makes the kernel tell, by an edge, when it wants bytes again (tcp_poll()). */
bool conn_wants(struct conn *conn)
{
	struct pollfd p = {.fd = conn->fd, .events = POLLOUT};
	int n = poll(&p, 1, 0);
	if (n == 0)
		conn->writable = false;
	return n != 0;
}

ssize_t conn_write(struct conn *conn, const void *p, size_t n)
{
	if (conn->error)
		return -(ssize_t)conn->error;
	if (conn->tls) {
		struct iovec iov = {.iov_base = (void *)(uintptr_t)p, .iov_len = n};
		return conn_tls_writev(conn, &iov, 1);
	}
	return conn_wrote(conn, conn_send(conn, p, n), n);
}

ssize_t conn_writev(struct conn *conn, const struct iovec *iov, size_t n)
{
	if (conn->error)
		return -(ssize_t)conn->error;
	if (conn->tls)
		return conn_tls_writev(conn, iov, n);
	size_t len = 0;
	for (size_t i = 0; i < n; i++)
		len += iov[i].iov_len;
	return conn_wrote(conn, conn_send_many(conn, iov, n), len);
}

enum conn_peek conn_peek(struct conn *conn)
{
	if (conn->tls)
		return conn_tls_peek(conn);
	char byte;
	ssize_t got;
	do
		got = recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got > 0)
		return CONN_BYTES;
	if (got == 0)
		return CONN_ENDED;
	if (errno == EAGAIN)
		return conn->error ? CONN_ENDED : CONN_SILENT;
	conn_failed(conn, errno);
	return CONN_ENDED;
}

bool conn_broken(struct conn *conn)
{
	if (!conn->error)
		conn->error = (uint16_t)-socket_error(conn->fd);
	return conn->error;
}

bool conn_acknowledged(const struct conn *conn, uint64_t least, uint64_t *acked)
{
	struct socket_way way;
	if (socket_ask_way(conn->fd, &way) < 0)
		return true;
	if (way.acked < *acked + least)
		return false;
	*acked = way.acked;
	return true;
}

int conn_shutdown_write(struct conn *conn)
{
	if (conn->tls)
		return conn_tls_shutdown(conn);
	return shutdown(conn->fd, SHUT_WR) < 0 ? -errno : 0;
}

struct detached_conn conn_detach(struct conn *conn)
{
	if (!conn->changed)
		return DETACHED_CONN_NULL; /* zero: its fd of 0 is not ours */
	struct detached_conn detached = {.fd = conn->fd, .tls = conn->tls};
	timeout_cancel(&conn->recheck);
	loop_unwatch(&conn->event);
	conn->fd = -1;
	conn->tls = NULL;
	return detached;
}
