/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a link's first messages. Where a value could be written in two ways one of them is
 * refused (a cb without its flag, versions out of order, a flag of 2): both sides hash these bytes,
 * and a reader that smooths things over would agree on a meaning where the bytes differ.
 */
#include <string.h>

#include "wire/bytes.h"
#include "wire/hello.h"

static const char magic[] = "tunnel.hello"; /* both without their NUL */
static const char prologue_label[] = "tunnel.v1";

enum { ANSWER_NOISE = 1, ANSWER_REJECTION = 2 };

size_t hello_write(uint8_t *at, const struct hello *h)
{
	struct bytes_writer w = {.p = at, .cap = HELLO_MAX};
	bytes_put(&w, magic, sizeof magic - 1);
	bytes_put_u8(&w, h->version_count);
	bytes_put(&w, h->versions, h->version_count);
	bytes_put(&w, h->random, HELLO_RANDOM);
	bytes_put(&w, h->salt, HELLO_SALT);
	return w.n;
}

int hello_read(const uint8_t *p, size_t n, struct hello *hello_out)
{
	struct bytes_reader r = {.p = p, .n = n};
	struct hello h = {0};

	const uint8_t *m = bytes_take(&r, sizeof magic - 1);
	if (!m || memcmp(m, magic, sizeof magic - 1) != 0)
		return HELLO_E_MALFORMED;
	h.version_count = bytes_u8(&r);
	if (h.version_count == 0 || h.version_count > HELLO_VERSIONS_MAX)
		return HELLO_E_MALFORMED;
	bytes_copy(&r, h.versions, h.version_count);
	bytes_copy(&r, h.random, HELLO_RANDOM);
	bytes_copy(&r, h.salt, HELLO_SALT);
	if (!bytes_at_end(&r))
		return HELLO_E_MALFORMED;
	uint8_t before = 0;
	for (size_t i = 0; i < h.version_count; i++) {
		if (h.versions[i] <= before)
			return HELLO_E_MALFORMED;
		before = h.versions[i];
	}
	*hello_out = h;
	return 0;
}

size_t hello_write_first(uint8_t *at, uint8_t version, const uint8_t key_id[HELLO_KEY_ID])
{
	at[0] = version;
	memcpy(at + 1, key_id, HELLO_KEY_ID);
	return 1 + HELLO_KEY_ID;
}

int hello_read_first(const uint8_t *p, size_t n, struct hello_first *first_out)
{
	if (n != HELLO_FIRST)
		return HELLO_E_MALFORMED;
	first_out->version = p[0];
	memcpy(first_out->key_id, p + 1, HELLO_KEY_ID);
	first_out->noise = p + 1 + HELLO_KEY_ID;
	return 0;
}

size_t hello_write_answer(uint8_t *at)
{
	at[0] = ANSWER_NOISE;
	return 1;
}

size_t hello_write_rejection(uint8_t *at, enum hello_reason reason)
{
	at[0] = ANSWER_REJECTION;
	at[1] = (uint8_t)reason;
	return HELLO_REJECTION;
}

int hello_read_answer(const uint8_t *p, size_t n, struct hello_answer *answer_out)
{
	struct hello_answer answer = {0};
	if (n == HELLO_ANSWER && p[0] == ANSWER_NOISE)
		answer.noise = p + 1;
	else if (n == HELLO_REJECTION && p[0] == ANSWER_REJECTION)
		answer.reason = p[1];
	else
		return HELLO_E_MALFORMED;
	*answer_out = answer;
	return 0;
}

static void put_proof(struct bytes_writer *w, const struct hello_proof *proof)
{
	static const uint8_t absent[HELLO_CB];
	bytes_put_u8(w, (uint8_t)proof->tls);
	bytes_put_u8(w, proof->cb_present);
	bytes_put(w, proof->cb_present ? proof->cb : absent, HELLO_CB);
	bytes_put_u8(w, proof->seal_waived);
}

static bool read_flag(struct bytes_reader *r)
{
	uint8_t v = bytes_u8(r);
	if (v > 1)
		r->bad = true;
	return v == 1;
}

static void read_proof(struct bytes_reader *r, struct hello_proof *proof)
{
	static const uint8_t absent[HELLO_CB];
	proof->tls = read_flag(r) ? HELLO_TLS_13 : HELLO_TLS_NONE;
	proof->cb_present = read_flag(r);
	bytes_copy(r, proof->cb, HELLO_CB);
	proof->seal_waived = read_flag(r);
	if (proof->cb_present ? proof->tls != HELLO_TLS_13
			      : memcmp(proof->cb, absent, HELLO_CB) != 0)
		r->bad = true;
}

void hello_write_proof(uint8_t at[HELLO_PROOF], const struct hello_proof *proof)
{
	struct bytes_writer w = {.p = at, .cap = HELLO_PROOF};
	put_proof(&w, proof);
}

int hello_read_proof(const uint8_t *p, size_t n, struct hello_proof *proof_out)
{
	struct bytes_reader r = {.p = p, .n = n};
	struct hello_proof proof = {0};
	read_proof(&r, &proof);
	if (!bytes_at_end(&r))
		return HELLO_E_MALFORMED;
	*proof_out = proof;
	return 0;
}

void hello_write_result(uint8_t at[HELLO_RESULT], const struct hello_result *result)
{
	struct bytes_writer w = {.p = at, .cap = HELLO_RESULT};
	put_proof(&w, &result->proof);
	bytes_put_u8(&w, result->bound);
	bytes_put_u8(&w, result->sealed);
}

int hello_read_result(const uint8_t *p, size_t n, struct hello_result *result_out)
{
	struct bytes_reader r = {.p = p, .n = n};
	struct hello_result result = {0};
	read_proof(&r, &result.proof);
	result.bound = read_flag(&r);
	result.sealed = read_flag(&r);
	if (!bytes_at_end(&r))
		return HELLO_E_MALFORMED;
	*result_out = result;
	return 0;
}

void hello_agree(const struct hello_proof *a, const struct hello_proof *b, bool *bound_out,
	bool *sealed_out)
{
	/* In constant time: whoever learns a cb byte by byte could bind a connection in between. */
	uint8_t differ = 0;
	for (size_t i = 0; i < HELLO_CB; i++)
		differ |= a->cb[i] ^ b->cb[i];
	bool bound = a->tls == HELLO_TLS_13 && b->tls == HELLO_TLS_13 && a->cb_present &&
		     b->cb_present && differ == 0;
	*bound_out = bound;
	*sealed_out = !(bound || (a->seal_waived && b->seal_waived));
}

size_t hello_prologue(uint8_t *at, const uint8_t *hello, size_t n, uint8_t version,
	const uint8_t key_id[HELLO_KEY_ID])
{
	struct bytes_writer w = {.p = at, .cap = HELLO_PROLOGUE_MAX};
	bytes_put(&w, prologue_label, sizeof prologue_label - 1);
	bytes_put(&w, hello, n);
	bytes_put_u8(&w, version);
	bytes_put(&w, key_id, HELLO_KEY_ID);
	return w.n;
}

const char *hello_reason_name(unsigned reason)
{
	switch (reason) {
	case HELLO_REJECTED_KEY:
		return "the token is not known";
	case HELLO_REJECTED_VERSION:
		return "the protocol version is not spoken";
	case HELLO_REJECTED_BUSY:
		return "the server is busy";
	default:
		return "no reason that this version knows";
	}
}
