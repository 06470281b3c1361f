/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a scraper reads: Prometheus' text format 0.0.4, or OpenMetrics 1.0, which differ in the names of counters'
 * families and in the last line. Families are written one after another, each with all its samples.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/histogram.h"
#include "base/str.h"

enum exposition_type {
	EXPOSITION_COUNTER,
	EXPOSITION_GAUGE,
	EXPOSITION_HISTOGRAM,
	/*
	 * A counter beside a gauge that has its name without "_total". OpenMetrics has no two families of one name,
	 * so there its type is unknown.
	 */
	EXPOSITION_TWIN,
};

/* Made of zeros, but for `open_metrics`. */
struct exposition {
	bool open_metrics;
	struct buf out;     /* owned; the text so far */
	bool failed;        /* memory was out: the text is nothing */
	const char *family; /* borrowed until the next */
	enum exposition_type type;
};

/* Whether an Accept field (RFC 9110, 12.5.1; NULL: there is none) has OpenMetrics 1.0 among what it takes. */
bool exposition_accepts_open_metrics(const char *accept);
const char *exposition_content_type(const struct exposition *e);

/* A counter's name has no "_total" here. Both are constants. `help` is a sentence without what needs escapes. */
void exposition_family(struct exposition *e, const char *name, enum exposition_type type,
	const char *help);

/* One sample: pairs of a label's name and its value, and a NULL. Values are escaped. */
void exposition_sample(struct exposition *e, double value, ...) __attribute__((sentinel));
/* The same of a histogram, with one label, or with none (`label` NULL). */
void exposition_histogram(struct exposition *e, const struct histogram_sum *h, const char *label,
	const char *value);

/* A family of one sample that has no labels. */
void exposition_counter(struct exposition *e, const char *name, const char *help, double value);
void exposition_gauge(struct exposition *e, const char *name, const char *help, double value);

/* Behind the last: the text, which is the caller's to free, and its length. NULL: memory was out. */
char *exposition_finish(struct exposition *e, size_t *n_out);
