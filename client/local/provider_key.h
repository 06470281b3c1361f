/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Whether the key that an exit node says is a provider's may be believed: where the alias has keys behind its '#', it
 * must be one of these; else it is the one that was seen first. A service that was sealed end to end once, or that is
 * to be, is not used without: the exit node could read it then.
 */
#include "client/config/local_service.h"
#include "client/keys/client_keys.h"

struct provider_key {
	/* As `attached` says it. */
	uint32_t link; /* the consumer's link id */
	bool given;    /* else streams go as they come */
	bool aes;
	uint8_t key[KEY_PAIR_SIZE];

	struct key_question question;
	/* NULL: it may be used so; else why not, the rest of a sentence. May run within provider_key_check(). */
	void (*checked)(struct provider_key *p, const char *why);
};

/* Fill in what stands first, and `checked`. `remote`: whose a bare name is. One check at a time. */
void provider_key_check(struct provider_key *p, const struct local_service *service,
	struct client_keys *keys, const char *remote);
/* checked() does not come any more. Accepts zeroed memory. */
void provider_key_cancel(struct provider_key *p);
