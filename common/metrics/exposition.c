/* SPDX-License-Identifier: MIT */
#include "metrics/exposition.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

#define NUMBER_SIZE 32

/* Whether a parameter "q=0", in one of its spellings, refuses the range. */
static bool is_refused(const char *parameters, size_t n)
{
	const char *q = memmem(parameters, n, "q=", 2);
	if (!q)
		return false;
	for (q += 2; q < parameters + n && *q != ';'; q++)
		if (*q >= '1' && *q <= '9')
			return false;
	return true;
}

bool exposition_accepts_open_metrics(const char *accept)
{
	static const char type[] = "application/openmetrics-text";
	while (accept && *accept) {
		accept += strspn(accept, " \t,");
		size_t n = strcspn(accept, ",");
		const char *version = memmem(accept, n, "version=", 8);
		if (n >= sizeof(type) - 1 && strncasecmp(accept, type, sizeof(type) - 1) == 0 &&
			(!version || strncmp(version, "version=1.0.0", 13) == 0) &&
			!is_refused(accept, n))
			return true;
		accept += n;
	}
	return false;
}

const char *exposition_content_type(const struct exposition *e)
{
	return e->open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
			       : "text/plain; version=0.0.4; charset=utf-8";
}

static void put(struct exposition *e, const char *p, size_t n)
{
	e->failed |= buf_append(&e->out, p, n) < 0;
}

static void put_text(struct exposition *e, const char *text)
{
	put(e, text, strlen(text));
}

static void put_number(struct exposition *e, double value)
{
	char text[NUMBER_SIZE];
	bool whole = fabs(value) < 9007199254740992.0 && value == floor(value);
	put(e, text, (size_t)snprintf(text, sizeof(text), whole ? "%.0f" : "%.9g", value));
}

static void put_escaped(struct exposition *e, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			put(e, "\\n", 2);
		else if (*text == '"' || *text == '\\')
			put(e, (const char[]){'\\', *text}, 2);
		else
			put(e, text, 1);
	}
}

static void put_label(struct exposition *e, const char *name, const char *value, bool *first)
{
	put_text(e, *first ? "{" : ",");
	*first = false;
	put_text(e, name);
	put_text(e, "=\"");
	put_escaped(e, value);
	put_text(e, "\"");
}

static void put_value(struct exposition *e, double value, bool bare)
{
	put_text(e, bare ? " " : "} ");
	put_number(e, value);
	put_text(e, "\n");
}

void exposition_family(struct exposition *e, const char *name, enum exposition_type type,
	const char *help)
{
	static const char *const types[] = {"counter", "gauge", "histogram", "unknown"};
	if (type == EXPOSITION_TWIN && !e->open_metrics)
		type = EXPOSITION_COUNTER;
	bool total = type == EXPOSITION_TWIN || (type == EXPOSITION_COUNTER && !e->open_metrics);
	const char *suffix = total ? "_total" : "";
	e->family = name;
	e->type = type;
	const char *const parts[] = {"# HELP ", name, suffix, " ", help, "\n# TYPE ", name, suffix,
		" ", types[type], "\n"};
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		put_text(e, parts[i]);
}

void exposition_sample(struct exposition *e, double value, ...)
{
	bool first = true;
	va_list ap;
	put_text(e, e->family);
	if (e->type == EXPOSITION_COUNTER || e->type == EXPOSITION_TWIN)
		put_text(e, "_total");
	va_start(ap, value);
	for (const char *name; (name = va_arg(ap, const char *));)
		put_label(e, name, va_arg(ap, const char *), &first);
	va_end(ap);
	put_value(e, value, first);
}

static void put_part(struct exposition *e, const char *suffix, double value, const char *label,
	const char *text, const char *le)
{
	bool first = true;
	put_text(e, e->family);
	put_text(e, suffix);
	if (label)
		put_label(e, label, text, &first);
	if (le)
		put_label(e, "le", le, &first);
	put_value(e, value, first);
}

void exposition_histogram(struct exposition *e, const struct histogram_sum *h, const char *label,
	const char *value)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		char le[NUMBER_SIZE] = "+Inf";
		n += h->buckets[i];
		if (i < HISTOGRAM_BOUNDS)
			snprintf(le, sizeof(le), "%g", (double)histogram_bounds[i] / CLOCK_S);
		put_part(e, "_bucket", (double)n, label, value, le);
	}
	put_part(e, "_sum", (double)h->sum / CLOCK_S, label, value, NULL);
	put_part(e, "_count", (double)n, label, value, NULL);
}

void exposition_counter(struct exposition *e, const char *name, const char *help, double value)
{
	exposition_family(e, name, EXPOSITION_COUNTER, help);
	exposition_sample(e, value, NULL);
}

void exposition_gauge(struct exposition *e, const char *name, const char *help, double value)
{
	exposition_family(e, name, EXPOSITION_GAUGE, help);
	exposition_sample(e, value, NULL);
}

char *exposition_finish(struct exposition *e, size_t *n_out)
{
	if (e->open_metrics)
		put_text(e, "# EOF\n");
	char *text = e->failed ? NULL : malloc(buf_len(&e->out) + 1);
	if (text) {
		*n_out = buf_len(&e->out);
		memcpy(text, buf_head(&e->out), *n_out);
		text[*n_out] = 0;
	}
	buf_deinit(&e->out);
	return text;
}
