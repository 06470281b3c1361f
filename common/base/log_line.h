/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A line of the log as it is being written, into memory that its owner has. Inside the room only; everyone else sees
 * base/log.h.
 */
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "base/log.h"

/* What ends a line whatever came before: the mark of a cut, closing quote and brace, newline. */
#define LOG_LINE_TAIL 16

/* "2026-11-23T10:11:12.345Z" */
#define LOG_TIME_LEN 24

/* The last time written; only its milliseconds are made anew within a second. Before the first: second -1. */
struct log_stamp {
	time_t second;
	char text[LOG_TIME_LEN];
};

/* Where a line is being written; nothing goes behind `end`. */
struct log_line {
	char *p, *end;
};

void log_put(struct log_line *l, const char *p, size_t n);
#define log_put_literal(l, s) log_put((l), "" s, sizeof(s) - 1)
void log_put_number(struct log_line *l, uint64_t v);
/* Escaped, into at most `max` bytes. */
void log_put_escaped(struct log_line *l, struct str text, enum escape how, size_t max);
void log_put_time(struct log_line *l, struct log_stamp *s);

/* " name=value", or `,"name":value` in JSON. Those for which the line has no room are left out. */
void log_put_fields(struct log_line *l, const struct log_field *fields, size_t n,
	enum log_format format);
/* The brace that ends an object, for which there is always room. */
void log_put_end(struct log_line *l);

/* For an entry of the journal (base/journal.h), behind its message: what is empty there is left out. */
void log_put_entry_fields(struct log_line *l, const struct log_field *fields, size_t n);
