/* SPDX-License-Identifier: MIT */
#pragma once
/* What the server answers to other programs' options; for its option table. */
#include "config/option.h"

extern const struct option_habit server_habits[]; /* ends with an empty one */
