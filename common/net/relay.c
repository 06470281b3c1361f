/* SPDX-License-Identifier: MIT */
#include "net/relay.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"

static struct relay *relay_of(struct stream *s)
{
	return container_of(s, struct relay, stream);
}

static void relay_opening(struct stream *s, struct frame_open *open_out)
{
	relay_of(s)->opening(relay_of(s), open_out);
}

static ssize_t relay_pull_early(struct relay *r, uint8_t *room, size_t max)
{
	size_t n = MIN(max, buf_len(&r->early));
	memcpy(room, buf_head(&r->early), n);
	if (r->tap)
		r->tap->read(r->tap, room, n);
	buf_consume(&r->early, n);
	if (!buf_len(&r->early))
		buf_deinit(&r->early);
	return (ssize_t)n;
}

static ssize_t relay_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct relay *r = relay_of(s);
	if (buf_len(&r->early))
		return relay_pull_early(r, room, max);
	if (!r->conn.readable)
		return -EAGAIN;
	ssize_t n = conn_read(&r->conn, room, max);
	if (n > 0)
		r->moved = loop_now(r->loop);
	if (r->tap && n >= 0)
		r->tap->read(r->tap, room, (size_t)n);
	return n;
}

/*
 * The upstream of a kept stream may have closed it while nobody looked. A request written to it now
 * might have been executed, for all anyone could tell; one that was not written can be sent again.
 */
static bool relay_stale(struct relay *r)
{
	return r->requests && loop_now(r->loop) - r->moved > RELAY_TRUST &&
	       conn_peek(&r->conn) == CONN_ENDED;
}

static void relay_broken(struct relay *r)
{
	relay_abort(r, FRAME_RESET_ABORTED);
	r->ended(r, FRAME_RESET_ABORTED);
}

static size_t relay_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct relay *r = relay_of(s);
	if (!r->conn.writable)
		return 0;
	/* Our FIN said how much was written, and a request is sent again on the strength of that. */
	if (r->requests && s->state == STREAM_HALF_LOCAL)
		return 0;
	if (relay_stale(r)) {
		r->conn.readable = true;
		stream_ready(s);
		return 0;
	}
	ssize_t sent = conn_write(&r->conn, p, n);
	if (sent > 0) {
		r->moved = loop_now(r->loop);
		if (r->tap)
			r->tap->wrote(r->tap, p, (size_t)sent);
		return (size_t)sent;
	}
	if (sent != -EAGAIN && s->state == STREAM_HALF_LOCAL) {
		/* It has said all it had, and takes no more. */
		relay_broken(r);
	} else if (sent != -EAGAIN) {
		/* What it still has to say is read first; its error ends the stream then. */
		r->conn.writable = false;
		r->conn.readable = true;
		stream_ready(s);
	}
	return 0;
}

static void relay_push_end(struct stream *s)
{
	conn_shutdown_write(&relay_of(s)->conn);
}

/*
 * Another request comes down a kept stream. Bytes of the upstream's beyond those that the exit node had
 * taken when it chose the stream were not asked for, and would pass for this request's answer
 * (docs/protocol.md, rule 33). Nothing of the request was written yet.
 */
static void relay_reused(struct stream *s, uint64_t taken)
{
	struct relay *r = relay_of(s);
	if (!r->requests || (s->sent == taken && !buf_len(&r->early) &&
				    !(r->conn.readable && conn_peek(&r->conn) == CONN_BYTES)))
		return;
	relay_abort(r, FRAME_RESET_SURPLUS);
	r->ended(r, FRAME_RESET_SURPLUS);
}

static void relay_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	struct relay *r = relay_of(s);
	if (reason == FRAME_RESET_NONE)
		conn_close(&r->conn);
	else
		conn_abort(&r->conn);
	buf_deinit(&r->early);
	r->ended(r, reason);
}

static const struct stream_ops relay_ops = {
	.opening = relay_opening,
	.pull = relay_pull,
	.push = relay_push,
	.push_end = relay_push_end,
	.reused = relay_reused,
	.closed = relay_closed,
};

/* Whoever asks it for bytes: its stream, or what lies between. */
static const struct stream_ops **relay_ops_of(struct relay *r)
{
	return r->inner ? &r->inner : &r->stream.ops;
}

static ssize_t relay_pull_first(struct stream *s, uint8_t *room, size_t max)
{
	struct relay *r = relay_of(s);
	ssize_t n = relay_pull(s, room, max);
	if (n == -EAGAIN)
		return n;
	*relay_ops_of(r) = &relay_ops;
	r->heard(r, room, n > 0 ? (size_t)n : 0);
	return n;
}

/* Of who wants to hear the first bytes: until they have come. */
static const struct stream_ops relay_first_ops = {
	.opening = relay_opening,
	.pull = relay_pull_first,
	.push = relay_push,
	.push_end = relay_push_end,
	.reused = relay_reused,
	.closed = relay_closed,
};

void relay_hear(struct relay *r, void (*heard)(struct relay *r, const uint8_t *p, size_t n))
{
	r->heard = heard;
	*relay_ops_of(r) = &relay_first_ops;
}

/*
 * A visitor that has no credit, or has sent its FIN, is read no more: nobody would hear of its reset
 * before the upstream reads or writes, which may be never. What an upstream said before its own reset
 * is still wanted, and is read first.
 */
static bool relay_deserted(struct relay *r)
{
	const struct stream *s = &r->stream;
	bool unread = s->state == STREAM_HALF_LOCAL || !s->credit;
	return stream_alive(s) && unread && !s->remote && !r->conn.error && conn_broken(&r->conn);
}

static void relay_changed(struct conn *conn)
{
	struct relay *r = container_of(conn, struct relay, conn);
	if (conn->readable && relay_deserted(r)) {
		relay_broken(r);
		return;
	}
	if (conn->readable)
		stream_ready(&r->stream);
	if (conn->writable)
		stream_resume(&r->stream);
}

void relay_init(struct relay *r, struct loop *loop, bool requests,
	void (*ended)(struct relay *r, enum frame_reset reason))
{
	*r = (struct relay){.loop = loop, .requests = requests, .ended = ended};
	r->conn.fd = -1;
	stream_init(&r->stream, &relay_ops);
}

int relay_connect(struct relay *r, struct detached_conn detached)
{
	int error = conn_attach(&r->conn, r->loop, detached, relay_changed);
	if (error < 0)
		return error;
	conn_assume_writable(&r->conn);
	conn_ack_early(&r->conn);
	r->moved = loop_now(r->loop);
	r->granted = r->stream.sent + r->stream.credit;
	/* A FIN with nothing queued before it came while there was no socket to pass it on to. */
	if (r->stream.state == STREAM_HALF_REMOTE)
		conn_shutdown_write(&r->conn);
	else
		stream_resume(&r->stream);
	return 0;
}

uint64_t relay_moved(struct relay *r)
{
	uint64_t granted = r->stream.sent + r->stream.credit;
	if (granted != r->granted) {
		r->granted = granted;
		r->moved = loop_now(r->loop);
	}
	return r->moved;
}

void relay_abort(struct relay *r, enum frame_reset reason)
{
	stream_reset(&r->stream, reason);
	conn_abort(&r->conn);
	buf_deinit(&r->early);
}
