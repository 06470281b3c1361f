/* SPDX-License-Identifier: MIT */
#pragma once
/* How identities and their tokens are shown. */
#include "cli/verb.h"

/* Of the list. */
#define N_IDENTITY_COLUMNS 9
extern const struct column identity_columns[N_IDENTITY_COLUMNS];

/* One identity: a line for each thing, and a table of its tokens. 0 or an exit status. */
int token_show(struct call *c, const json_t *identity);
