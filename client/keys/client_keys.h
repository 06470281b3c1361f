/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The keys of end to end that this client has: its own, by which others know it; whose key was which; and, of a
 * provider, a list of whom it takes (--known-keys). They are read when something needs them first, and the list with
 * each reload.
 */
#include "client/config/options.h"
#include "client/keys/known_keys.h"

/* Why a key is not believed: two keys and what to do. */
#define CLIENT_KEYS_WHY 512

struct client_keys {
	bool has_own;
	struct key_pair
		own; /* at the same place for the client's life; it never changes once it is there */
	struct error why_not; /* without: the sentence about that */
	bool remembers;       /* `known` is there */
	struct known_keys known;
	bool listed; /* --known-keys: `consumers` alone counts */
	struct key_list consumers;
};

/* Whether what the options publish or use may need a key; and whether it cannot do without. */
bool client_keys_needed(const struct client_options *o);
bool client_keys_insisted(const struct client_options *o);

/*
 * Reads what the options need, at the start and with each reload: what is there stays, but for the list. Blocks. 0; or
 * -errno with a sentence, when something is insisted on that is not there or cannot be read, and what was before is in
 * force. Without that its own key may be missing: `why_not`. `k` is zeroed before the first time.
 */
int client_keys_load(struct client_keys *k, struct loop *loop, struct offload *offload,
	const struct client_options *o, struct error *err);
/* Whether files that the options name, or that are kept, can be read so. Makes nothing. 0 or -errno with a sentence. */
int client_keys_inspect(const struct client_options *o, struct error *err);
/* Accepts zeroed memory. */
void client_keys_deinit(struct client_keys *k);

/* The name by which an alias is remembered: NAME.TAG, or NAME@REMOTE of a bare name. */
void client_keys_name(const char *alias, const char *remote, char name_out[KEY_NAME_SIZE]);
/* And that of the consumer with a link id at a private service of this client's, by its alias. */
void client_keys_consumer_name(const char *alias, uint32_t link, char name_out[KEY_NAME_SIZE]);

/* The rest of a sentence about somebody who shows another key than the one that is remembered by that name. */
void client_keys_explain(const uint8_t shown[KEY_PAIR_SIZE], const uint8_t known[KEY_PAIR_SIZE],
	const char *name, char why_out[CLIENT_KEYS_WHY]);
