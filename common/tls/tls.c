/* SPDX-License-Identifier: MIT */
/* One connection, of either side: from its first byte to its last. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tls/tls_internal.h"
#include "wire/hostname.h"

/* ---- Life ---- */

struct tls *tls_free(struct tls *tls)
{
	if (!tls)
		return NULL;
	SSL_free(tls->ssl);
	tls_server_unref(tls->server);
	tls_client_unref(tls->client);
	buf_deinit(&tls->in);
	buf_deinit(&tls->out);
	tls_complain_instead(tls, NULL);
	free(tls->protocols);
	free(tls);
	return NULL;
}

struct tls *tls_accept(struct tls_server *s, enum tls_alpn alpn)
{
	struct tls *tls = tls_new(&s->context);
	if (!tls)
		return NULL;
	tls->server = tls_server_ref(s);
	tls->alpn = alpn;
	SSL_set_accept_state(tls->ssl);
	return tls;
}

/* The name without brackets, zone and trailing dot, none of which a certificate has. */
static void bare_host(const char *host, char out[HOSTNAME_SIZE])
{
	size_t n = strcspn(host, "%");
	if (n && host[0] == '[') {
		host++;
		n = strcspn(host, "%]");
	} else if (n && host[n - 1] == '.') {
		n--;
	}
	n = n < HOSTNAME_SIZE ? n : HOSTNAME_MAX;
	memcpy(out, host, n);
	out[n] = 0;
}

static bool offer_protocol(SSL *ssl, enum tls_offer offer)
{
	static const uint8_t http1[] = "\x08http/1.1", http2[] = "\x02h2";
	if (offer == TLS_OFFER_HTTP2)
		return SSL_set_alpn_protos(ssl, http2, sizeof http2 - 1) == 0;
	return offer == TLS_OFFER_NONE || SSL_set_alpn_protos(ssl, http1, sizeof http1 - 1) == 0;
}

static bool aim(SSL *ssl, const char *host, enum tls_offer offer)
{
	char name[HOSTNAME_SIZE];
	uint8_t address[sizeof(struct in6_addr)];
	bare_host(host, name);
	bool offered = offer_protocol(ssl, offer);
	if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
		return offered && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
	/* An empty name would mean that any is right. */
	return offered && name[0] && SSL_set1_host(ssl, name) &&
	       SSL_set_tlsext_host_name(ssl, name);
}

struct tls *tls_connect(struct tls_client *c, const char *host, enum tls_offer offer)
{
	struct tls *tls = tls_new(&c->context);
	if (!tls)
		return NULL;
	tls->client = tls_client_ref(c);
	SSL_set_connect_state(tls->ssl);
	return aim(tls->ssl, host, offer) ? tls : tls_free(tls);
}

size_t tls_memory(const struct tls *tls)
{
	size_t n = tls->established ? TLS_MEMORY : TLS_MEMORY_HANDSHAKE;
	if (tls->established && SSL_has_pending(tls->ssl))
		n += TLS_MEMORY_PARTIAL;
	return n + tls->in.cap + tls->out.cap;
}

/* ---- In ---- */

/*
 * Not SSL_has_pending(), which counts a record of which only a part has come: that one waits for the
 * socket, and a reader who is sent to it would be sent again and again.
 */
bool tls_waiting(const struct tls *tls)
{
	return buf_len(&tls->in) || tls->n_fed || SSL_pending(tls->ssl) > 0;
}

/* What a call that failed came to. */
static int outcome(struct tls *tls, int r)
{
	switch (SSL_get_error(tls->ssl, r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	}
	tls_explain(tls);
	return -EPROTO;
}

int tls_handshake(struct tls *tls)
{
	ERR_clear_error();
	int r = SSL_do_handshake(tls->ssl);
	if (r == 1) {
		tls->established = true;
		return 0;
	}
	r = outcome(tls, r);
	if (r == 0) { /* close_notify in the middle of it */
		tls_give_up(tls, "it ended the connection during the TLS handshake");
		return -EPROTO;
	}
	return r;
}

bool tls_established(const struct tls *tls)
{
	return tls->established;
}

void tls_give_up(struct tls *tls, const char *why)
{
	tls_complain(tls, "%s", why);
}

ssize_t tls_read(struct tls *tls, void *p, size_t n)
{
	ERR_clear_error();
	size_t got;
	int r = SSL_read_ex(tls->ssl, p, n, &got);
	return r == 1 ? (ssize_t)got : outcome(tls, r);
}

int tls_peek(struct tls *tls)
{
	ERR_clear_error();
	char byte;
	size_t got;
	int r = SSL_peek_ex(tls->ssl, &byte, 1, &got);
	return r == 1 ? 1 : outcome(tls, r);
}

/* ---- Out ---- */

int tls_write(struct tls *tls, const void *p, size_t n)
{
	ERR_clear_error();
	size_t written;
	int r = SSL_write_ex(tls->ssl, p, n, &written);
	if (r == 1)
		return 0;
	/* Nothing makes it wait but memory; to go on, it would have to be called with the same bytes. */
	r = outcome(tls, r);
	return r == -EAGAIN ? -ENOMEM : -EPROTO;
}

void tls_end(struct tls *tls)
{
	if (!tls->established || tls->ended)
		return;
	ERR_clear_error();
	SSL_shutdown(tls->ssl);
	tls->ended = true;
}

bool tls_ended(const struct tls *tls)
{
	return tls->ended;
}
