/* SPDX-License-Identifier: MIT */
#pragma once
/* A whole copy of an open store, for backups and before migrations. */
#include "store/store_db.h"

/* Mode 0600, all of it or none. `replace`: in place of a file of that name, else -EEXIST. */
int store_copy(struct store *s, const char *file, bool replace, struct error *err);
