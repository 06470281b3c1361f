/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Whether a key that a stream begins with is its consumer's: by the list of --known-keys, or else by the key that was
 * seen first of that link id.
 */
#include "client/keys/client_keys.h"
#include "client/publish/publication.h"

struct consumer_key {
	struct client_keys *keys;
	const struct publication *pub;
	const struct frame_open *open; /* whose stream it is */
	uint8_t key[KEY_PAIR_SIZE];
	struct key_question question;
	/* NULL: the consumer may; else why not, the rest of a sentence. May run within consumer_key_check(). */
	void (*checked)(struct consumer_key *c, const char *why);
};

/* Fill in what stands first, and `checked`. One check at a time. */
void consumer_key_check(struct consumer_key *c, const uint8_t key[KEY_PAIR_SIZE]);
/* checked() does not come any more. Accepts zeroed memory. */
void consumer_key_cancel(struct consumer_key *c);
