/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * TLS 1.2 and 1.3 (OpenSSL 3) as a filter below a connection: bytes in, bytes out, no socket. net/conn
 * drives it; others only make one, hand it to conn_start_tls(), and ask what came of it.
 *
 * struct tls_server and struct tls_client are immutable once made, counted, and shared by threads: a
 * reload makes a new one and lets the old one go with its last connection.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"

#define TLS_EXPORTER_SIZE 32 /* bytes: rule 8's channel binding */
#define TLS_PIN_SIZE      32 /* bytes: SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469, 2.4) */
/*
 * How long a key seals tickets, µs: a thief of the key can read no connection that is older than
 * two of these (RFC 5077, 5.5). OpenSSL lets no ticket be older than two hours anyway.
 */
#define TLS_TICKET_PERIOD (12 * 3600 * CLOCK_S)
#define TLS_PIN_TEXT      52 /* "sha256/", 44 characters of base64, a NUL */

#define TLS_NAMES_SIZE  160 /* bytes: two names of a certificate, cut short, and a NUL */
#define TLS_MOMENT_SIZE 32  /* "2026-11-28 at 19:03 UTC" */

/* Seconds since 1970, and whose they are, as a part of a sentence. */
struct tls_dates {
	int64_t from, to;
	char names[TLS_NAMES_SIZE]; /* "a.example and b.example" */
};

/* For people. Returns `out`. */
const char *tls_moment(int64_t at, char out[TLS_MOMENT_SIZE]);

enum tls_version { TLS_NONE, TLS_1_2, TLS_1_3 };

/* ---- Server side ---- */

/* All borrowed until tls_server_new() returns. */
struct tls_server_config {
	char *const *certs; /* PEM files with the chain, the leaf first; or directories of them */
	size_t n_certs;
	char *const *
		keys; /* of the same-numbered cert; none: in the certificate's file, or beside it */
	size_t n_keys;
	/* Files with chain and key for names of others, which tls_server_covers() does not count. */
	char *const *ordered;
	size_t n_ordered;
	const char *client_ca; /* PEM file; NULL: no client certificates are asked for */
};

struct tls_server;

/* Reads files: blocks. The sentence names the file, and what is wrong with it or with its mode. */
struct tls_server *tls_server_new(const struct tls_server_config *config, struct error *err);
struct tls_server *tls_server_ref(struct tls_server *s);
struct tls_server *tls_server_unref(struct tls_server *s); /* accepts NULL; returns NULL */

/*
 * Whether one of the certificates is for this name (canonical, as wire/hostname makes it; RFC 9525), but for those of
 * names of others. Such names belong to the exit node (rule 30).
 */
bool tls_server_covers(const struct tls_server *s, struct str host);
/*
 * Tickets are sealed with a key that is TLS_TICKET_PERIOD old at the most, and accepted with the one
 * before it as well; older ones are wiped. To be called from the start on, every minute or so, by one
 * thread at a time.
 */
void tls_server_tick(struct tls_server *s, uint64_t now);
/* The pin, "sha256/…", of the certificate that is served to clients that ask for no name, or its own. */
void tls_server_pin(const struct tls_server *s, char pin_out[TLS_PIN_TEXT]);
/* How many certificates there are, and until when the i-th is valid: to be warned of. */
size_t tls_server_count(const struct tls_server *s);
void tls_server_dates(const struct tls_server *s, size_t i, struct tls_dates *out);

/*
 * --auto-tls: makes a certificate for itself that lasts for ten years and an ECDSA key in `dir`, unless
 * they are there, and names the two files, which the caller frees. 0 or -errno with a sentence.
 */
int tls_auto_certificate(const char *dir, char **cert_out, char **key_out, struct error *err);

/* ---- Client side ---- */

struct tls_client_config {
	const char *ca;    /* PEM file; NULL: the system's */
	const char *pin;   /* "sha256/…": then nothing else is asked of the certificate */
	const char *cert;  /* PEM file with the client's certificate; NULL: none */
	const char *key;   /* its key; NULL: in its file or beside it */
	bool insecure;     /* certificates are not verified: tls_verified() is then false */
	bool verify_later; /* the handshake goes on whatever the certificate: the owner asks
	                            tls_verified() and tls_complaint(); links that are bound (rule 9) */
};

struct tls_client;

/* Whether it is "sha256/" and TLS_PIN_SIZE bytes in base64, as curl and RFC 7469 write them. */
bool tls_is_pin(struct str text);

/* Reads files: blocks. */
struct tls_client *tls_client_new(const struct tls_client_config *config, struct error *err);
/* Of the certificate that it shows; false: it shows none. */
bool tls_client_dates(const struct tls_client *c, struct tls_dates *out);
struct tls_client *tls_client_ref(struct tls_client *c);
struct tls_client *tls_client_unref(struct tls_client *c); /* accepts NULL; returns NULL */

/* ---- One connection ---- */

struct tls;

/* What is spoken behind a handshake of the server side, unless tls_speak() says more. */
enum tls_alpn {
	TLS_ALPN_ANY,   /* whatever is offered alone */
	TLS_ALPN_HTTP1, /* http/1.1 with those who offer it; to others it is served without a name */
	TLS_ALPN_HTTP2, /* h2 before that */
};

/* Server side. NULL: out of memory. */
struct tls *tls_accept(struct tls_server *s, enum tls_alpn alpn);
/*
 * Server side, before the handshake: takes the first of these protocols (wire/alpn's list) that is
 * offered, and ends with the alert no_application_protocol where none of them is, as RFC 7301, 3.2 has
 * it. A client that offers none gets none. 0 or -ENOMEM.
 */
int tls_speak(struct tls *tls, struct str protocols);

/* What a client offers by ALPN. */
enum tls_offer { TLS_OFFER_NONE, TLS_OFFER_HTTP1, TLS_OFFER_HTTP2 };

/*
 * Client side, for a name or an address as getaddrinfo() takes it, which becomes the SNI if it is a
 * name, and is what the certificate must be for. NULL: out of memory.
 */
struct tls *tls_connect(struct tls_client *c, const char *host, enum tls_offer offer);
struct tls *tls_free(struct tls *tls); /* accepts NULL; returns NULL */

/*
 * What OpenSSL 3.0's state of a connection takes, as measured with some hundred of them: during the
 * handshake, at rest after it, and while a part of a record has come, for which OpenSSL has a buffer of
 * the largest one's size.
 */
#define TLS_MEMORY_HANDSHAKE (43u << 10)
#define TLS_MEMORY           (15u << 10)
#define TLS_MEMORY_PARTIAL   (17u << 10)

/* Bytes of memory that it takes at the moment, by these. */
size_t tls_memory(const struct tls *tls);

/* After the handshake: */

enum tls_version tls_version(const struct tls *tls);
struct str tls_alpn(const struct tls *tls); /* the protocol that was agreed, or empty */
struct str tls_sni(const struct tls *tls);  /* server: as the peer wrote it, or empty */
/* Server: whether all certificates that may have been served are for this name (rule 35's 421). */
bool tls_serves(const struct tls *tls, struct str host);
/* The peer showed a certificate, and it is trusted: CA, pin, name, dates. */
bool tls_verified(const struct tls *tls);
/*
 * Why it is not verified, or why the handshake failed, as a part of a sentence: "its certificate ended
 * on 2026-01-02", "its certificate is for a.example, not b.example", "no CA vouches for its
 * certificate (self-signed)". "" when nothing is wrong.
 */
const char *tls_complaint(const struct tls *tls);
/*
 * After a handshake that went on in spite of a certificate that is not valid now: what the peer's clock
 * said, seconds since 1970. Where it is valid by that, the complaint blames the clock here.
 */
void tls_told_time(struct tls *tls, int64_t there);
/* The handshake failed because the certificate is not trusted; not for another key than the pinned. */
bool tls_distrusted(const struct tls *tls);
/* The handshake failed because the certificate is for other names, whichever CA vouches for it. */
bool tls_misnamed(const struct tls *tls);
/* The handshake failed because the peer does not speak TLS. */
bool tls_foreign(const struct tls *tls);
/* False for TLS 1.2 (rule 8). */
bool tls_exporter(const struct tls *tls, uint8_t value_out[TLS_EXPORTER_SIZE]);
