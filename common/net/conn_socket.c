/* SPDX-License-Identifier: MIT */
/*
 * The socket of a connection: what the kernel takes and gives, and what its answers mean for the flags of
 * conn.h. Plain connections and TLS stand on it.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/macros.h"
#include "net/conn_internal.h"
#include "net/socket.h"

/* ---- Rechecks ---- */

struct rechecks {
	struct loop_slot slot;
	struct timeout_queue queue;
};

static void rechecks_end(struct loop_slot *slot)
{
	struct rechecks *r = container_of(slot, struct rechecks, slot);
	timeout_queue_deinit(&r->queue);
	free(r);
}

int conn_rechecks_init(struct loop *loop,
	void (*expired)(struct timeout_queue *queue, struct timeout *entry))
{
	if (loop_slot_find(loop, rechecks_end))
		return 0;
	struct rechecks *r = calloc(1, sizeof *r);
	if (!r)
		return -ENOMEM;
	r->slot.end = rechecks_end;
	timeout_queue_init(&r->queue, loop, CONN_RECHECK, expired);
	loop_slot_add(loop, &r->slot);
	return 0;
}

static void recheck_later(struct conn *conn)
{
	struct loop_slot *slot = loop_slot_find(conn->loop, rechecks_end);
	timeout_start(&container_of(slot, struct rechecks, slot)->queue, &conn->recheck);
}

/* ---- Sending ---- */

/* Bytes went out, and the acknowledgement of those that came with them. */
static void answered(struct conn *conn)
{
	if (!conn->unanswered)
		return;
	conn->unanswered = false;
	if (conn->ack_tries)
		conn->ack_tries--;
}

ssize_t conn_send(struct conn *conn, const void *p, size_t n)
{
	ssize_t sent;
	do
		sent = send(conn->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	answered(conn);
	return sent < 0 ? -errno : sent;
}

ssize_t conn_send_many(struct conn *conn, const struct iovec *iov, size_t n)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n};
	ssize_t sent;
	do
		sent = sendmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	answered(conn);
	return sent < 0 ? -errno : sent;
}

ssize_t conn_wrote(struct conn *conn, ssize_t sent, size_t len)
{
	if (sent < 0 && sent != -EAGAIN)
		return conn_failed(conn, (int)-sent);
	if (sent < 0 || (size_t)sent < len)
		conn->writable = false;
	return sent;
}

/* ---- Receiving ---- */

ssize_t conn_receive(const struct conn *conn, void *p, size_t n)
{
	ssize_t got;
	do
		got = recv(conn->fd, p, n, MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

/* Bytes came, and the peer may wait for their acknowledgement before it sends more. */
static void acknowledge(struct conn *conn)
{
	if (conn->unanswered)
		conn->ack_tries = CONN_ACK_TRIES;
	conn->unanswered = true;
	if (conn->ack_tries)
		socket_acknowledge(conn->fd);
}

bool conn_emptied(struct conn *conn, size_t n)
{
	bool more = conn->edge_pending;
	conn->edge_pending = false;
	if (conn->ack_early && n <= CONN_ACK_SMALL)
		acknowledge(conn);
	if (!more && !timeout_running(&conn->recheck))
		recheck_later(conn);
	return more;
}

/* ---- Errors ---- */

/*
 * The kernel tells a pending error to one call only, reading or writing; afterwards a read returns 0,
 * as if the peer had ended in good order. So the first one is kept.
 */
ssize_t conn_failed(struct conn *conn, int error)
{
	if (!conn->error)
		conn->error = (uint16_t)error;
	return -error;
}
