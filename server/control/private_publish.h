/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What clients publish under a private name. A private service is on the books before anybody can reach it: whoever
 * publishes the name first owns it, and what its client states of it is stored by a change. Then it is brought to
 * every worker as any other service is (server/control/publish.h). All on the main thread.
 */
#include "server/control/session.h"

/* A client asks to publish `m`, which has a private name: granted or refused, over the session's first link. */
void private_publish(struct session *s, struct server_link *l, const struct control *m);
/* What is not on the books yet is withdrawn: the service of that number. */
void private_publish_withdraw(struct session *s, uint32_t number);
/* The session has ended. */
void private_publish_end(struct session *s);
