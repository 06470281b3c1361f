#include "server/accept/handoff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "net/socket.h"
#include "tls/tls.h"
#include "server/tcp/tcp_conn.h"
#include "server/accept/preread.h"
#include "server/http/h1_conn.h"
#include "server/base/worker.h"
#include "wire/alpn.h"

struct handoff {
	struct mail mail;
	struct worker *worker;
	struct session_shard
		*session_shard; /* that expects it; its session goes in a broadcast behind this */
	int fd;
	struct address peer;
	struct listener_config listener;
};

void accepted_conn_close(struct accepted_conn *a)
{
	detached_conn_close(&a->detached);
	buf_deinit(&a->early);
}

bool admission_enter(struct worker *w, const struct address *peer, bool balancer, bool *counted_out)
{
	bool counted = !balancer && !cidr_list_has(&w->opts->trusted, peer);
	int r = limits_acquire(&w->node->limits, LIMITS_VISITOR, counted ? peer : NULL,
		(unsigned)w->opts->max_visitors, (unsigned)w->opts->max_visitors_per_address);
	*counted_out = counted;
	if (r == 0)
		return true;
	char more[LOG_LIMIT_MORE];
	if (r == -EBUSY &&
		log_limit_pass(&w->log_full, loop_now(w->loop), ADMISSION_SAY_AGAIN, 1, more))
		log_warn("connections are closed as they come: there are --max-visitors%s", more);
	log_debug("a connection too many was closed");
	return false;
}

void admission_leave(struct node *n, const struct address *peer, bool counted)
{
	limits_release(&n->limits, LIMITS_VISITOR, counted ? peer : NULL);
}

void admission_log_memory(struct worker *w, const struct address *peer)
{
	char more[LOG_LIMIT_MORE], text[ADDRESS_TEXT_SIZE];
	if (!log_limit_pass(&w->log_memory, loop_now(w->loop), ADMISSION_SAY_AGAIN, 1, more))
		return;
	address_format(peer, text);
	log_warn("closed a connection from %s: visitors hold all the memory that they may "
		 "(--memory-budget), and those of that address most of it%s",
		text, more);
}

static void handoff_take(const struct listener_config *d, struct worker *w, int fd,
	const struct address *peer)
{
	if (w->draining) {
		close(fd); /* the listener is closed by now */
		return;
	}
	if (preread_due(w, d, peer)) {
		preread_accept(w, fd, peer, d);
		return;
	}
	struct accepted_conn e = {.detached = DETACHED_CONN_OF(fd), .listener = *d, .peer = *peer};
	socket_local(fd, &e.local);
	if (*d->place)
		tcp_conn_enter(w, &e, NULL);
	else
		h1_conn_enter(w, &e);
}

static void handoff_deliver(struct mail *mail)
{
	struct handoff *c = container_of(mail, struct handoff, mail);
	if (c->session_shard && !c->worker->node->over)
		atomic_fetch_sub_explicit(&c->session_shard->coming, 1, memory_order_relaxed);
	if (c->worker->node->over)
		close(c->fd);
	else
		handoff_take(&c->listener, c->worker, c->fd, &c->peer);
	free(c);
}

void handoff_send(const struct listener_config *d, struct worker *w, int fd,
	const struct address *peer, struct session_shard *p)
{
	if (!w->index) {
		handoff_take(d, w, fd, peer);
		return;
	}
	struct handoff *c = malloc(sizeof(*c));
	if (!c) {
		close(fd);
		return;
	}
	*c = (struct handoff){.mail.deliver = handoff_deliver,
		.worker = w,
		.session_shard = p,
		.fd = fd,
		.peer = *peer,
		.listener = *d};
	if (p)
		atomic_fetch_add_explicit(&p->coming, 1, memory_order_relaxed);
	node_post(w->node, w->index, &c->mail);
}

void handoff_exhausted(struct listener *listener, int error)
{
	log_error("port %u accepts no connections for now: %s; raise the limit on descriptors "
		  "(LimitNOFILE=) if this comes again",
		listener->port, strerror(error));
}

struct worker *handoff_next_worker(struct node *n)
{
	return n->workers[atomic_fetch_add_explicit(&n->turn, 1, memory_order_relaxed) %
			  n->n_workers];
}

void frame_open_set_tls(const struct conn *conn, struct str protocols, struct frame_open *open_out)
{
	if (!conn->tls)
		return;
	struct str agreed = tls_alpn(conn->tls);
	int index = agreed.n ? alpn_find(protocols, agreed) : -1;
	open_out->tls = tls_version(conn->tls) == TLS_1_3 ? FRAME_TLS_1_3 : FRAME_TLS_1_2;
	if (index >= 0)
		open_out->alpn = (uint8_t)(FRAME_ALPN_LISTED + index);
	else
		open_out->alpn =
			str_eq(agreed, STR("http/1.1")) ? FRAME_ALPN_HTTP11 : FRAME_ALPN_NONE;
}
