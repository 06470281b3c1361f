/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Private services as values: what the store keeps of one, whether anybody publishes it now or not. Its name is its
 * owner's for as long as it is on the books.
 *
 * One that was deleted stays, without being found by whoever asks for it, until the last endpoint at it is gone;
 * its owner may publish the name again meanwhile: it is the same private service with a new tag, so that aliases
 * that were handed over before are void, and the endpoints of before stay Disconnected.
 */
#include <stdbool.h>
#include <stdint.h>

#include "policy/alias.h"
#include "policy/name_list.h"
#include "policy/timestamp.h"
#include "wire/frame.h"

/* That an identity may have on the books: far above what a machine offers, some 400 KiB of memory. */
#define POLICY_SERVICES_MAX 1024

/* Bytes of the public half of an end-to-end key (X25519). All zeros, which is nobody's, stands for none. */
#define POLICY_KEY_SIZE 32

enum policy_service_kind { POLICY_TCP = FRAME_KIND_TCP, POLICY_UDP = FRAME_KIND_UDP };

/* "tcp", "udp" */
const char *policy_service_kind_name(enum policy_service_kind kind);

struct policy_private_service {
	uint64_t id; /* from 1; 0: not stored yet */
	char *name;  /* owned, a policy_text_new(), as the other texts are; never NULL after init */
	char *display; /* the name as it was given, for people */
	char *tag;
	uint64_t owner; /* its id */
	enum policy_service_kind kind;
	char *visibility;    /* who may ask for it, a list of policy/name_list.h */
	char *auto_approval; /* who need not wait: of those */
	char *fqdns;         /* host names by which consumers may call it, with commas between */
	char *description;   /* for people */
	/* Its owner's, for which streams are sealed; zeros: they are not */
	uint8_t e2e_key[POLICY_KEY_SIZE];
	bool managed; /* the lists that are kept here count, not those that its client states */
	bool deleted;
	uint64_t created_at, updated_at; /* policy/timestamp.h */
	uint64_t rev;                    /* the store's revision at which it changed last */
};

/*
 * A new one with a tag of its own, created now, for its owner alone. `display` is a name that policy_name_check()
 * takes. 0 or -ENOMEM, `s` zeroed.
 */
int policy_private_service_init(struct policy_private_service *s, const char *display,
	uint64_t owner, enum policy_service_kind kind);
/* 0, or -ENOMEM with `to` zeroed. */
int policy_private_service_copy(struct policy_private_service *to,
	const struct policy_private_service *from);
/* Accepts zeroed memory. */
void policy_private_service_deinit(struct policy_private_service *s);

/*
 * Sets both lists, each as policy_list_check() makes it. NULL: as it is. 0; -EINVAL with a sentence, and nothing
 * has changed: somebody need not wait who may not ask; -ENOMEM.
 */
int policy_private_service_set_lists(struct policy_private_service *s, const char *visibility,
	const char *auto_approval, struct error *err);

/* Deleted once, it is published again: a new tag, and no deleted one any more. 0 or -ENOMEM. */
int policy_private_service_revive(struct policy_private_service *s);

/* Whether there is one: it is not all zeros. */
bool policy_key_given(const uint8_t key[POLICY_KEY_SIZE]);

/*
 * Whether somebody may ask for it: its owner; who is on its list; everybody if "@all" is; if "*" is, whoever names
 * it by its alias, not by its bare name alone. Nobody may ask for one that is deleted.
 */
bool policy_visible(const struct policy_private_service *s, const char *identity, bool is_owner,
	bool by_alias);

/* Whether who may ask need not wait for an approval: "*" and "@all" are one here. Its owner never waits. */
bool policy_auto_approves(const struct policy_private_service *s, const char *identity);
