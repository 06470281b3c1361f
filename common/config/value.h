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

/*
 * Puts what the text says into the row's field: replaces a single value, appends to a list.
 * -EINVAL with a sentence, the field as it was; -ENOMEM likewise.
 */
int value_set(const struct option_row *row, void *values, struct str text, struct error *err);

/* Frees and, for a secret, wipes what the field owns; leaves it zeroed. */
void value_clear(const struct option_row *row, void *values);

/*
 * The value as one would type it, cut to `size`: lists with commas, secrets as "(set)", nothing as
 * "". Returns `to`.
 */
char *value_format(const struct option_row *row, void *values, char *to, size_t size);

/* The bare parsers and printers, for tests and other rooms. Whole text, no blanks; -EINVAL. */
int value_parse_number(struct str text, uint64_t *out);
int value_parse_duration(struct str text, uint64_t *us_out);
int value_parse_size(struct str text, uint64_t *bytes_out);
char *value_format_duration(uint64_t us, char *to, size_t size);
char *value_format_size(uint64_t bytes, char *to, size_t size);
