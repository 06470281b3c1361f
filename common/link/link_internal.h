/* SPDX-License-Identifier: MIT */
#pragma once
/* Shared by the files of common/link, and by no others. */
#include "link/link.h"

#define WS_CLOSE_NORMAL   1000 /* RFC 6455, 7.4.1 */
#define WS_CLOSE_PROTOCOL 1002

/* state.c */
void link_set_state(struct link *l, enum link_state state);

/* record.c: messages into the send buffer. */
uint8_t *link_put(struct link *l, size_t n); /* room for a message; NULL when memory is out */
void link_commit(struct link *l, uint8_t *message, size_t n); /* heads and masks what was put */
/* These put nothing when memory is out. */
void link_put_close(struct link *l, uint16_t code);
void link_put_pong(struct link *l, const uint8_t *payload, size_t n);
int link_put_control(struct link *l, const struct control *message);
bool link_may_rest(const struct link *l); /* whether there are buffers that hold nothing */
void link_rest(struct link *l);           /* frees them */

/* link_handshake.c: hello, handshake, key confirmation. `p` is one whole WebSocket message. */
int link_send_hello(struct link *l);
void link_handshake(struct link *l, uint8_t *p, size_t n, uint64_t now);
void link_message(struct link *l, struct control *message); /* hello, or the owner's */

/* liveness.c */
void link_heard(struct link *l); /* last_came may have moved: a silent link may be none any more */
