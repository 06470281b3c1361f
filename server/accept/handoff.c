/* SPDX-License-Identifier: MIT */
#include "server/accept/handoff.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "net/socket.h"
#include "server/accept/destination.h"
#include "server/accept/preread.h"
#include "server/base/worker.h"
#include "server/link/session_shard.h"

struct handoff {
	struct mail mail;
	struct worker *worker;
	struct session_shard *expected_by; /* NULL: none; its session outlives this mail */
	int fd;
	struct address peer;
	struct listener_config listener;
};

static void handoff_take(const struct listener_config *config, struct worker *w, int fd,
	const struct address *peer)
{
	if (w->draining) {
		close(fd); /* the listener is closed by now */
		return;
	}
	uint64_t connection = log_new_connection();
	if (preread_due(w, config, peer)) {
		preread_accept(w, fd, peer, config, connection);
		return;
	}
	if (!admission_in_time(w, connection, config, peer)) {
		close(fd);
		return;
	}
	struct accepted_conn a = {.detached = DETACHED_CONN_OF(fd),
		.listener = *config,
		.peer = *peer,
		.connection = connection};
	socket_local(fd, &a.local);
	struct destination to = destination_plain(w, config);
	destination_enter(&to, w, &a);
}

static void handoff_deliver(struct mail *mail)
{
	struct handoff *h = container_of(mail, struct handoff, mail);
	if (h->expected_by)
		atomic_fetch_sub_explicit(&h->expected_by->coming, 1, memory_order_relaxed);
	handoff_take(&h->listener, h->worker, h->fd, &h->peer);
	free(h);
}

static void handoff_discard(struct mail *mail)
{
	struct handoff *h = container_of(mail, struct handoff, mail);
	close(h->fd);
	free(h);
}

void handoff_send(const struct listener_config *config, struct worker *w, int fd,
	const struct address *peer, struct session_shard *shard)
{
	if (!w->index) {
		handoff_take(config, w, fd, peer);
		return;
	}
	struct handoff *h = malloc(sizeof(*h));
	if (!h) {
		close(fd);
		return;
	}
	*h = (struct handoff){.mail = {.deliver = handoff_deliver, .discard = handoff_discard},
		.worker = w,
		.expected_by = shard,
		.fd = fd,
		.peer = *peer,
		.listener = *config};
	if (shard)
		atomic_fetch_add_explicit(&shard->coming, 1, memory_order_relaxed);
	node_post(w->node, w->index, &h->mail);
}

void handoff_exhausted(struct listener *listener, int error)
{
	log_error("refusing new connections on port %u for now: %s; raise the limit on descriptors "
		  "(LimitNOFILE=, ulimit -n) if this repeats",
		listener->port, strerror(error));
}

struct worker *handoff_next_worker(struct node *n)
{
	return n->workers[atomic_fetch_add_explicit(&n->turn, 1, memory_order_relaxed) %
			  n->n_workers];
}
