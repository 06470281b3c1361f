#include "net/link_io.h"

#include <errno.h>
#include <string.h>

#include "net/socket.h"

void link_io_wake(struct link *l)
{
	struct link_io *c = link_io_of(l);
	/* A socket without room tells when it has some; a closed link has its end to come. */
	if (c->conn.writable || l->state == LINK_CLOSED)
		loop_defer(c->loop, LOOP_PHASE_WRITE, &c->write);
}

static void link_io_set_timer(struct link_io *c)
{
	if (c->link.state != LINK_CLOSED)
		loop_timer_set(&c->timer, link_deadline(&c->link));
}

void link_io_expect(struct link_io *c)
{
	if (link_expect(&c->link, loop_now(c->loop)))
		link_io_set_timer(c);
}

static void link_io_lost(struct link_io *c, int error)
{
	link_close(&c->link, LINK_END_LOST, "%s",
		error ? strerror(error) : "the other side ended the connection");
	conn_close(&c->conn); /* nobody is there to read a last word */
}

static void link_io_read(struct loop_task *task)
{
	struct link_io *c = container_of(task, struct link_io, read);
	for (int i = 0; i < LINK_IO_READS && c->conn.readable; i++) {
		size_t room;
		uint8_t *p = link_room(&c->link, &room);
		if (!p) {
			link_close(&c->link, LINK_END_LOCAL, "out of memory");
			return;
		}
		ssize_t n = conn_read(&c->conn, p, room);
		if (n == -EAGAIN)
			break;
		if (n <= 0) {
			link_io_lost(c, (int)-n);
			return;
		}
		if (link_input(&c->link, (size_t)n, loop_now(c->loop)) < 0)
			return;
	}
	if (c->conn.readable)
		loop_defer(c->loop, LOOP_PHASE_READ, &c->read);
	link_io_set_timer(c);
}

/* The socket is done with, once a closed link has said what it had to say. */
static void link_io_finish(struct link_io *c)
{
	conn_close(&c->conn);
	loop_task_cancel(&c->read);
	loop_task_cancel(&c->write);
	loop_timer_cancel(&c->timer);
	c->ended(c);
}

static void link_io_limit_unsent(struct link_io *c, uint32_t bytes)
{
	if (bytes != c->unsent)
		socket_limit_unsent(c->conn.fd, bytes);
	c->unsent = bytes;
}

/* Suits what waits for the socket, here and in the kernel, to how fast it takes it. */
static void link_io_look(struct link_io *c)
{
	struct socket_way way;
	c->looked = loop_now(c->loop);
	if (socket_ask_way(c->conn.fd, &way) < 0)
		return;
	link_pace(&c->link, way.rate);
	uint64_t most = clock_amount(way.rate, LINK_IO_UNSENT_TIME);
	uint32_t unsent = LINK_IO_UNSENT_MIN;
	while (unsent < SOCKET_UNSENT_MAX && 2 * unsent <= most)
		unsent *= 2;
	link_io_limit_unsent(c, unsent);
}

static void link_io_write(struct loop_task *task)
{
	struct link_io *c = container_of(task, struct link_io, write);
	bool more = true;
	if (c->link.state == LINK_UP && loop_now(c->loop) - c->looked >= LINK_IO_LOOK)
		link_io_look(c);
	/* Nothing urgent can come behind a last word: the kernel may have all of it. */
	if (c->link.state == LINK_CLOSED && c->conn.fd >= 0)
		link_io_limit_unsent(c, SOCKET_UNSENT_MAX);
	for (int i = 0; i < LINK_IO_WRITES && more && c->conn.fd >= 0; i++) {
		if (c->unsent < SOCKET_UNSENT_MAX && !conn_wants(&c->conn))
			break;
		const uint8_t *p;
		size_t n = link_output(&c->link, &p, loop_now(c->loop));
		if (!(more = n > 0))
			break;
		ssize_t sent = conn_write(&c->conn, p, n);
		if (sent == -EAGAIN)
			break;
		if (sent < 0) {
			link_io_lost(c, (int)-sent);
			break;
		}
		link_sent(&c->link, (size_t)sent);
		more = (size_t)sent == n ? link_pending(&c->link) : false;
	}
	if (c->link.state == LINK_CLOSED) {
		if (c->conn.fd < 0 || !link_pending(&c->link))
			link_io_finish(c);
		else if (!c->last_word)
			loop_timer_set(&c->timer, loop_now(c->loop) + LINK_IO_LAST_WORD);
		c->last_word = true;
		return;
	}
	if (more && c->conn.writable)
		loop_defer(c->loop, LOOP_PHASE_WRITE, &c->write);
	link_io_set_timer(c);
}

static void link_io_changed(struct conn *conn)
{
	struct link_io *c = container_of(conn, struct link_io, conn);
	if (conn->readable && c->link.state != LINK_CLOSED)
		loop_defer(c->loop, LOOP_PHASE_READ, &c->read);
	if (conn->writable && link_pending(&c->link))
		loop_defer(c->loop, LOOP_PHASE_WRITE, &c->write);
}

static void link_io_timer(struct loop_timer *timer)
{
	struct link_io *c = container_of(timer, struct link_io, timer);
	if (c->link.state == LINK_CLOSED) {
		link_io_finish(c); /* its last word was not wanted */
		return;
	}
	struct socket_way way;
	if (socket_ask_way(c->conn.fd, &way) == 0) {
		if (way.acked - c->acked >= LINK_IO_ACKED_MIN)
			link_alive(&c->link, way.under_way, loop_now(c->loop));
		c->acked = way.acked;
	}
	if (link_tick(&c->link, loop_now(c->loop)) == 0)
		link_io_set_timer(c);
}

int link_io_start(struct link_io *c, struct loop *loop, struct detached_conn detached,
	const struct link_ops *ops, const struct link_config *config,
	void (*ended)(struct link_io *c))
{
	*c = (struct link_io){.loop = loop, .unsent = SOCKET_UNSENT_MAX, .ended = ended};
	loop_task_init(&c->read, link_io_read);
	loop_task_init(&c->write, link_io_write);
	loop_timer_init(&c->timer, loop, link_io_timer);
	int r = conn_attach(&c->conn, loop, detached, link_io_changed);
	if (r == 0)
		r = link_init(&c->link, ops, config, loop_now(loop));
	if (r < 0) {
		link_io_deinit(c);
		return r;
	}
	conn_assume_writable(&c->conn); /* it has just carried the upgrade */
	if (link_pending(&c->link))
		loop_defer(loop, LOOP_PHASE_WRITE, &c->write);
	link_io_set_timer(c);
	return 0;
}

int link_io_feed(struct link_io *c, const void *early, size_t n)
{
	for (const uint8_t *at = early; n && c->link.state != LINK_CLOSED;) {
		size_t room;
		uint8_t *p = link_room(&c->link, &room);
		if (!p)
			return -ENOMEM;
		size_t step = MIN(room, n);
		memcpy(p, at, step);
		at += step;
		n -= step;
		link_input(&c->link, step, loop_now(c->loop));
	}
	if (link_pending(&c->link))
		loop_defer(c->loop, LOOP_PHASE_WRITE, &c->write);
	link_io_set_timer(c);
	return 0;
}

void link_io_deinit(struct link_io *c)
{
	if (!c->loop)
		return;
	loop_task_cancel(&c->read);
	loop_task_cancel(&c->write);
	loop_timer_cancel(&c->timer);
	link_deinit(&c->link);
	conn_close(&c->conn);
	loop_task_cancel(&c->write); /* the streams' ends woke it */
	c->loop = NULL;
}
