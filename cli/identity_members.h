/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What an identity is made of, by its two names: the option's, and the member's in JSON. A value is read by the
 * option's row wherever it stands, on the command line or in a file.
 */
#include <jansson.h>

#include "cli/admin_options.h"
#include "config/config.h"

/* The rows, of every verb that makes or changes an identity. */
extern const struct option_row identity_rows[];
extern const size_t n_identity_rows;

/* The name in JSON; NULL: the option is none of an identity. */
const char *identity_member(const char *option);

/* The row of a name in a file: the member's, or the option's. NULL: there is none. */
const struct option_row *identity_row(const char *name);

/* Puts the value that is in `o` into the object; what was cleared as null. 0 or -1: no memory. */
int identity_put(json_t *object, const struct option_row *row, struct admin_options *o);

/* The same for all that were given. */
int identity_put_given(json_t *object, const struct config *c, struct admin_options *o);
