/* SPDX-License-Identifier: MIT */
/*
 * How connections end. Of a closed TLS connection something may still have to be sent, in which the kernel
 * has no part: what the socket does not take at once waits in memory of ours, and somebody has to be there
 * when there is room.
 */
#include <stdlib.h>

#include "base/macros.h"
#include "net/conn_internal.h"
#include "net/socket.h"
#include "tls/tls_filter.h"

struct lingerer {
	struct conn conn; /* its `recheck` is on the queue of `all` */
	struct conn_lingers *all;
	uint64_t acked; /* bytes that the peer's kernel had when that was last looked at */
	struct loop_task reap;
};

static void lingerer_reap(struct loop_task *task)
{
	free(container_of(task, struct lingerer, reap));
}

static void lingerer_end(struct lingerer *l)
{
	l->all->count--;
	struct detached_conn detached = conn_detach(&l->conn);
	detached_conn_close(&detached);
	loop_defer(l->conn.loop, LOOP_PHASE_REAP, &l->reap);
}

static void lingerer_changed(struct conn *conn)
{
	if (!conn_tls_pending(conn) || conn_broken(conn))
		lingerer_end(container_of(conn, struct lingerer, conn));
}

static void linger_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct conn *conn = container_of(entry, struct conn, recheck);
	struct lingerer *l = container_of(conn, struct lingerer, conn);
	/* The kernel would not give up a peer that reads slowly either. */
	if (conn_acknowledged(conn, 1, &l->acked))
		timeout_start(queue, entry);
	else
		lingerer_end(l);
}

static void end_first(struct conn_lingers *all)
{
	struct timeout *first = list_first(&all->queue.entries, struct timeout, link);
	lingerer_end(
		container_of(container_of(first, struct conn, recheck), struct lingerer, conn));
}

static void lingers_end(struct loop_slot *slot)
{
	struct conn_lingers *all = container_of(slot, struct conn_lingers, slot);
	while (!list_empty(&all->queue.entries))
		end_first(all);
	timeout_queue_deinit(&all->queue);
	free(all);
}

struct conn_lingers *conn_lingers(struct loop *loop)
{
	struct loop_slot *slot = loop_slot_find(loop, lingers_end);
	return slot ? container_of(slot, struct conn_lingers, slot) : NULL;
}

/* NULL: out of memory. */
static struct conn_lingers *lingers_get(struct loop *loop)
{
	struct conn_lingers *all = conn_lingers(loop);
	if (all || !(all = calloc(1, sizeof *all)))
		return all;
	all->slot.end = lingers_end;
	timeout_queue_init(&all->queue, loop, CONN_LINGER, linger_expired);
	loop_slot_add(loop, &all->slot);
	return all;
}

/* Says good-bye; true: `conn` is empty now, because somebody else sends what is left. */
static bool linger(struct conn *conn)
{
	if (!tls_established(conn->tls) || conn->error)
		return false;
	tls_end(conn->tls);
	if (conn_tls_flush(conn) != 0)
		return false;
	struct conn_lingers *all = lingers_get(conn->loop);
	struct lingerer *l = all ? calloc(1, sizeof *l) : NULL;
	if (!l)
		return false;
	if (all->count == CONN_LINGERS_MAX)
		end_first(all);
	loop_task_init(&l->reap, lingerer_reap);
	if (conn_attach(&l->conn, conn->loop, conn_detach(conn), lingerer_changed) < 0) {
		free(l);
		return true;
	}
	l->all = all;
	conn_acknowledged(&l->conn, 0, &l->acked);
	timeout_start(&all->queue, &l->conn.recheck);
	all->count++;
	return true;
}

void conn_close(struct conn *conn)
{
	if (conn->tls && linger(conn))
		return;
	struct detached_conn detached = conn_detach(conn);
	detached_conn_close(&detached);
}

void conn_abort(struct conn *conn)
{
	struct detached_conn detached = conn_detach(conn);
	if (detached.fd >= 0)
		socket_abort_on_close(detached.fd);
	detached_conn_close(&detached);
}
