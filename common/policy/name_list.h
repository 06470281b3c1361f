/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Who may ask for a private service, and who need not wait: identities' names with commas between. Besides names
 * there are "*", anybody who has the alias, and "@all", every identity of the exit node, by the bare name as well.
 * "" is nobody, but for the owner, whom no list has to name.
 *
 * A list is kept in one form: lower case, in order, each once; "@all" stands alone, since it is everybody.
 */
#include <stdbool.h>

#include "policy/name.h"

#define POLICY_LIST_ANY "*"
#define POLICY_LIST_ALL "@all"

/* Bytes of a list: 64 of the longest names. As long as what a message has room for (CONTROL_LIST). */
#define POLICY_LIST_MAX 4096

/*
 * The list as it is kept, a policy_text_new(). `what` is what it is called in the sentence. 0; -EINVAL with a
 * sentence (a member is no name, there is none between two commas, it is too long); -ENOMEM.
 */
int policy_list_check(struct str text, const char *what, char **list_out, struct error *err);

/*
 * Host names with commas between, which may have a wildcard: those by which a private service is called besides its
 * own. Likewise.
 */
int policy_fqdns_check(struct str text, const char *what, char **list_out, struct error *err);

/* ---- Of lists as they are kept ---- */

/* Whether a member is this, whatever "*" and "@all" mean. */
bool policy_list_has(const char *list, struct str member);

/*
 * Whether everybody of `part` is in `whole`: a name is in "*" and in "@all", and "*" in "@all". If not,
 * `missing_out` is the first member that is not, a view of `part`.
 */
bool policy_list_within(const char *part, const char *whole, struct str *missing_out);
