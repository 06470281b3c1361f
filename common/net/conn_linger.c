/*
 * What a closed TLS connection still has to send. The kernel has no part in it: what the socket does not
 * take at once waits in memory of ours, and somebody has to be there when there is room.
 */
#include <stdlib.h>

#include "base/macros.h"
#include "net/conn_internal.h"
#include "tls/tls_filter.h"

struct lingerer {
	struct conn conn; /* its timeout is on the loop's queue */
	uint64_t acked;   /* bytes that the peer's kernel had when that was last looked at */
	struct loop_task reap;
};

static void lingerer_reap(struct loop_task *task)
{
	free(container_of(task, struct lingerer, reap));
}

static void lingerer_end(struct lingerer *l)
{
	struct loop *loop = l->conn.loop;
	loop_lingers(loop)->count--;
	struct detached_conn detached = conn_detach(&l->conn);
	detached_conn_close(&detached);
	loop_defer(loop, LOOP_PHASE_REAP, &l->reap);
}

static void lingerer_changed(struct conn *conn)
{
	if (!conn_tls_pending(conn) || conn_broken(conn))
		lingerer_end(container_of(conn, struct lingerer, conn));
}

void conn_linger_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct conn *conn = container_of(entry, struct conn, recheck);
	struct lingerer *l = container_of(conn, struct lingerer, conn);
	/* The kernel would not give up a peer that reads slowly either. */
	if (conn_acknowledged(conn, 1, &l->acked))
		timeout_start(queue, entry);
	else
		lingerer_end(l);
}

void conn_linger_end_first(struct conn_lingers *all)
{
	struct timeout *first = list_first(&all->queue.entries, struct timeout, link);
	lingerer_end(
		container_of(container_of(first, struct conn, recheck), struct lingerer, conn));
}

bool conn_tls_linger(struct conn *conn)
{
	if (!tls_established(conn->tls) || conn->error)
		return false;
	tls_end(conn->tls);
	if (conn_tls_flush(conn) != 0)
		return false;
	struct lingerer *l = calloc(1, sizeof *l);
	if (!l)
		return false;
	struct conn_lingers *all = loop_lingers(conn->loop);
	if (all->count == CONN_LINGERS_MAX)
		conn_linger_end_first(all);
	loop_task_init(&l->reap, lingerer_reap);
	if (conn_attach(&l->conn, conn->loop, conn_detach(conn), lingerer_changed) < 0) {
		free(l);
		return true;
	}
	conn_acknowledged(&l->conn, 0, &l->acked);
	timeout_start(&all->queue, &l->conn.recheck);
	all->count++;
	return true;
}
