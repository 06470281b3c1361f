/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Detects what a web page, an editor or a messenger does to a command before it reaches a shell, and quotes
 * or variables that no shell has evaluated. The sentence names the character, since a terminal shows hardly
 * any of them.
 */
#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"
#include "config/option.h"

/*
 * A word where an option, an operand or a command may stand: blanks alone, a dash that is no hyphen, curly
 * quotes, a blank that the shell does not split at, two words in one. `t` knows the options' names; NULL:
 * there are none. 0, or -EINVAL with a sentence.
 */
int formatting_check_word(const struct option_table *t, const char *word, struct error *err);

/*
 * An option's value, from wherever it came: curly or left-over quotes around it, another option in it, a
 * variable that nothing replaced, a carriage return. The sentence leaves the option to the caller and shows
 * nothing of the value, which may be a secret. 0, or -EINVAL.
 */
int formatting_check_value(const struct option_table *t, struct str value, struct error *err);

/* Whether there is a blank in it that only looks like one. */
bool formatting_has_blank(struct str text);

/* A name in a file: no sign of formatting belongs into it. 0, or -EINVAL with a sentence. */
int formatting_check_key(const char *key, struct error *err);
