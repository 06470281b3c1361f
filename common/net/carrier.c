#include "net/carrier.h"

#include <errno.h>
#include <string.h>

#include "net/socket.h"

void carrier_wake(struct link *l)
{
	struct carrier *c = carrier_of(l);
	/* A socket without room tells when it has some; a closed link has its end to come. */
	if (c->conn.writable || l->state == LINK_CLOSED)
		loop_defer(c->loop, LOOP_PHASE_WRITE, &c->write);
}

static void carrier_set_timer(struct carrier *c)
{
	if (c->link.state != LINK_CLOSED)
		loop_timer_set(&c->timer, link_deadline(&c->link));
}

void carrier_expect(struct carrier *c)
{
	if (link_expect(&c->link, loop_now(c->loop)))
		carrier_set_timer(c);
}

static void carrier_lost(struct carrier *c, int error)
{
	link_close(&c->link, LINK_END_LOST, "%s",
		error ? strerror(error) : "the other side ended the connection");
	conn_close(&c->conn); /* nobody is there to read a last word */
}

static void carrier_read(struct loop_task *task)
{
	struct carrier *c = container_of(task, struct carrier, read);
	for (int i = 0; i < CARRIER_READS && c->conn.readable; i++) {
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
			carrier_lost(c, (int)-n);
			return;
		}
		if (link_input(&c->link, (size_t)n, loop_now(c->loop)) < 0)
			return;
	}
	if (c->conn.readable)
		loop_defer(c->loop, LOOP_PHASE_READ, &c->read);
	carrier_set_timer(c);
}

/* The socket is done with, once a closed link has said what it had to say. */
static void carrier_finish(struct carrier *c)
{
	conn_close(&c->conn);
	loop_task_cancel(&c->read);
	loop_task_cancel(&c->write);
	loop_timer_cancel(&c->timer);
	c->ended(c);
}

static void carrier_limit_unsent(struct carrier *c, uint32_t bytes)
{
	if (bytes != c->unsent)
		socket_limit_unsent(c->conn.fd, bytes);
	c->unsent = bytes;
}

/* Suits what waits for the socket, here and in the kernel, to how fast it takes it. */
static void carrier_look(struct carrier *c)
{
	struct socket_way way;
	c->looked = loop_now(c->loop);
	if (socket_ask_way(c->conn.fd, &way) < 0)
		return;
	link_pace(&c->link, way.rate);
	uint64_t most = clock_amount(way.rate, CARRIER_UNSENT_TIME);
	uint32_t unsent = CARRIER_UNSENT_MIN;
	while (unsent < SOCKET_UNSENT_MAX && 2 * unsent <= most)
		unsent *= 2;
	carrier_limit_unsent(c, unsent);
}

static void carrier_write(struct loop_task *task)
{
	struct carrier *c = container_of(task, struct carrier, write);
	bool more = true;
	if (c->link.state == LINK_UP && loop_now(c->loop) - c->looked >= CARRIER_LOOK)
		carrier_look(c);
	/* Nothing urgent can come behind a last word: the kernel may have all of it. */
	if (c->link.state == LINK_CLOSED && c->conn.fd >= 0)
		carrier_limit_unsent(c, SOCKET_UNSENT_MAX);
	for (int i = 0; i < CARRIER_WRITES && more && c->conn.fd >= 0; i++) {
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
			carrier_lost(c, (int)-sent);
			break;
		}
		link_sent(&c->link, (size_t)sent);
		more = (size_t)sent == n ? link_pending(&c->link) : false;
	}
	if (c->link.state == LINK_CLOSED) {
		if (c->conn.fd < 0 || !link_pending(&c->link))
			carrier_finish(c);
		else if (!c->last_word)
			loop_timer_set(&c->timer, loop_now(c->loop) + CARRIER_LAST_WORD);
		c->last_word = true;
		return;
	}
	if (more && c->conn.writable)
		loop_defer(c->loop, LOOP_PHASE_WRITE, &c->write);
	carrier_set_timer(c);
}

static void carrier_changed(struct conn *conn)
{
	struct carrier *c = container_of(conn, struct carrier, conn);
	if (conn->readable && c->link.state != LINK_CLOSED)
		loop_defer(c->loop, LOOP_PHASE_READ, &c->read);
	if (conn->writable && link_pending(&c->link))
		loop_defer(c->loop, LOOP_PHASE_WRITE, &c->write);
}

static void carrier_timer(struct loop_timer *timer)
{
	struct carrier *c = container_of(timer, struct carrier, timer);
	if (c->link.state == LINK_CLOSED) {
		carrier_finish(c); /* its last word was not wanted */
		return;
	}
	struct socket_way way;
	if (socket_ask_way(c->conn.fd, &way) == 0) {
		if (way.acked - c->acked >= CARRIER_ACKED_MIN)
			link_alive(&c->link, way.under_way, loop_now(c->loop));
		c->acked = way.acked;
	}
	if (link_tick(&c->link, loop_now(c->loop)) == 0)
		carrier_set_timer(c);
}

int carrier_start(struct carrier *c, struct loop *loop, struct plug plug,
	const struct link_ops *ops, const struct link_config *config, const void *early,
	size_t n_early, void (*ended)(struct carrier *c))
{
	*c = (struct carrier){.loop = loop, .unsent = SOCKET_UNSENT_MAX, .ended = ended};
	loop_task_init(&c->read, carrier_read);
	loop_task_init(&c->write, carrier_write);
	loop_timer_init(&c->timer, loop, carrier_timer);
	int r = conn_plug(&c->conn, loop, plug, carrier_changed);
	if (r == 0)
		r = link_init(&c->link, ops, config, loop_now(loop));
	if (r < 0) {
		carrier_deinit(c);
		return r;
	}
	conn_assume_writable(&c->conn); /* it has just carried the upgrade */
	for (const uint8_t *at = early; n_early && c->link.state != LINK_CLOSED;) {
		size_t room;
		uint8_t *p = link_room(&c->link, &room);
		if (!p) {
			carrier_deinit(c);
			return -ENOMEM;
		}
		size_t n = MIN(room, n_early);
		memcpy(p, at, n);
		at += n;
		n_early -= n;
		link_input(&c->link, n, loop_now(loop));
	}
	if (link_pending(&c->link))
		loop_defer(loop, LOOP_PHASE_WRITE, &c->write);
	carrier_set_timer(c);
	return 0;
}

void carrier_deinit(struct carrier *c)
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
