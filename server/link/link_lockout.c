/* SPDX-License-Identifier: MIT */
#include "server/link/link_lockout.h"

#include <string.h>

#include "base/log.h"
#include "server/link/link_worker.h"

/* In open mode there is nothing to guess. */
static bool is_exempt(const struct worker *w, const struct address *peer)
{
	return w->opts->no_token || cidr_list_has(&w->opts->trusted, peer) ||
	       half_open_knows(&w->node->half_open, peer, loop_now(w->loop));
}

static unsigned seconds(uint64_t time)
{
	return (unsigned)((time + CLOCK_S - 1) / CLOCK_S);
}

static void refuse(struct worker *w, uint64_t connection, const struct address *peer, uint64_t wait)
{
	char more[LOG_LIMIT_MORE], client[ADDRESS_TEXT_SIZE];
	lockout_refused(&w->node->lockout);
	if (!log_limit_pass(&w->link->log_lockout, loop_now(w->loop), SERVER_LINK_SAY_AGAIN, 1,
		    more))
		return;
	address_format_ip(peer, client);
	log_info_of(connection, "refused client %s: it is locked out for another %u s%s", client,
		seconds(wait), more);
}

uint64_t link_lockout_wait(struct worker *w, uint64_t connection, const struct address *peer)
{
	uint64_t wait = lockout_of_address(&w->node->lockout, peer, loop_now(w->loop));
	if (!wait || is_exempt(w, peer))
		return 0;
	refuse(w, connection, peer, wait);
	return wait;
}

static struct lockout_try try_of(const struct server_link *l)
{
	struct lockout_try t = {.peer = &l->peer, .stamp = keyring_stamp(l->worker->keyring)};
	memcpy(t.key_id, l->key_id, sizeof(t.key_id));
	return t;
}

bool link_lockout_refuses(struct server_link *l, const uint8_t key_id[TOKEN_ID_SIZE])
{
	struct worker *w = l->worker;
	memcpy(l->key_id, key_id, sizeof(l->key_id));
	struct lockout_try t = try_of(l);
	uint64_t wait = lockout_of_try(&w->node->lockout, &t, loop_now(w->loop));
	bool refuses = wait && !is_exempt(w, &l->peer);
	if (refuses)
		refuse(w, l->connection, &l->peer, wait);
	l->tried = !refuses;
	return refuses;
}

void link_lockout_failed(struct server_link *l)
{
	struct worker *w = l->worker;
	if (!l->tried || is_exempt(w, &l->peer))
		return;
	struct lockout_try t = try_of(l);
	bool address;
	uint64_t time = lockout_failed(&w->node->lockout, &t, loop_now(w->loop), &address);
	char more[LOG_LIMIT_MORE], client[ADDRESS_TEXT_SIZE];
	if (!time || !log_limit_pass(&w->link->log_locked, loop_now(w->loop), SERVER_LINK_SAY_AGAIN,
			     1, more))
		return;
	address_format_ip(&l->peer, client);
	if (address)
		log_warn_of(l->connection,
			"clients at %s are locked out for %u s: more than %d tokens came from "
			"there "
			"that are not this server's%s",
			client, seconds(time), LOCKOUT_GUESSES, more);
	else
		log_warn_of(l->connection,
			"a client at %s is locked out for %u s: it came more than %d times with a "
			"token that is not this server's; run it with another one%s",
			client, seconds(time), LOCKOUT_REPEATS, more);
}
