/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the server remembers between two starts: its salt, and the token it made when it was given
 * none (rule 5, issue B). Two small files in one directory of mode 0700, each 0600, written whole or
 * not at all.
 */
#include <stdbool.h>

#include "base/error.h"
#include "crypto/digest.h"
#include "crypto/token.h"

/* Names in the state directory; the store's are store/store.h's */
#define STATE_DIR_SALT_FILE    "salt"       /* 16 random bytes in hexadecimal, and a newline */
#define STATE_DIR_COOKIE_FILE  "cookie.key" /* 32 random bytes in hexadecimal, and a newline */
#define STATE_DIR_TOKEN_FILE   "token"      /* as token_random() makes it, and a newline */
#define STATE_DIR_ADMIN_SOCKET "admin.sock" /* also in the runtime directory, where there is one */

/* Outcome of state_dir_open(): the salt is for this start only. */
#define STATE_DIR_VOLATILE 1

struct state_dir {
	char *dir;            /* owned; absolute if the option was */
	char *token_path;     /* owned; set with `token` */
	struct secret *token; /* owned; NULL when the server was given its own */
	bool token_made;      /* at this start */
	uint8_t salt[TOKEN_SALT_SIZE];
};

#define STATE_DIR_NULL ((struct state_dir){0})

/*
 * Finds the directory (`option`: --state-dir or NULL; else $STATE_DIRECTORY, else
 * $XDG_STATE_HOME/tunnel, else ~/.local/state/tunnel), makes it if need be, reads or makes the salt
 * and, with `need_token`, the token. Blocks: for the start only. On every non-zero result `err` has a
 * sentence that names the path:
 *
 *	STATE_DIR_VOLATILE	nothing can be kept, but no token is needed: the salt is fresh, to be warned of
 *	-errno		the token cannot be kept or read, others can read or change it, or a file is
 *			damaged; also without `need_token` when a salt is there but is not clean
 */
int state_dir_open(struct state_dir *s, const char *option, bool need_token, struct error *err);

/* The directory's name alone, which the caller frees; NULL, with errno 0 when nobody says where it could be. */
char *state_dir_find(const char *option);

/*
 * The key of cookies, read or made there (`option` as above). Blocks. < 0 with a sentence: it is of this process
 * alone, drawn at random.
 */
int state_dir_cookie_key(const char *option, uint8_t key_out[MAC_KEY_SIZE], struct error *err);

/*
 * Whether state_dir_open() would find or make a token there: 0, or -errno with a sentence. Makes nothing.
 */
int state_dir_inspect(const char *option, struct error *err);

/* Wipes the token. Accepts zeroed memory. */
void state_dir_deinit(struct state_dir *s);
