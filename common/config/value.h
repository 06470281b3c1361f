/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Text to value and back, for each type of option. Sentences say what is allowed and leave naming
 * the option and where its value came from to the caller (error_prefix).
 */
#include "base/error.h"
#include "base/str.h"
#include "config/option.h"

/* A list of ports or texts has an end, so that a slip does not become a thousand listeners. */
#define VALUE_LIST_MAX 1024

/* Makes the field empty without looking at what it holds. */
void value_zero(const struct option_row *row, void *values);

/*
 * Puts what the text says into the row's field: replaces a single value, appends to a list.
 * -EINVAL with a sentence, the field as it was; -ENOMEM likewise.
 */
int value_set(const struct option_row *row, void *values, struct str text, struct error *err);

/*
 * Appends an element to a group, with its defaults; what follows is put into option_group_last().
 * `place` is copied.
 */
int value_begin(const struct option_row *group, void *values, const char *place, struct error *err);

/* The same with every field empty, so that the element can be cleared whatever follows. 0 or -ENOMEM. */
int value_append_element(const struct option_row *group, struct option_group *g, const char *place);

/* Frees and, for a secret, wipes what the field owns; leaves it zeroed. */
void value_clear(const struct option_row *row, void *values);

/* Whether two structs have the same in this field; a group's places do not count. */
bool value_same(const struct option_row *row, void *values, void *others);

/* Makes it the same. -ENOMEM leaves it empty. */
int value_copy(const struct option_row *row, void *values, void *from);

/*
 * The value as one would type it, cut to `size`: lists with commas, secrets as "(set)", nothing as
 * "", a group as its elements with a semicolon between. Returns `to`.
 */
char *value_format(const struct option_row *row, void *values, char *to, size_t size);

/* The key, and the settings that are not as they are anyway: "tcp://a:22 port=2222". */
char *value_format_element(const struct option_row *group, void *element, char *to, size_t size);

/* "80,7000-7010", cut to `size`. Returns `to`. */
char *value_format_ranges(const struct option_ranges *ranges, char *to, size_t size);

/* The bare parsers and printers, for tests and other rooms. Whole text, no blanks; -EINVAL. */
int value_parse_flag(struct str text, bool *out);
int value_parse_number(struct str text, uint64_t *out);
int value_parse_duration(struct str text, uint64_t *us_out);
int value_parse_size(struct str text, uint64_t *bytes_out);
/* Of OPTION_NUMBER, OPTION_DURATION and OPTION_SIZE */
char *value_format_scalar(enum option_type type, uint64_t v, char *to, size_t size);
char *value_format_duration(uint64_t us, char *to, size_t size);
char *value_format_size(uint64_t bytes, char *to, size_t size);
