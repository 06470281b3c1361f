/* SPDX-License-Identifier: MIT */
/*
 * Tickets: the sessions that visitors keep for us, sealed, and bring along when they come again.
 *
 * Whoever has the key of a ticket can read the connection that it came from, so keys are drawn anew and
 * the old ones wiped: one seals, and the one before it is accepted too.
 *
 * A session is good for the name that it was made for (RFC 6066, 3): proxies keep one for each address
 * and use it for every host behind it, and a visitor could carry what he showed one host to another.
 * OpenSSL compares no names, and in TLS 1.2 it would say that the name of before had been asked for.
 */
#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "crypto/random.h"
#include "tls/tls_internal.h"
#include "wire/bytes.h"
#include "wire/hostname.h"

/* ---- Keys ---- */

void tls_tickets_init(struct tls_tickets *t)
{
	pthread_mutex_init(&t->lock, NULL);
	random_bytes(&t->current, sizeof t->current);
	random_bytes(&t->previous, sizeof t->previous);
	t->next = CLOCK_NEVER;
}

void tls_tickets_deinit(struct tls_tickets *t)
{
	explicit_bzero(&t->current, sizeof t->current);
	explicit_bzero(&t->previous, sizeof t->previous);
	pthread_mutex_destroy(&t->lock);
}

void tls_server_tick(struct tls_server *s, uint64_t now)
{
	struct tls_tickets *t = &s->tickets;
	if (t->next == CLOCK_NEVER)
		t->next = now + TLS_TICKET_PERIOD;
	if (now < t->next)
		return;
	pthread_mutex_lock(&t->lock);
	t->previous = t->current;
	random_bytes(&t->current, sizeof t->current);
	t->next += TLS_TICKET_PERIOD;
	/* Where nobody looked for longer there is no key that is young enough. */
	if (now >= t->next) {
		random_bytes(&t->previous, sizeof t->previous);
		t->next = now + TLS_TICKET_PERIOD;
	}
	pthread_mutex_unlock(&t->lock);
}

static bool arm(EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, const struct tls_ticket_key *key,
	const unsigned char *iv, int seal)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->mac,
			sizeof key->mac),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
		OSSL_PARAM_construct_end(),
	};
	return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, seal) == 1 &&
	       EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* For SSL_CTX_set_tlsext_ticket_key_evp_cb(): -1 failed; 0 no such key; 1 good; 2 good, make a new one. */
static int find_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int seal)
{
	struct tls *tls = SSL_get_app_data(ssl);
	struct tls_tickets *t = &tls->server->tickets;
	struct tls_ticket_key key;
	int r = 1;
	pthread_mutex_lock(&t->lock);
	key = t->current;
	if (!seal && memcmp(name, key.name, sizeof key.name) != 0) {
		key = t->previous;
		r = memcmp(name, key.name, sizeof key.name) == 0 ? 2 : 0;
	}
	pthread_mutex_unlock(&t->lock);
	/* RFC 8446, C.4: a ticket of 1.3 is for one connection. */
	if (r == 1 && !seal && SSL_version(ssl) == TLS1_3_VERSION)
		r = 2;
	if (seal) {
		memcpy(name, key.name, sizeof key.name);
		random_bytes(iv, EVP_MAX_IV_LENGTH);
	}
	if (r && !arm(cipher, mac, &key, iv, seal))
		r = -1;
	explicit_bzero(&key, sizeof key);
	return r;
}

/* ---- Names ---- */

/* The name in the ClientHello that is being read; empty: none, or no such list. */
static struct str asked_name(SSL *ssl)
{
	const unsigned char *p;
	size_t n;
	if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n))
		return STR_NULL;
	struct bytes_reader r = {.p = p, .n = n};
	bytes_u16(&r); /* the list's length: one name of a kind is all that it can have */
	if (bytes_u8(&r) != TLSEXT_NAMETYPE_host_name)
		return STR_NULL;
	size_t n_name = bytes_u16(&r);
	const uint8_t *name = bytes_take(&r, n_name);
	return name ? (struct str){(const char *)name, n_name} : STR_NULL;
}

static bool same_name(struct str a, struct str b)
{
	char left[HOSTNAME_SIZE], right[HOSTNAME_SIZE];
	size_t n_left, n_right;
	if (!a.n || !b.n)
		return a.n == b.n;
	return hostname_canonical(a, left, &n_left) == 0 &&
	       hostname_canonical(b, right, &n_right) == 0 &&
	       str_eq((struct str){left, n_left}, (struct str){right, n_right});
}

/* A full handshake costs whoever brings the wrong one no more than it costs a newcomer. */
static SSL_TICKET_RETURN check_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *key_name,
	size_t n_key_name, SSL_TICKET_STATUS status, void *arg)
{
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	const char *made_for = SSL_SESSION_get0_hostname(session);
	if (!same_name(made_for ? str_from(made_for) : STR_NULL, asked_name(ssl)))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

int tls_tickets_serve(SSL_CTX *ctx, struct error *err)
{
	if (!SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, find_key) ||
		!SSL_CTX_set_session_ticket_cb(ctx, NULL, check_ticket, NULL))
		return tls_error(err, -ENOMEM, "TLS cannot be set up");
	return 0;
}
