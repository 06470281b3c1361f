/* SPDX-License-Identifier: MIT */
/* What the contexts of both sides have in common: versions, ciphers, and how a connection is made of one. */
#include <errno.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "tls/tls_internal.h"

int tls_context_init(struct tls_context *context, const SSL_METHOD *method, struct error *err)
{
	atomic_init(&context->refs, 1);
	context->ctx = SSL_CTX_new(method);
	context->bio = tls_bio_method();
	if (!context->ctx || !context->bio)
		return tls_error(err, -ENOMEM, "TLS cannot be set up");
	SSL_CTX *ctx = context->ctx;
	/* Renegotiation would change what a link is bound to; a stranger could also ask for it often. */
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	/* Tickets hold what a server would have to remember, and a client here remembers nothing. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_cert_verify_callback(ctx, tls_verify, NULL);
	/* AES-128 first: it is the faster one, and as safe as the curve of the key exchange. */
	if (!SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) ||
		!SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
					       "TLS_CHACHA20_POLY1305_SHA256") ||
		!SSL_CTX_set_cipher_list(ctx,
			"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
			"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
			"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"))
		return tls_error(err, -EINVAL,
			"OpenSSL does not take our TLS versions and ciphers");
	return 0;
}

void tls_context_deinit(struct tls_context *context)
{
	SSL_CTX_free(context->ctx);
	BIO_meth_free(context->bio);
}

struct tls *tls_new(struct tls_context *context)
{
	ERR_clear_error();
	struct tls *tls = calloc(1, sizeof *tls);
	SSL *ssl = tls ? SSL_new(context->ctx) : NULL;
	BIO *bio = ssl ? BIO_new(context->bio) : NULL;
	if (!bio) {
		SSL_free(ssl);
		free(tls);
		return NULL;
	}
	BIO_set_data(bio, tls);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_app_data(ssl, tls);
	tls->ssl = ssl;
	return tls;
}
