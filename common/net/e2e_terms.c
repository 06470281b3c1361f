/* SPDX-License-Identifier: MIT */
/* What streams of bytes and of datagrams have in common, end to end: states, suites, and what the handshake binds. */
#include <string.h>

#include "base/state.h"
#include "net/e2e_internal.h"

#define LABEL_MAX 24 /* bytes */

void e2e_step(enum e2e_state *state, enum e2e_state to)
{
	static const char *const names[] = {"none", "to write the first message",
		"to read the second message", "to read the first message", "asked", "up", "over"};
	static const uint8_t legal[] = {
		[E2E_NONE] = 1 << E2E_WRITE_FIRST | 1 << E2E_READ_FIRST,
		[E2E_WRITE_FIRST] = 1 << E2E_READ_SECOND | 1 << E2E_OVER,
		[E2E_READ_SECOND] = 1 << E2E_UP | 1 << E2E_OVER,
		[E2E_READ_FIRST] = 1 << E2E_ASKED | 1 << E2E_OVER,
		[E2E_ASKED] = 1 << E2E_UP | 1 << E2E_OVER,
		[E2E_UP] = 1 << E2E_OVER,
		[E2E_OVER] = 0,
	};
	static const struct state_table table = {"end to end", names, legal};
	state_step(&table, *state, to);
	*state = to;
}

enum seal_suite e2e_suite(bool aes)
{
	return aes && seal_has_aes() ? SEAL_AESGCM : SEAL_CHACHAPOLY;
}

bool e2e_read_suite(uint8_t byte, enum seal_suite *out)
{
	bool chacha = byte == e2e_suite_byte(SEAL_CHACHAPOLY);
	if (!chacha && (byte != e2e_suite_byte(SEAL_AESGCM) || !seal_has_aes()))
		return false;
	*out = chacha ? SEAL_CHACHAPOLY : SEAL_AESGCM;
	return true;
}

void e2e_handshake_init(struct handshake *hs, const struct e2e_terms *terms,
	const struct key_pair *own, const uint8_t *peer)
{
	uint8_t prologue[LABEL_MAX + 1 + E2E_SERVICE_MAX + 1 + 4];
	size_t name = strlen(terms->service) + 1, n = strnlen(terms->label, LABEL_MAX);
	memcpy(prologue, terms->label, n);
	prologue[n++] = e2e_suite_byte(terms->suite);
	memcpy(prologue + n, terms->service, name);
	bytes_set_be32(prologue + n + name, terms->link);
	struct handshake_keys keys = {.own = own, .peer = peer};
	handshake_init_ik(hs, terms->suite, prologue, n + name + 4, &keys);
}
