/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the SQLite file looks like, and how it came to look so: script n takes a file of version n to version
 * n + 1, so the first makes a new one. `user_version` in the file says which it is.
 */
#include "store/store_migrate.h"

#define STORE_VERSION 3

extern const struct store_script store_scripts[STORE_VERSION];
