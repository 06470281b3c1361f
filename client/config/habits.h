/* SPDX-License-Identifier: MIT */
#pragma once
/* What the client answers to other programs' options; for its option tables. */
#include "config/option.h"

extern const struct option_habit client_habits[];  /* ends with an empty one */
extern const struct option_habit connect_habits[]; /* the same, of tunnel connect */
