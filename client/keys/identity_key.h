/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The key by which other clients know this one, whatever their exit node says: in a file of --identity-key, which
 * several clients may have that are to be one party; else in the state directory, where it is made on first need.
 * Everything here blocks: for starts, reloads and commands.
 */
#include "config/kept_file.h"
#include "crypto/key_pair.h"

#define IDENTITY_KEY_FILE "identity.key"
/* The state directory's name below the user's. */
#define CLIENT_STATE_NAME "tunnel-client"

/* Reads a file that somebody else made. `warning_out` has a sentence or "". 0 or -errno with a sentence. */
int identity_key_read(const char *path, struct key_pair *out, struct error *warning_out,
	struct error *err);

/* Reads the one that is kept, or makes it. */
int identity_key_keep(const struct kept_dir *dir, struct key_pair *out, bool *made_out,
	struct error *err);

/* Whether there is one: 0, KEPT_NONE, or as above. */
int identity_key_kept(const struct kept_dir *dir, struct key_pair *out, struct error *err);

/* Another one in its place. */
int identity_key_renew(const struct kept_dir *dir, struct key_pair *out, struct error *err);
