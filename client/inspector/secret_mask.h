/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Which fields of a message and which parameters of a query are secrets, and what is shown in their place.
 * Everything that leaves the inspector goes through here (client/inspector/capture_view.h). Bodies are not
 * searched.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"
#include "config/option.h"

/* What every hidden value begins with: four bullets. A replay takes the real value in place of such a text. */
#define SECRET_MASK           "\u2022\u2022\u2022\u2022"
/* The value of a hidden parameter, in a target or a link, where bullets have no place. */
#define SECRET_MASK_PARAMETER "****"

/* Of shorter values nothing is shown but their length: their last characters would be too much of them. */
#define SECRET_MASK_ENDS_FROM 16

struct secret_mask {
	const struct option_list
		*more;  /* names of fields and parameters besides ours; NULL: none */
	bool forgotten; /* what is hidden is not there any more, so nothing is told about it */
};

/* Whether a field of that name is hidden, as a whole or, of Cookie and Set-Cookie, in part. */
bool secret_mask_hides(const struct secret_mask *mask, struct str name);

/* Whether a parameter of that name, perhaps percent-encoded, is. */
bool secret_mask_hides_parameter(const struct secret_mask *mask, struct str name);

/*
 * Append to `out` what is shown: of a field's value; of a target or another text with links in it, whose
 * parameters begin behind '?', '&', ';' or '#'. 0 or -ENOMEM.
 */
int secret_mask_field(const struct secret_mask *mask, struct str name, struct str value,
	struct buf *out);
int secret_mask_link(const struct secret_mask *mask, struct str text, struct buf *out);

/*
 * The next parameter of such a text: its name and its value, which lie in it. False at the end. `*at` is 0
 * at first, then where the value begins, in which others may be.
 */
bool secret_mask_parameter(struct str text, size_t *at, struct str *name_out,
	struct str *value_out);
