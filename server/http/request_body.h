/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A request's bytes on their way to the upstream: the head of upstream_head.c, then the body, read by the
 * connection straight into the record that carries it, where chunks become canonical.
 */
#include "server/http/exchange.h"

/* As stream_user_ops::pull. */
ssize_t request_body_pull(struct stream_user *u, uint8_t *room, size_t max);
/* The request is sent from its beginning again; only while exchange::holding. */
void request_body_rewind(struct exchange *ex);
/* Reads from its body and drops that, until body::done. > 0 bytes; -EAGAIN; any other -errno is final. */
ssize_t request_body_skip(struct exchange *ex);
