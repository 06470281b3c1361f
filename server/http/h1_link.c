/* SPDX-License-Identifier: MIT */
/* A request for a link (docs/protocol.md, rule 1): a WebSocket handshake at the path of --control-path. */
#include <time.h>

#include "base/log.h"
#include "link/upgrade.h"
#include "server/http/h1_conn.h"
#include "server/link/link_accept.h"
#include "server/link/link_lockout.h"
#include "tls/tls.h"

#define LINK_SAY_AGAIN (60 * CLOCK_S) /* between two lines about link requests of one kind */

/* The connection is a link from here on; no visitor is left. */
static void become_link(struct h1_conn *c, const struct http1_head *h, struct half_open_slot *slot)
{
	char response[UPGRADE_RESPONSE_MAX];
	size_t n = upgrade_response(h, time(NULL), response);
	struct worker *w = c->worker;
	struct address peer = c->ex.visitor;
	uint64_t connection = c->downstream.connection;
	struct detached_conn detached = conn_detach(&c->conn);
	exchange_close(&c->ex, true);
	h1_conn_close(c, false);
	server_link_accept(w, connection, detached, slot, &peer, response, n);
}

/* Who asks for a link has to show a certificate, where one is asked for. */
static bool is_verified(const struct h1_conn *c)
{
	return !c->worker->opts->tls_client_ca || (c->conn.tls && tls_verified(c->conn.tls));
}

/* Clients come again and again: the operator is told once a minute. */
static void refuse_unverified(struct h1_conn *c)
{
	struct worker *w = c->worker;
	const char *why = c->conn.tls ? tls_complaint(c->conn.tls) : "it came without TLS";
	char client[ADDRESS_TEXT_SIZE], more[LOG_LIMIT_MORE];
	address_format_ip(&c->ex.visitor, client);
	if (log_limit_pass(&w->http->log_unvouched, loop_now(w->loop), LINK_SAY_AGAIN, 1, more))
		log_warn_of(c->downstream.connection,
			"refused client %s: --tls-client-ca requires a client certificate, and "
			"%s%s",
			client, *why ? why : "it showed none", more);
	exchange_fail(&c->ex, ERROR_PAGE_NO_CERTIFICATE);
}

static void refuse_stripped(struct h1_conn *c, const struct http1_head *h)
{
	struct worker *w = c->worker;
	char more[LOG_LIMIT_MORE];
	if (log_limit_pass(&w->http->log_stripped, loop_now(w->loop), LINK_SAY_AGAIN, 1, more))
		log_warn_of(c->downstream.connection,
			"refused a client's link request that came by way of %s %s: the reverse "
			"proxy there must pass WebSockets on; nginx needs \"proxy_http_version "
			"1.1; "
			"proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "
			"upgrade;\" in its location for %s (see docs/reverse-proxies.md)%s",
			c->downstream.peer_text, upgrade_lacks(h), w->opts->control_path, more);
	exchange_fail(&c->ex, ERROR_PAGE_LINK_STRIPPED);
}

static void admit(struct h1_conn *c, const struct http1_head *h)
{
	if (!is_verified(c)) {
		refuse_unverified(c);
		return;
	}
	uint64_t connection = c->downstream.connection;
	uint64_t wait = link_lockout_wait(c->worker, connection, &c->ex.visitor);
	if (wait) {
		exchange_fail_with(&c->ex, error_page_after(ERROR_PAGE_LOCKED_OUT, wait));
		return;
	}
	struct half_open_slot *slot = server_link_admit(c->worker, connection, &c->ex.visitor);
	if (slot)
		become_link(c, h, slot);
	else
		exchange_fail(&c->ex, ERROR_PAGE_OVERLOADED);
}

bool h1_link_requested(struct h1_conn *c, const struct http1_head *h, size_t behind)
{
	struct exchange *ex = &c->ex;
	ex->for_link = upgrade_offered(h);
	enum upgrade_verdict verdict =
		c->downstream.listener.links
			? upgrade_check(h, c->worker->opts->control_path, behind)
			: UPGRADE_NONE;
	switch (verdict) {
	case UPGRADE_NONE:
		return false;
	case UPGRADE_LINK:
		admit(c, h);
		return true;
	case UPGRADE_ORIGIN:
		exchange_fail(ex, ERROR_PAGE_ORIGIN);
		return true;
	case UPGRADE_VERSION:
		exchange_fail(ex, ERROR_PAGE_UPGRADE);
		return true;
	case UPGRADE_STRIPPED:
		refuse_stripped(c, h);
		return true;
	case UPGRADE_MALFORMED:
		break;
	}
	exchange_fail(ex, ERROR_PAGE_LINK_MALFORMED);
	return true;
}
