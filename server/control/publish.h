/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What sessions publish, and take back: decided on the main thread, on worker 0, whose routes say what is
 * taken; then every worker comes to know it by a broadcast, and only then the client is told. What is taken
 * back goes by another broadcast, so no worker refers to it any more when it is freed.
 */
#include "server/control/session.h"

struct private_service;

/* All on the main thread. */

/* The session is new and publishes nothing. */
void publish_init(struct session *s);

/* A client asks to publish `m`: it is granted or refused, which is said over the session's first link. */
void publish_service(struct session *s, struct server_link *l, const struct control *m);
/* The same of a private service, once it is on the books, which says that the session's identity owns it. */
void publish_private_service(struct session *s, struct server_link *l, const struct control *m,
	struct private_service *p);
/* Tells the client that it is refused; in the log once. */
void publish_refuse(struct session *s, struct server_link *l, const struct control *asked,
	enum control_reason reason, const char *sentence);
/* A client takes back the service of that number. */
void publish_withdraw(struct session *s, uint32_t number);

/* Its client says how one of its services is. */
void publish_health(struct session *s, const struct control *m);

/* Its grant is gone: it is withdrawn, and what is under way to it ends. Its client is told why. */
void publish_deny(struct session *s, struct service *service, const char *sentence);

/* The session was resumed: what its client does not publish again within SESSION_STALE_TIME is withdrawn. */
void publish_expect_again(struct session *s);

/*
 * The session has ended. `left`: its client said so, else places that are its own alone are kept for it
 * (server/control/sharing.h).
 */
void publish_withdraw_all(struct session *s, bool left);
/* At the process's end, when no worker runs any more. */
void publish_discard_all(struct session *s);
