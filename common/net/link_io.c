/* SPDX-License-Identifier: MIT */
#include "net/link_io.h"

#include <errno.h>
#include <string.h>

#include "net/socket.h"

void link_io_wake(struct link *l)
{
	struct link_io *io = link_io_of(l);
	/* A socket without room tells when it has some; a closed link has its end to come. */
	if (io->conn.writable || l->state == LINK_CLOSED)
		loop_defer(io->loop, LOOP_PHASE_WRITE, &io->write);
}

static void link_io_set_timer(struct link_io *io)
{
	if (io->link.state != LINK_CLOSED)
		loop_timer_set(&io->timer, link_deadline(&io->link));
}

void link_io_expect(struct link_io *io)
{
	if (link_expect(&io->link, loop_now(io->loop)))
		link_io_set_timer(io);
}

static void link_io_lost(struct link_io *io, int error)
{
	link_close(&io->link, LINK_END_LOST, "%s",
		error ? strerror(error) : "the other side ended the connection");
	conn_close(&io->conn); /* nobody is there to read a last word */
}

static void link_io_read(struct loop_task *task)
{
	struct link_io *io = container_of(task, struct link_io, read);
	for (int i = 0; i < LINK_IO_READS && io->conn.readable; i++) {
		size_t room;
		uint8_t *p = link_room(&io->link, &room);
		if (!p) {
			link_close(&io->link, LINK_END_LOCAL, "out of memory");
			return;
		}
		ssize_t n = conn_read(&io->conn, p, room);
		if (n == -EAGAIN)
			break;
		if (n <= 0) {
			link_io_lost(io, (int)-n);
			return;
		}
		if (link_input(&io->link, (size_t)n, loop_now(io->loop)) < 0)
			return;
	}
	if (io->conn.readable)
		loop_defer(io->loop, LOOP_PHASE_READ, &io->read);
	link_io_set_timer(io);
}

/* The socket is done with, once a closed link has said what it had to say. */
static void link_io_finish(struct link_io *io)
{
	conn_close(&io->conn);
	loop_task_cancel(&io->read);
	loop_task_cancel(&io->write);
	loop_timer_cancel(&io->timer);
	io->ended(io);
}

static void link_io_limit_unsent(struct link_io *io, uint32_t bytes)
{
	if (bytes != io->unsent)
		socket_limit_unsent(io->conn.fd, bytes);
	io->unsent = bytes;
}

/* Suits what waits for the socket, here and in the kernel, to how fast it takes it. */
static void link_io_look(struct link_io *io)
{
	struct socket_way way;
	io->looked = loop_now(io->loop);
	if (socket_ask_way(io->conn.fd, &way) < 0)
		return;
	link_pace(&io->link, way.rate);
	uint64_t most = clock_amount(way.rate, LINK_IO_UNSENT_TIME);
	uint32_t unsent = LINK_IO_UNSENT_MIN;
	while (unsent < SOCKET_UNSENT_MAX && 2 * unsent <= most)
		unsent *= 2;
	link_io_limit_unsent(io, unsent);
}

static void link_io_write(struct loop_task *task)
{
	struct link_io *io = container_of(task, struct link_io, write);
	bool more = true;
	if (io->link.state == LINK_UP && loop_now(io->loop) - io->looked >= LINK_IO_LOOK)
		link_io_look(io);
	/* Nothing urgent can come behind a last word: the kernel may have all of it. */
	if (io->link.state == LINK_CLOSED && io->conn.fd >= 0)
		link_io_limit_unsent(io, SOCKET_UNSENT_MAX);
	for (int i = 0; i < LINK_IO_WRITES && more && io->conn.fd >= 0; i++) {
		if (io->unsent < SOCKET_UNSENT_MAX && !conn_wants(&io->conn))
			break;
		const uint8_t *p;
		size_t n = link_output(&io->link, &p, loop_now(io->loop));
		if (!(more = n > 0))
			break;
		ssize_t sent = conn_write(&io->conn, p, n);
		if (sent == -EAGAIN)
			break;
		if (sent < 0) {
			link_io_lost(io, (int)-sent);
			break;
		}
		link_sent(&io->link, (size_t)sent);
		more = (size_t)sent == n ? link_pending(&io->link) : false;
	}
	if (io->link.state == LINK_CLOSED) {
		if (io->conn.fd < 0 || !link_pending(&io->link))
			link_io_finish(io);
		else if (!io->last_word)
			loop_timer_set(&io->timer, loop_now(io->loop) + LINK_IO_LAST_WORD);
		io->last_word = true;
		return;
	}
	if (more && io->conn.writable)
		loop_defer(io->loop, LOOP_PHASE_WRITE, &io->write);
	link_io_set_timer(io);
}

static void link_io_changed(struct conn *conn)
{
	struct link_io *io = container_of(conn, struct link_io, conn);
	if (conn->readable && io->link.state != LINK_CLOSED)
		loop_defer(io->loop, LOOP_PHASE_READ, &io->read);
	if (conn->writable && link_pending(&io->link))
		loop_defer(io->loop, LOOP_PHASE_WRITE, &io->write);
}

static void link_io_timer(struct loop_timer *timer)
{
	struct link_io *io = container_of(timer, struct link_io, timer);
	if (io->link.state == LINK_CLOSED) {
		link_io_finish(io); /* its last word was not wanted */
		return;
	}
	struct socket_way way;
	if (socket_ask_way(io->conn.fd, &way) == 0) {
		if (way.acked - io->acked >= LINK_IO_ACKED_MIN)
			link_alive(&io->link, way.under_way, loop_now(io->loop));
		io->acked = way.acked;
	}
	if (link_tick(&io->link, loop_now(io->loop)) == 0)
		link_io_set_timer(io);
}

int link_io_start(struct link_io *io, struct loop *loop, struct detached_conn detached,
	const struct link_ops *ops, const struct link_config *config,
	void (*ended)(struct link_io *io))
{
	*io = (struct link_io){.loop = loop, .unsent = SOCKET_UNSENT_MAX, .ended = ended};
	loop_task_init(&io->read, link_io_read);
	loop_task_init(&io->write, link_io_write);
	loop_timer_init(&io->timer, loop, link_io_timer);
	int r = conn_attach(&io->conn, loop, detached, link_io_changed);
	if (r == 0)
		r = link_init(&io->link, ops, config, loop_now(loop));
	if (r < 0) {
		link_io_deinit(io);
		return r;
	}
	conn_assume_writable(&io->conn); /* it has just carried the upgrade */
	if (link_pending(&io->link))
		loop_defer(loop, LOOP_PHASE_WRITE, &io->write);
	link_io_set_timer(io);
	return 0;
}

int link_io_feed(struct link_io *io, const void *early, size_t n)
{
	for (const uint8_t *at = early; n && io->link.state != LINK_CLOSED;) {
		size_t room;
		uint8_t *p = link_room(&io->link, &room);
		if (!p)
			return -ENOMEM;
		size_t step = MIN(room, n);
		memcpy(p, at, step);
		at += step;
		n -= step;
		link_input(&io->link, step, loop_now(io->loop));
	}
	if (link_pending(&io->link))
		loop_defer(io->loop, LOOP_PHASE_WRITE, &io->write);
	link_io_set_timer(io);
	return 0;
}

void link_io_deinit(struct link_io *io)
{
	if (!io->loop)
		return;
	loop_task_cancel(&io->read);
	loop_task_cancel(&io->write);
	loop_timer_cancel(&io->timer);
	link_deinit(&io->link);
	conn_close(&io->conn);
	loop_task_cancel(&io->write); /* the streams' ends woke it */
	io->loop = NULL;
}
