/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A request whose stream is lost before its response began is sent again, once, where that is safe: none
 * of it was written to the upstream, or doing it twice does no harm (docs/protocol.md, rule 37).
 */
#include "server/http/exchange.h"

/* As stream_user_ops::lost: sends the request again, or fails it. */
void retry_stream_lost(struct stream_user *u, const struct service_shard *shard,
	enum frame_reset reason, bool untouched);

/*
 * The request's link does not answer. If nothing was answered yet and the request may be sent twice, it goes
 * to a link that does, if there is one.
 */
void retry_silent_link(struct exchange *ex);
