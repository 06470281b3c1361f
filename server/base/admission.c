/* SPDX-License-Identifier: MIT */
#include "server/base/admission.h"

#include <errno.h>

#include "base/log.h"
#include "server/base/visitor_rates.h"
#include "server/base/worker.h"
#include "tls/tls.h"
#include "wire/alpn.h"

void accepted_conn_close(struct accepted_conn *a)
{
	detached_conn_close(&a->detached);
	buf_deinit(&a->early);
}

bool admission_enter(struct worker *w, uint64_t connection, const struct address *peer,
	bool balancer, bool *counted_out)
{
	bool counted = !balancer && !cidr_list_has(&w->opts->trusted, peer);
	unsigned most = (unsigned)w->opts->max_visitors;
	int r = limits_acquire(&w->node->limits, LIMITS_VISITOR, counted ? peer : NULL, most,
		(unsigned)w->opts->max_visitors_per_address);
	*counted_out = counted;
	if (r == 0)
		return true;
	counter_add(&w->counts.visitors_refused[r == -EBUSY    ? COUNTS_VISITOR_TOTAL
						: r == -EUSERS ? COUNTS_VISITOR_ADDRESS
							       : COUNTS_VISITOR_MEMORY],
		1);
	char more[LOG_LIMIT_MORE];
	if (r == -EBUSY &&
		log_limit_pass(&w->log_full, loop_now(w->loop), ADMISSION_SAY_AGAIN, 1, more))
		log_warn("refusing new connections: --max-visitors (%u) reached%s", most, more);
	log_debug_of(connection,
		"refused a connection: its address or the server has as many as it may");
	return false;
}

void admission_leave(struct node *n, const struct address *peer, bool counted)
{
	limits_release(&n->limits, LIMITS_VISITOR, counted ? peer : NULL);
}

bool admission_in_time(struct worker *w, uint64_t connection, const struct listener_config *config,
	const struct address *peer)
{
	if (!w->node->visitor_rates || config->control ||
		!visitor_rates_visit(w, VISITOR_RATE_ADDRESS_CONNECTIONS, peer, connection))
		return true;
	counter_add(&w->counts.visitors_refused[COUNTS_VISITOR_RATE], 1);
	return false;
}

void admission_log_memory(struct worker *w, uint64_t connection, const struct address *peer)
{
	char more[LOG_LIMIT_MORE], text[ADDRESS_TEXT_SIZE];
	counter_add(&w->counts.visitors_refused[COUNTS_VISITOR_MEMORY], 1);
	if (!log_limit_pass(&w->log_memory, loop_now(w->loop), ADMISSION_SAY_AGAIN, 1, more))
		return;
	address_format(peer, text);
	log_warn_of(connection,
		"closed a connection from %s: visitors hold their share of --memory-budget, and "
		"this address holds most of it%s",
		text, more);
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
