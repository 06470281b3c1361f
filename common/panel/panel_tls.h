/* SPDX-License-Identifier: MIT */
#pragma once
/* TLS of the TCP address, which libwebsockets does with OpenSSL: as visitors have it (common/tls). */
#include <libwebsockets.h>

#include "base/error.h"
#include "panel/panel.h"

/* Whether the certificate and its key can be used: 0, or -errno with a sentence. */
int panel_tls_check(const struct panel_tcp_options *o, struct error *err);

/* What a vhost with TLS is made of. The options outlive it. */
void panel_tls_options(struct lws_context_creation_info *info, const struct panel_tcp_options *o);

/* On the panel's thread: reads the files again. If they are bad, the certificate of before stays. */
void panel_tls_renew(struct lws_context *context, const struct panel_tcp_options *o);
