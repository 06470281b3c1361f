/*
 * Tickets: the sessions that visitors keep for us, sealed, and bring along when they come again.
 *
 * A session is good for the name that it was made for (RFC 6066, 3): proxies keep one for each address
 * and use it for every host behind it, and a visitor could carry what he showed one host to another.
 * OpenSSL compares no names, and in TLS 1.2 it would say that the name of before had been asked for.
 */
#include "net/tls_openssl.h"
#include "wire/bytes.h"
#include "wire/hostname.h"

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
static SSL_TICKET_RETURN judge(SSL *ssl, SSL_SESSION *session, const unsigned char *key_name,
	size_t n_key_name, SSL_TICKET_STATUS status, void *arg)
{
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	const char *made_for = SSL_SESSION_get0_hostname(session);
	if (!same_name(made_for ? str_from(made_for) : STR_NULL, asked_name(ssl)))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

void tls_tickets_init(SSL_CTX *ctx)
{
	SSL_CTX_set_session_ticket_cb(ctx, NULL, judge, NULL);
}
