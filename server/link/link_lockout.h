/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Who is locked out after handshakes that failed (server/base/lockout.h), and who never is: addresses from
 * which a key was proved within HALF_OPEN_KNOWN_TIME, trusted proxies, behind which others are, and with
 * --no-token everybody.
 */
#include "server/link/server_link.h"

/* µs for which no link request from there is taken; 0: it is. What is refused is logged at intervals. */
uint64_t link_lockout_wait(struct worker *w, uint64_t connection, const struct address *peer);

/* Its handshake names a key id: whether it is refused for that, before anything is computed. */
bool link_lockout_refuses(struct server_link *l, const uint8_t key_id[TOKEN_ID_SIZE]);

/* Its handshake failed for want of a good token. */
void link_lockout_failed(struct server_link *l);
