/* SPDX-License-Identifier: MIT */
#pragma once
/* What was typed where a command stands, and is none: told for what it is. */
#include <stddef.h>

#include "base/error.h"

/* The sentence that says what to type instead; `commands` are the `n` that there are. */
void first_word_explain(const char *word, const char *const *commands, size_t n, struct error *err);
