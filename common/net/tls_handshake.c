#include "net/tls_handshake.h"

#include <stdio.h>
#include <string.h>

#include "base/macros.h"

#define TOO_LONG "the TLS handshake took too long"

/* `done` comes at the end of the turn, so that it may free what called us. The first word counts. */
static void finish(struct tls_handshake *s, const char *why)
{
	if (list_linked(&s->report.link))
		return;
	loop_timer_cancel(&s->timer);
	snprintf(s->why, sizeof s->why, "%s", why);
	loop_defer(s->conn.loop, LOOP_PHASE_READ, &s->report);
}

static void tls_handshake_report(struct loop_task *task)
{
	struct tls_handshake *s = container_of(task, struct tls_handshake, report);
	struct detached_conn detached = conn_detach(&s->conn);
	if (s->why[0])
		detached_conn_close(&detached);
	s->done(s, detached, s->why);
}

static void tls_handshake_changed(struct conn *conn)
{
	struct tls_handshake *s = container_of(conn, struct tls_handshake, conn);
	if (conn->tls && conn_established(conn)) {
		finish(s, "");
	} else if (conn->tls && conn->error) {
		s->distrusted = tls_distrusted(conn->tls);
		s->misnamed = tls_misnamed(conn->tls);
		s->foreign = tls_foreign(conn->tls);
		finish(s, tls_complaint(conn->tls));
	}
}

static void tls_handshake_timer(struct loop_timer *timer)
{
	struct tls_handshake *s = container_of(timer, struct tls_handshake, timer);
	finish(s, TOO_LONG);
}

void tls_handshake_start(struct tls_handshake *s, struct loop *loop, int fd, struct tls *tls,
	uint64_t deadline,
	void (*done)(struct tls_handshake *s, struct detached_conn detached, const char *why))
{
	*s = (struct tls_handshake){.done = done};
	loop_timer_init(&s->timer, loop, tls_handshake_timer);
	loop_task_init(&s->report, tls_handshake_report);
	int r = conn_init(&s->conn, loop, fd, tls_handshake_changed);
	if (r < 0)
		tls_free(tls);
	else
		r = tls ? conn_start_tls(&s->conn, tls, NULL, 0) : -1;
	if (r < 0)
		finish(s, "out of memory");
	else
		loop_timer_set(&s->timer, deadline);
}

void tls_handshake_cancel(struct tls_handshake *s)
{
	if (!s->done)
		return;
	loop_timer_cancel(&s->timer);
	loop_task_cancel(&s->report);
	struct detached_conn detached = conn_detach(&s->conn);
	detached_conn_close(&detached);
}
