/* SPDX-License-Identifier: MIT */
/* What a visitor is served with: certificates by the name that it asks for, and the protocol (ALPN). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tls/tls_internal.h"
#include "wire/alpn.h"
#include "wire/hostname.h"

/* ---- Certificates ---- */

/* Of each kind the first that has the name, else the first whose wildcard covers it. */
static struct tls_choice choose_by_name(const struct tls_server *s, struct str name)
{
	struct tls_choice choice = {0};
	for (int wildcards = 0; wildcards < 2; wildcards++)
		for (size_t i = 0; i < s->n_certs; i++) {
			const struct tls_certificate *c = &s->certs[i];
			if (!choice.v[c->kind] && tls_certificate_covers(c, name, wildcards))
				choice.v[c->kind] = c;
		}
	return choice;
}

static struct tls_choice pick(const struct tls_server *s, struct str sni)
{
	char text[HOSTNAME_SIZE];
	size_t n;
	if (s->n_certs > 1 && sni.n && hostname_canonical(sni, text, &n) == 0) {
		const struct tls_choice choice = choose_by_name(s, (struct str){text, n});
		for (size_t i = 0; i < TLS_KINDS; i++)
			if (choice.v[i])
				return choice;
	}
	return s->usual;
}

/* The first certificate, and those of other kinds that are for its first name. */
void tls_choose_usual(struct tls_server *s)
{
	const struct tls_certificate *first = &s->certs[0];
	if (first->n_names)
		s->usual = choose_by_name(s, str_from(first->names[0]));
	s->usual.v[first->kind] = first;
}

struct str tls_sni(const struct tls *tls)
{
	const char *name = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);
	return name ? str_from(name) : STR_NULL;
}

/* What the context has for other kinds of keys is for other names, and must not be taken for this one. */
static int choose(SSL *ssl, void *arg)
{
	struct tls *tls = SSL_get_app_data(ssl);
	const struct tls_choice choice = pick(tls->server, tls_sni(tls));
	if (memcmp(&choice, &tls->server->usual, sizeof choice) == 0)
		return 1;
	SSL_certs_clear(ssl);
	for (size_t i = 0; i < TLS_KINDS; i++) {
		const struct tls_certificate *c = choice.v[i];
		if (c && SSL_use_cert_and_key(ssl, c->leaf, c->key, c->chain, 1) != 1)
			return 0;
	}
	return 1;
}

/* Taking the name makes it a part of the session: a resumed one has it again. */
static int take_name(SSL *ssl, int *alert, void *arg)
{
	return SSL_TLSEXT_ERR_OK;
}

bool tls_serves(const struct tls *tls, struct str host)
{
	if (!tls->server)
		return false;
	/* By the name again, not by what was sent: a resumed connection was sent none. */
	const struct tls_choice choice = pick(tls->server, tls_sni(tls));
	bool all = true;
	for (size_t i = 0; i < TLS_KINDS; i++)
		all &= !choice.v[i] || tls_certificate_covers(choice.v[i], host, true);
	return all;
}

/* ---- Protocols ---- */

/*
 * Of a service that does not say what it speaks: whoever offers one protocol speaks nothing else, and many
 * (gRPC, PostgreSQL, MQTT) go only when it is agreed. Among several the choice would be a guess.
 */
static int take_only(const unsigned char **out, unsigned char *n_out, const unsigned char *offered,
	unsigned int n)
{
	if (n != offered[0] + 1u)
		return SSL_TLSEXT_ERR_NOACK;
	*out = offered + 1;
	*n_out = offered[0];
	return SSL_TLSEXT_ERR_OK;
}

/*
 * HTTP is served to whoever offers other protocols only, without one: a refusal would help nobody. A
 * service that said what it speaks would not understand him.
 */
static int take_protocol(SSL *ssl, const unsigned char **out, unsigned char *n_out,
	const unsigned char *offered, unsigned int n, void *arg)
{
	static const uint8_t http[] = "\x02h2\x08http/1.1";
	struct tls *tls = SSL_get_app_data(ssl);
	size_t skip = tls->alpn == TLS_ALPN_HTTP2 ? 0 : sizeof "\x02h2" - 1;
	const uint8_t *ours = tls->protocols ? tls->protocols : http + skip;
	size_t n_ours = tls->protocols ? tls->n_protocols : sizeof http - 1 - skip;
	unsigned char *chosen;
	if (!tls->protocols && tls->alpn == TLS_ALPN_ANY)
		return take_only(out, n_out, offered, n);
	/* It gives one of theirs where there is none of both. */
	if (SSL_select_next_proto(&chosen, n_out, ours, (unsigned int)n_ours, offered, n) !=
		OPENSSL_NPN_NEGOTIATED)
		return tls->protocols ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

int tls_speak(struct tls *tls, struct str protocols)
{
	uint8_t list[ALPN_TLS_MAX];
	size_t n = alpn_for_tls(protocols, list);
	tls->protocols = malloc(n);
	if (!tls->protocols)
		return -ENOMEM;
	memcpy(tls->protocols, list, n);
	tls->n_protocols = n;
	return 0;
}

/* ---- For OpenSSL ---- */

void tls_choice_serve(SSL_CTX *ctx)
{
	SSL_CTX_set_cert_cb(ctx, choose, NULL);
	SSL_CTX_set_tlsext_servername_callback(ctx, take_name);
	SSL_CTX_set_alpn_select_cb(ctx, take_protocol, NULL);
}
