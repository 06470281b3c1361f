/* SPDX-License-Identifier: MIT */
#include "net/tls_handshake.h"

#include <stdio.h>
#include <string.h>

#include "base/macros.h"

#define TOO_LONG "the TLS handshake took too long"

/* `done` comes at the end of the turn, so that it may free what called us. The first word counts. */
static void finish(struct tls_handshake *h, const char *why)
{
	if (list_linked(&h->report.link))
		return;
	loop_timer_cancel(&h->timer);
	snprintf(h->why, sizeof h->why, "%s", why);
	loop_defer(h->conn.loop, LOOP_PHASE_READ, &h->report);
}

static void tls_handshake_report(struct loop_task *task)
{
	struct tls_handshake *h = container_of(task, struct tls_handshake, report);
	struct detached_conn detached = conn_detach(&h->conn);
	if (h->why[0])
		detached_conn_close(&detached);
	h->done(h, detached, h->why);
}

static void tls_handshake_changed(struct conn *conn)
{
	struct tls_handshake *h = container_of(conn, struct tls_handshake, conn);
	if (conn->tls && conn_established(conn)) {
		finish(h, "");
	} else if (conn->tls && conn->error) {
		h->distrusted = tls_distrusted(conn->tls);
		h->misnamed = tls_misnamed(conn->tls);
		h->foreign = tls_foreign(conn->tls);
		finish(h, tls_complaint(conn->tls));
	}
}

static void tls_handshake_timer(struct loop_timer *timer)
{
	struct tls_handshake *h = container_of(timer, struct tls_handshake, timer);
	finish(h, TOO_LONG);
}

void tls_handshake_start(struct tls_handshake *h, struct loop *loop, int fd, struct tls *tls,
	uint64_t deadline,
	void (*done)(struct tls_handshake *h, struct detached_conn detached, const char *why))
{
	*h = (struct tls_handshake){.done = done};
	loop_timer_init(&h->timer, loop, tls_handshake_timer);
	loop_task_init(&h->report, tls_handshake_report);
	int r = conn_init(&h->conn, loop, fd, tls_handshake_changed);
	if (r < 0)
		tls_free(tls);
	else
		r = tls ? conn_start_tls(&h->conn, tls, NULL, 0) : -1;
	if (r < 0)
		finish(h, "out of memory");
	else
		loop_timer_set(&h->timer, deadline);
}

void tls_handshake_cancel(struct tls_handshake *h)
{
	if (!h->done)
		return;
	loop_timer_cancel(&h->timer);
	loop_task_cancel(&h->report);
	struct detached_conn detached = conn_detach(&h->conn);
	detached_conn_close(&detached);
}
