/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Shared by the files of common/tls alone: the structs with OpenSSL's types in them.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "base/buf.h"
#include "tls/tls_filter.h"

/* ---- Certificates (tls_certificate.c) ---- */

/* In the order in which OpenSSL prefers them. */
enum tls_kind { TLS_ECDSA, TLS_ED25519, TLS_ED448, TLS_RSA_PSS, TLS_RSA, TLS_KINDS };

struct tls_certificate {
	enum tls_kind kind; /* of its key */
	X509 *leaf;
	STACK_OF(X509) * chain; /* without the leaf */
	EVP_PKEY *key;
	char **names; /* canonical, as wire/hostname makes them, or "*." and such a name */
	size_t n_names;
	bool ordered; /* tls_server_config::ordered */
};

enum { TLS_NO_CERTIFICATE = 1, TLS_NO_KEY };

/*
 * Reads a chain and its key. `key` NULL: it is in `path`, or in the file with the same name and ".key".
 * 0; TLS_NO_CERTIFICATE or TLS_NO_KEY where there is none, with a sentence as well; or -errno with one.
 */
int tls_certificate_load(struct tls_certificate *c, const char *path, const char *key,
	struct error *err);
void tls_certificate_deinit(struct tls_certificate *c);
bool tls_certificate_covers(const struct tls_certificate *c, struct str host, bool wildcards);

/* ---- Pins (tls_pin.c) ---- */

/* SHA-256 of the SubjectPublicKeyInfo; false: out of memory. */
bool tls_spki(X509 *x, uint8_t digest_out[TLS_PIN_SIZE]);
void tls_pin_text(const uint8_t digest[TLS_PIN_SIZE], char pin_out[TLS_PIN_TEXT]);
/* 0, or -EINVAL with a sentence. */
int tls_pin_parse(const char *text, uint8_t pin_out[TLS_PIN_SIZE], struct error *err);

/* ---- Tickets (tls_tickets.c) ---- */

struct tls_ticket_key {
	uint8_t name[16]; /* by which a ticket says what sealed it (RFC 5077, 4) */
	uint8_t cipher[32], mac[32];
};

/* What may change in a struct tls_server: every handshake, on whatever thread, looks here. */
struct tls_tickets {
	pthread_mutex_t lock;
	struct tls_ticket_key current, previous;
	uint64_t next; /* µs: when the current one becomes the previous one */
};

void tls_tickets_init(struct tls_tickets *t);
void tls_tickets_deinit(struct tls_tickets *t);
/* Makes the context of a server ask its `tickets` for keys, and whether a ticket may be used. */
int tls_tickets_serve(SSL_CTX *ctx, struct error *err);

/* ---- Contexts (tls_context.c, tls_choice.c, tls_error.c) ---- */

/* What a connection needs of its side: the head of both structs below. */
struct tls_context {
	atomic_uint refs;
	SSL_CTX *ctx;
	BIO_METHOD *bio;
};

/*
 * What a visitor may be served with, by kind of key; NULL: there is none. OpenSSL takes the first that
 * the client's ciphers and signature algorithms allow (RFC 5246, 7.4.2; RFC 8446, 4.4.2.2).
 */
struct tls_choice {
	const struct tls_certificate *v[TLS_KINDS];
};

struct tls_server {
	struct tls_context context;
	struct tls_certificate *certs;
	size_t n_certs, cap_certs;
	struct tls_choice usual; /* the context's own: served where no certificate has the name */
	struct tls_tickets tickets;
};

struct tls_client {
	struct tls_context context;
	bool insecure, verify_later, pinned;
	uint8_t pin[TLS_PIN_SIZE];
};

/* The context with what both sides have in common. 0, -ENOMEM with a sentence. */
int tls_context_init(struct tls_context *context, const SSL_METHOD *method, struct error *err);
void tls_context_deinit(struct tls_context *context);
/* NULL: out of memory. Neither of its two sides is set yet. */
struct tls *tls_new(struct tls_context *context);

/* Its certificates are there: makes it serve them. `what` they are from, for a sentence. 0 or -errno. */
int tls_server_ready(struct tls_server *s, const char *what, struct error *err);

/* Sets `usual`: the first certificate, and those of other kinds that are for its first name. */
void tls_choose_usual(struct tls_server *s);
/* Makes the context of a server choose certificates and protocol for each connection. */
void tls_choice_serve(SSL_CTX *ctx);

/* "<what>: <OpenSSL's reason>". Returns `code`. */
int tls_error(struct error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* "<what> <ca> cannot be read: " and why not: the file, or what stands in it. Returns -errno. */
int tls_ca_error(struct error *err, const char *ca, const char *what);

/* ---- One connection (tls.c) ---- */

struct tls {
	SSL *ssl;
	struct tls_server *server; /* one of the two; a reference */
	struct tls_client *client;
	struct buf in;      /* bytes of the peer's that had no room with the reader */
	const uint8_t *fed; /* borrowed; behind `in` */
	size_t n_fed;
	uint8_t *sink; /* borrowed */
	size_t n_sink, cap_sink;
	struct buf out;     /* what the socket did not take */
	char *complaint;    /* owned */
	uint8_t *protocols; /* server: of tls_speak(), as TLS has them; NULL: none; owned */
	size_t n_protocols;
	int64_t valid_from, valid_to; /* of what is not valid now; 0: nothing is wrong with dates */
	size_t fact_n;                /* of the complaint about them: then comes advice */
	enum tls_alpn alpn;           /* server */
	bool established;             /* the handshake went well */
	bool distrusted;              /* tls_distrusted() */
	bool misnamed;                /* tls_misnamed() */
	bool ended;                   /* our close_notify was written */
	bool heard, foreign;          /* a byte came; the first one begins no TLS record */
	bool plain_http;              /* but an answer of HTTP */
};

/* How OpenSSL reads and writes in one (tls_bio.c). NULL: out of memory. */
BIO_METHOD *tls_bio_method(void);

/* ---- Complaints (tls_complaint.c) ---- */

/* Keeps the first complaint of a connection. */
void tls_complain(struct tls *tls, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* In the place of it; owned; NULL: none. */
void tls_complain_instead(struct tls *tls, char *text);

/* ---- Names (tls_names.c) ---- */

/* "a.example", "a.example and b.example", "a.example, b.example and others", "no name". */
void tls_names(X509 *x, char out[TLS_NAMES_SIZE]);
/* The name of the CA; false: it has none. */
bool tls_issuer(X509 *x, char out[TLS_NAMES_SIZE]);

/* ---- Dates (tls_time.c) ---- */

void tls_dates_of(X509 *x, struct tls_dates *out);
/* The certificate, or its CA's, is not valid now. */
void tls_complain_of_dates(struct tls *tls, X509 *x, bool ca);

/* ---- Verification (tls_verify.c) ---- */

/* For SSL_CTX_set_cert_verify_callback(): 1 lets the handshake go on. */
int tls_verify(X509_STORE_CTX *store, void *arg);
/* Says why OpenSSL failed, as far as it has a reason waiting on this thread. */
void tls_explain(struct tls *tls);
