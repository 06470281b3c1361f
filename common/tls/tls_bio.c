/* SPDX-License-Identifier: MIT */
/*
 * What OpenSSL has in the place of a socket: it reads from what was fed and writes behind what is pending,
 * and never waits for room. So SSL_write() takes all it is given, and a turn's records leave together.
 */
#include <string.h>

#include "base/macros.h"
#include "tls/tls_internal.h"

/* Bytes that begin a TLS record: its type (RFC 8446, 5.1), change_cipher_spec to application_data. */
#define RECORD_TYPE_FIRST 20
#define RECORD_TYPE_LAST  23

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

/* ---- Out ---- */

void tls_sink(struct tls *tls, void *p, size_t cap)
{
	tls->sink = p;
	tls->cap_sink = cap;
	tls->n_sink = 0;
}

size_t tls_output(const struct tls *tls, const uint8_t **p_out)
{
	if (tls->n_sink) {
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

/* ---- For OpenSSL ---- */

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

BIO_METHOD *tls_bio_method(void)
{
	BIO_METHOD *bio = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "tunnel");
	if (bio && BIO_meth_set_read(bio, bio_read) && BIO_meth_set_write(bio, bio_write) &&
		BIO_meth_set_ctrl(bio, bio_ctrl))
		return bio;
	BIO_meth_free(bio);
	return NULL;
}
