/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The bytes of a link's first messages: the server's hello after its 101, and what surrounds and
 * fills the two handshake messages (protocol.md, rules 4 to 11). Each is one binary message.
 *
 *	hello      "tunnel.hello" | count u8 | count versions u8, rising | 32 random | 16 salt
 *	first      version u8 | 8 key id | Noise message 1        (client to server)
 *	answer     1 | Noise message 2, or 2 | reason u8          (server to client)
 *	proof      tls u8 | cb present u8 | 32 cb | seal u8       (payload of Noise message 1)
 *	result     proof | bound u8 | sealed u8                   (payload of Noise message 2)
 *
 * Every function that reads returns 0 or HELLO_E_MALFORMED, and every size is exact: a byte too
 * many is as wrong as one too few.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HELLO_VERSIONS_MAX 16 /* in a hello: far more than will be alive at a time */
#define HELLO_RANDOM       32 /* bytes */
#define HELLO_SALT         16 /* bytes: Argon2's */
#define HELLO_KEY_ID       8  /* bytes */
#define HELLO_CB           32 /* bytes: a TLS exporter value */
#define HELLO_MAX          (12 + 1 + HELLO_VERSIONS_MAX + HELLO_RANDOM + HELLO_SALT)
#define HELLO_PROLOGUE_MAX (9 + HELLO_MAX + 1 + HELLO_KEY_ID)

/* Bytes of a payload, and of the Noise message around it: ephemeral key (32) and tag (16) more. */
#define HELLO_PROOF        (1 + 1 + HELLO_CB + 1)
#define HELLO_RESULT       (HELLO_PROOF + 2)
#define HELLO_NOISE_FIRST  (32 + HELLO_PROOF + 16)
#define HELLO_NOISE_ANSWER (32 + HELLO_RESULT + 16)
#define HELLO_FIRST        (1 + HELLO_KEY_ID + HELLO_NOISE_FIRST)
#define HELLO_ANSWER       (1 + HELLO_NOISE_ANSWER)
#define HELLO_REJECTION    2

enum { HELLO_E_MALFORMED = 1 };

/* Of the protocol. They differ in the cipher of handshake and records alone. */
enum hello_version {
	HELLO_VERSION_CHACHAPOLY = 1, /* spoken by all */
	HELLO_VERSION_AESGCM = 2,     /* by those whose processor has instructions for it */
};

struct hello {
	uint8_t versions[HELLO_VERSIONS_MAX]; /* rising, none 0 */
	uint8_t version_count;                /* 1 to HELLO_VERSIONS_MAX */
	uint8_t random[HELLO_RANDOM];         /* fresh for this connection */
	uint8_t salt[HELLO_SALT];
};

struct hello_first {
	uint8_t version;
	uint8_t key_id[HELLO_KEY_ID];
	const uint8_t *noise; /* HELLO_NOISE_FIRST bytes, borrowed */
};

enum hello_tls { HELLO_TLS_NONE = 0, HELLO_TLS_13 = 1 };

/* What a side says of its connection (rule 7). */
struct hello_proof {
	enum hello_tls tls;   /* 1.2 counts as none */
	bool cb_present;      /* only with TLS 1.3 */
	uint8_t cb[HELLO_CB]; /* zeros when absent */
	bool seal_waived;     /* --no-seal */
};

struct hello_result {
	struct hello_proof proof; /* the server's */
	bool bound, sealed;
};

/* Not authenticated: a hint for the log, believed slowly (rule 11). */
enum hello_reason {
	HELLO_REJECTED_KEY = 1, /* no such key, or the wrong one: which is not told */
	HELLO_REJECTED_VERSION = 2,
	HELLO_REJECTED_BUSY = 3,
};

struct hello_answer {
	const uint8_t *noise;     /* HELLO_NOISE_ANSWER bytes, borrowed; NULL: rejected */
	enum hello_reason reason; /* when rejected; may be a number that is not listed */
};

/* Writes at most HELLO_MAX bytes and returns how many. */
size_t hello_write(uint8_t *at, const struct hello *h);
int hello_read(const uint8_t *p, size_t n, struct hello *hello_out);

/* Writes what stands before the Noise message, 1 + HELLO_KEY_ID bytes, and returns their number. */
size_t hello_write_first(uint8_t *at, uint8_t version, const uint8_t key_id[HELLO_KEY_ID]);
int hello_read_first(const uint8_t *p, size_t n, struct hello_first *first_out);

/* The byte before Noise message 2, or HELLO_REJECTION bytes; they return how many. */
size_t hello_write_answer(uint8_t *at);
size_t hello_write_rejection(uint8_t *at, enum hello_reason reason);
int hello_read_answer(const uint8_t *p, size_t n, struct hello_answer *answer_out);

/* Exactly HELLO_PROOF and HELLO_RESULT bytes. */
void hello_write_proof(uint8_t at[HELLO_PROOF], const struct hello_proof *proof);
int hello_read_proof(const uint8_t *p, size_t n, struct hello_proof *proof_out);
void hello_write_result(uint8_t at[HELLO_RESULT], const struct hello_result *result);
int hello_read_result(const uint8_t *p, size_t n, struct hello_result *result_out);

/* Rule 8, the same on both sides: bound and sealed from what both said. Symmetric in a and b. */
void hello_agree(const struct hello_proof *a, const struct hello_proof *b, bool *bound_out,
	bool *sealed_out);

/*
 * Rule 6: "tunnel.v1", the hello as it stood on the wire, the version chosen, the key id. Writes at
 * most HELLO_PROLOGUE_MAX bytes and returns how many; `n` is at most HELLO_MAX.
 */
size_t hello_prologue(uint8_t *at, const uint8_t *hello, size_t n, uint8_t version,
	const uint8_t key_id[HELLO_KEY_ID]);

const char *hello_reason_name(unsigned reason);
