/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Names that usually mean a secret, of query parameters and fields: whatever shows a request to somebody masks
 * their values.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/*
 * Whether the name is known or ends like one that is, in any case, with or without '-', '_' and brackets between,
 * and however much of it is percent-encoded: X-Auth-Token, api_key, user[password].
 */
bool secret_name(struct str name);

/* The character that begins at `i`, percent-decoded; `*n_out`: by how many it is written, 1 or 3. */
char percent_character(struct str s, size_t i, size_t *n_out);
