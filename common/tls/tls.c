/*
 * One connection. OpenSSL reads from what was fed and writes behind what is pending, through a BIO that
 * never makes it wait for room: SSL_write() takes all it is given, and a turn's records leave together.
 */
#include "tls/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/macros.h"
#include "tls/tls_internal.h"

/* Bytes that begin a TLS record: its type (RFC 8446, 5.1), change_cipher_spec to application_data. */
#define RECORD_TYPE_FIRST 20
#define RECORD_TYPE_LAST  23

#define EXPORTER_LABEL "EXPORTER-Channel-Binding" /* RFC 9266 */

static const char broken_memory[] = "there is no memory for it";

/* ---- The BIO ---- */

static int bio_read(BIO *bio, char *p, int n)
{
	struct tls *tls = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	size_t max = n > 0 ? (size_t)n : 0, got = 0;
	if (buf_len(&tls->in)) {
		got = MIN(max, buf_len(&tls->in));
		memcpy(p, buf_head(&tls->in), got);
		buf_consume(&tls->in, got);
		if (!buf_len(&tls->in))
			buf_deinit(&tls->in);
	} else if (tls->n_fed) {
		got = MIN(max, tls->n_fed);
		memcpy(p, tls->fed, got);
		tls->fed += got;
		tls->n_fed -= got;
	}
	if (!got) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (!tls->heard) {
		uint8_t first = (uint8_t)p[0];
		tls->heard = true;
		tls->foreign = first < RECORD_TYPE_FIRST || first > RECORD_TYPE_LAST;
		/* OpenSSL reads a record's header first, which is as long. */
		tls->plain_http = got >= 5 && memcmp(p, "HTTP/", 5) == 0;
	}
	return (int)got;
}

static int bio_write(BIO *bio, const char *p, int n)
{
	struct tls *tls = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (n <= 0)
		return 0;
	if (tls->sink && (size_t)n <= tls->cap_sink - tls->n_sink) {
		memcpy(tls->sink + tls->n_sink, p, (size_t)n);
		tls->n_sink += (size_t)n;
		return n;
	}
	/* A sink that is full goes to memory, so that the order stays. */
	if (tls_sent(tls, 0) < 0 || buf_append(&tls->out, p, (size_t)n) < 0)
		return -1;
	return n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *p)
{
	return command == BIO_CTRL_FLUSH;
}

/* ---- Both sides ---- */

int tls_context_init(struct tls_context *context, const SSL_METHOD *method, struct error *err)
{
	atomic_init(&context->refs, 1);
	context->ctx = SSL_CTX_new(method);
	context->bio = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "tunnel");
	if (!context->ctx || !context->bio || !BIO_meth_set_read(context->bio, bio_read) ||
		!BIO_meth_set_write(context->bio, bio_write) ||
		!BIO_meth_set_ctrl(context->bio, bio_ctrl))
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

struct tls *tls_free(struct tls *tls)
{
	if (!tls)
		return NULL;
	SSL_free(tls->ssl);
	tls_server_unref(tls->server);
	tls_client_unref(tls->client);
	buf_deinit(&tls->in);
	buf_deinit(&tls->out);
	if (tls->complaint != broken_memory)
		free(tls->complaint);
	free(tls->protocols);
	free(tls);
	return NULL;
}

void tls_complain(struct tls *tls, const char *fmt, ...)
{
	if (tls->complaint)
		return;
	va_list ap;
	va_start(ap, fmt);
	if (vasprintf(&tls->complaint, fmt, ap) < 0)
		tls->complaint = (char *)(uintptr_t)broken_memory;
	va_end(ap);
}

void tls_complain_instead(struct tls *tls, char *text)
{
	if (tls->complaint != broken_memory)
		free(tls->complaint);
	tls->complaint = text;
}

size_t tls_memory(const struct tls *tls)
{
	size_t n = tls->established ? TLS_MEMORY : TLS_MEMORY_HANDSHAKE;
	if (tls->established && SSL_has_pending(tls->ssl))
		n += TLS_MEMORY_PARTIAL;
	return n + tls->in.cap + tls->out.cap;
}

/* ---- In ---- */

void tls_feed(struct tls *tls, const void *p, size_t n)
{
	tls->fed = p;
	tls->n_fed = n;
}

int tls_keep(struct tls *tls)
{
	int r = tls->n_fed ? buf_append(&tls->in, tls->fed, tls->n_fed) : 0;
	tls->fed = NULL;
	tls->n_fed = 0;
	return r;
}

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

void tls_sink(struct tls *tls, void *p, size_t cap)
{
	tls->sink = p;
	tls->cap_sink = cap;
	tls->n_sink = 0;
}

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

size_t tls_output(const struct tls *tls, const uint8_t **p_out)
{
	if (tls->sink && tls->n_sink) {
		*p_out = tls->sink;
		return tls->n_sink;
	}
	*p_out = buf_head(&tls->out);
	return buf_len(&tls->out);
}

int tls_sent(struct tls *tls, size_t n)
{
	int r = 0;
	if (tls->sink) {
		if (tls->n_sink > n)
			r = buf_append(&tls->out, tls->sink + n, tls->n_sink - n);
		tls->sink = NULL;
		tls->n_sink = 0;
		return r;
	}
	buf_consume(&tls->out, n);
	if (!buf_len(&tls->out))
		buf_deinit(&tls->out);
	return 0;
}

/* ---- What came of it ---- */

enum tls_version tls_version(const struct tls *tls)
{
	if (!tls->established)
		return TLS_NONE;
	return SSL_version(tls->ssl) == TLS1_3_VERSION ? TLS_1_3 : TLS_1_2;
}

struct str tls_alpn(const struct tls *tls)
{
	const unsigned char *p;
	unsigned int n;
	SSL_get0_alpn_selected(tls->ssl, &p, &n);
	return (struct str){(const char *)p, n};
}

struct str tls_sni(const struct tls *tls)
{
	const char *name = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);
	return name ? str_from(name) : STR_NULL;
}

bool tls_serves(const struct tls *tls, struct str host)
{
	if (!tls->server)
		return false;
	/* By the name again, not by what was sent: a resumed connection was sent none. */
	const struct tls_choice choice = tls_server_pick(tls->server, tls_sni(tls));
	bool all = true;
	for (size_t i = 0; i < TLS_KINDS; i++)
		all &= !choice.v[i] || tls_certificate_covers(choice.v[i], host, true);
	return all;
}

bool tls_verified(const struct tls *tls)
{
	return tls->established && SSL_get0_peer_certificate(tls->ssl) &&
	       SSL_get_verify_result(tls->ssl) == X509_V_OK;
}

const char *tls_complaint(const struct tls *tls)
{
	return tls->complaint ? tls->complaint : "";
}

bool tls_foreign(const struct tls *tls)
{
	return tls->foreign && !tls->established;
}

bool tls_distrusted(const struct tls *tls)
{
	return tls->distrusted;
}

bool tls_misnamed(const struct tls *tls)
{
	return tls->misnamed;
}

bool tls_exporter(const struct tls *tls, uint8_t value_out[TLS_EXPORTER_SIZE])
{
	if (tls_version(tls) != TLS_1_3)
		return false;
	ERR_clear_error();
	uint8_t value[TLS_EXPORTER_SIZE];
	if (SSL_export_keying_material(tls->ssl, value, sizeof value, EXPORTER_LABEL,
		    sizeof EXPORTER_LABEL - 1, (const uint8_t *)"", 0, 1) != 1)
		return false;
	memcpy(value_out, value, sizeof value);
	return true;
}
