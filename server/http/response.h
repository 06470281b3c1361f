/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A response's bytes on their way to the visitor. The head is checked and written anew, the body passes as
 * it came, straight from the record that brought it, unless its chunks are not in canonical form. A response
 * whose end is in doubt is 502 while that can still be said, and an abort afterwards (rule 32).
 */
#include "server/http/exchange.h"

#define RESPONSE_INTERIM_MAX 16 /* interim responses before the final one (rule 32) */

/* As stream_user_ops::push and push_end. */
size_t response_push(struct stream_user *u, const uint8_t *p, size_t n);
bool response_push_end(struct stream_user *u);
/* As stream_user_ops::refused. */
void response_refused(struct stream_user *u, int http1_error);
