/* SPDX-License-Identifier: MIT */
#include "panel/panel_tls.h"

#include <errno.h>

#include "base/log.h"
#include "tls/tls.h"

/* OpenSSL's numbers (SSL_OP_NO_TLSv1, SSL_OP_NO_TLSv1_1, SSL_OP_NO_RENEGOTIATION), as this room has not its headers. */
#define NO_TLS_1_0       0x04000000
#define NO_TLS_1_1       0x10000000
#define NO_RENEGOTIATION 0x40000000

int panel_tls_check(const struct panel_tcp_options *o, struct error *err)
{
	/* The table of files is for writing too; nothing is written. */
	char *cert = (char *)(uintptr_t)o->cert, *key = (char *)(uintptr_t)o->key;
	const struct tls_server_config config = {.certs = &cert,
		.n_certs = 1,
		.keys = &key,
		.n_keys = 1};
	struct tls_server *tls = tls_server_new(&config, err);
	tls_server_unref(tls);
	return tls ? 0 : -EINVAL;
}

void panel_tls_options(struct lws_context_creation_info *info, const struct panel_tcp_options *o)
{
	/* It looks for this here as well as in the context. */
	info->options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info->ssl_cert_filepath = o->cert;
	info->ssl_private_key_filepath = o->key;
	info->ssl_options_set = NO_TLS_1_0 | NO_TLS_1_1 | NO_RENEGOTIATION;
	info->ssl_cipher_list = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
				"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
				"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
	info->tls1_3_plus_cipher_list = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
					"TLS_CHACHA20_POLY1305_SHA256";
}

void panel_tls_renew(struct lws_context *context, const struct panel_tcp_options *o)
{
	struct error err;
	if (!o->cert)
		return;
	if (panel_tls_check(o, &err) < 0)
		log_error("the panel keeps the certificate that it has: %s", err.text);
	else
		lws_tls_cert_updated(context, o->cert, o->key, NULL, 0, NULL, 0);
}
