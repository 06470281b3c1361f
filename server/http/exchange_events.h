/* SPDX-License-Identifier: MIT */
#pragma once
/* What happens to an exchange from outside: by its connection, its stream, the wait queue, its timeouts. */
#include "server/http/exchange.h"

/* `ex` is zeroed memory. */
void exchange_init(struct exchange *ex, const struct exchange_ops *ops, struct worker *w,
	const struct downstream *downstream);

/*
 * The visitor has sent something, or its end. False: nothing reads it now, neither body nor end: that is left
 * to the connection.
 */
bool exchange_readable(struct exchange *ex);
/* There is room for the response again. */
void exchange_writable(struct exchange *ex);

/* For http_worker::body and ::answer */
void exchange_body_expired(struct timeout_queue *queue, struct timeout *entry);
void exchange_answer_expired(struct timeout_queue *queue, struct timeout *entry);
