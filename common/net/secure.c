#include "net/secure.h"

#include <stdio.h>
#include <string.h>

#include "base/macros.h"

#define TOO_LONG "the TLS handshake took too long"

/* `done` comes at the end of the turn, so that it may free what called us. The first word counts. */
static void finish(struct secure *s, const char *why)
{
	if (list_linked(&s->report.link))
		return;
	loop_timer_cancel(&s->timer);
	snprintf(s->why, sizeof s->why, "%s", why);
	loop_defer(s->conn.loop, LOOP_PHASE_READ, &s->report);
}

static void secure_report(struct loop_task *task)
{
	struct secure *s = container_of(task, struct secure, report);
	struct detached_conn detached = conn_detach(&s->conn);
	if (s->why[0])
		detached_conn_close(&detached);
	s->done(s, detached, s->why);
}

static void secure_changed(struct conn *conn)
{
	struct secure *s = container_of(conn, struct secure, conn);
	if (conn->tls && conn_established(conn)) {
		finish(s, "");
	} else if (conn->tls && conn->error) {
		s->distrusted = tls_distrusted(conn->tls);
		s->misnamed = tls_misnamed(conn->tls);
		s->foreign = tls_foreign(conn->tls);
		finish(s, tls_complaint(conn->tls));
	}
}

static void secure_timer(struct loop_timer *timer)
{
	struct secure *s = container_of(timer, struct secure, timer);
	finish(s, TOO_LONG);
}

void secure_start(struct secure *s, struct loop *loop, int fd, struct tls *tls, uint64_t deadline,
	void (*done)(struct secure *s, struct detached_conn detached, const char *why))
{
	*s = (struct secure){.done = done};
	loop_timer_init(&s->timer, loop, secure_timer);
	loop_task_init(&s->report, secure_report);
	int r = conn_init(&s->conn, loop, fd, secure_changed);
	if (r < 0)
		tls_free(tls);
	else
		r = tls ? conn_secure(&s->conn, tls, NULL, 0) : -1;
	if (r < 0)
		finish(s, "out of memory");
	else
		loop_timer_set(&s->timer, deadline);
}

void secure_cancel(struct secure *s)
{
	if (!s->done)
		return;
	loop_timer_cancel(&s->timer);
	loop_task_cancel(&s->report);
	struct detached_conn detached = conn_detach(&s->conn);
	detached_conn_close(&detached);
}
