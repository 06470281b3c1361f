/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Whose key was which: the first one that is seen of a name is remembered, and another one later is not believed, until
 * somebody says `tunnel key forget NAME`. They are kept in the file known_keys of the state directory, which all
 * clients of this user share, so what is not known here is looked up there, on a helper thread.
 *
 * Names are the caller's to make:
 *
 *	redis.k7m2q9x4p3ta		the provider of that alias; what stands behind the tag is not looked at
 *	redis@exit.example.org		the provider of a bare name there
 *	redis.k7m2q9x4p3ta/17		the consumer with that link id
 */
#include "base/list.h"
#include "base/log_limit.h"
#include "client/keys/key_list.h"
#include "config/kept_file.h"
#include "loop/offload.h"

#define KNOWN_KEYS_FILE "known_keys"

/* The rest of a sentence, for KNOWN_KEY_FULL. */
#define KNOWN_KEYS_FULL                                                                       \
	"no more keys can be remembered; forget those of a service that is gone: tunnel key " \
	"forget ALIAS"

/* Between two lines that nothing can be remembered. */
#define KNOWN_KEYS_LOG_EVERY (60 * CLOCK_S)

enum known_key {
	KNOWN_KEY_SAME, /* as remembered */
	KNOWN_KEY_NEW,  /* nothing was remembered; it is from here on */
	KNOWN_KEY_OTHER,
	KNOWN_KEY_NONE,   /* asked without a key: nothing is remembered of that name */
	KNOWN_KEY_FULL,   /* nothing was remembered, and there is no room for more */
	KNOWN_KEY_FAILED, /* what is remembered cannot be read: logged */
};

struct key_question {
	struct list link; /* known_keys::asking or ::asked, while there is no answer */
	size_t number;    /* of the job's items, when it is in ::asked */
	char name[KEY_NAME_SIZE];
	bool has_key; /* without: whether one is remembered */
	uint8_t key[KEY_PAIR_SIZE];
	/* `known` is the key that is remembered, with SAME and OTHER. Runs once, perhaps within known_keys_ask(). */
	void (*answered)(struct key_question *q, enum known_key answer, const uint8_t *known);
};

struct known_keys_job;

struct known_keys {
	struct loop *loop;
	struct offload *offload;
	char *dir;  /* owned; NULL: nothing is kept, and known to this process alone */
	bool alone; /* the file could not be written: what is known here is not all in it */
	struct key_list list; /* as it was read last */
	struct list asking, asked;
	struct known_keys_job *job; /* the offload's; NULL: none is under way */
	struct log_limit log_failed;
};

/*
 * Reads what is remembered in that directory, whose path is copied; NULL: there is none. Blocks. 0, or -errno with a
 * sentence; `k` is for known_keys_deinit() in any case.
 */
int known_keys_init(struct known_keys *k, struct loop *loop, struct offload *offload,
	const struct kept_dir *dir, struct error *err);
/* Questions without an answer get none. Accepts zeroed memory. */
void known_keys_deinit(struct known_keys *k);

/* Fill in the question but for its list. */
void known_keys_ask(struct known_keys *k, struct key_question *q);
/* No answer comes any more. Accepts zeroed memory, and one that is answered. */
void key_question_cancel(struct key_question *q);

/* Removes a name, and those that begin with it and '/' or '@', from the file. Blocks. */
int known_keys_forget(const struct kept_dir *dir, const char *name, size_t *n_out,
	struct error *err);
