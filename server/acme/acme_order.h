/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One certificate on its way from a CA, as a machine of steps without input or output (RFC 8555, 7): it says what is to
 * be asked, and is told what was answered.
 *
 *	DIRECTORY -> ACCOUNT -> ORDER -> AUTHORIZATION -> PRESENT -> CHALLENGE -> VALIDATION
 *		-> FINALIZE -> ISSUANCE -> CERTIFICATE -> DONE
 *
 * The first two are skipped where the account knows them already, those between ORDER and FINALIZE where the CA asks for
 * no proof. Each may end in FAILED.
 */
#include "base/buf.h"
#include "base/error.h"
#include "server/acme/acme_account.h"
#include "server/acme/acme_answer.h"
#include "tls/tls_order.h"
#include "wire/hostname.h"

/* Rejected nonces in a row: a CA that has restarted knows none of ours; one that goes on so is broken. */
#define ACME_BAD_NONCES_MAX 16
/* Looks at an authorization or an order that is being worked on, and seconds between two where the CA says none. */
#define ACME_POLLS_MAX      60
#define ACME_POLL_WAIT      2
#define ACME_POLL_WAIT_MAX  60
/* Requests that got no answer, in all of an order, and seconds before they are sent again. */
#define ACME_LOST_MAX       3
#define ACME_LOST_WAIT      3

enum acme_step {
	ACME_DIRECTORY,
	ACME_ACCOUNT,
	ACME_ORDER,
	ACME_AUTHORIZATION,
	ACME_PRESENT, /* the owner's: it makes the challenge's answer known, acme_order_presented() */
	ACME_CHALLENGE,
	ACME_VALIDATION,
	ACME_FINALIZE,
	ACME_ISSUANCE,
	ACME_CERTIFICATE,
	ACME_DONE,
	ACME_FAILED,
	ACME_STEPS,
};

/* How the name is proved (RFC 8555, 8; RFC 8737). */
enum acme_proof { ACME_HTTP_01, ACME_TLS_ALPN_01, ACME_DNS_01, ACME_PROOFS };

struct acme_order {
	struct acme_account *account;
	char name[HOSTNAME_SIZE];
	enum acme_proof proof;
	enum acme_step step;
	char *replaces; /* renewal id of the certificate that this one is to replace; owned; NULL: none */

	char nonce[ACME_NONCE_MAX + 1]; /* for the next request; "": none is left */
	bool fetches_nonce;             /* that is what was asked for last */
	bool again;                     /* its account was registered anew once */
	unsigned bad_nonces, polls, lost;
	unsigned wait; /* seconds until the next request is to be sent */

	char *url, *authorization, *challenge, *finalize, *certificate; /* owned */
	char token[ACME_TOKEN_MAX + 1];
	struct secret *key;
	struct buf request; /* PKCS#10 */
	struct secret *pem; /* in DONE: the chain and the key */
	struct tls_ordered facts;

	struct error why;     /* in FAILED */
	uint64_t retry_after; /* seconds that the CA wants to be left alone; 0: it did not say */
};

/* `name` is canonical; may be a wildcard. */
void acme_order_init(struct acme_order *o, struct acme_account *account, const char *name,
	enum acme_proof proof);
void acme_order_deinit(struct acme_order *o);

/* A request. */
struct acme_call {
	const char *method;
	const char *url; /* borrowed from the order */
	char *body;      /* owned by the caller; NULL: none */
};

/* What is to be asked next. False: memory is out, and the order has failed. Not in PRESENT, DONE and FAILED. */
bool acme_order_call(struct acme_order *o, struct acme_call *out);
/* `now`: seconds since 1970. */
void acme_order_answered(struct acme_order *o, const struct acme_answer *a, int64_t now);
/* It was not answered, and `err` says why. */
void acme_order_lost(struct acme_order *o, const struct error *err);
/* The answer of the challenge can be asked for. */
void acme_order_presented(struct acme_order *o);
void acme_order_fail(struct acme_order *o, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* What the challenge is to be answered with: "TOKEN.THUMBPRINT" (RFC 8555, 8.1). In PRESENT. */
#define ACME_AUTHORIZATION_SIZE (ACME_TOKEN_MAX + 1 + JWS_THUMBPRINT_SIZE)
void acme_order_key_authorization(const struct acme_order *o, char out[ACME_AUTHORIZATION_SIZE]);

/* "http-01". */
const char *acme_proof_name(enum acme_proof proof);
