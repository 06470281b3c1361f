/* SPDX-License-Identifier: MIT */
#pragma once
/* What tunnel top can show, of each side. */
#include "cli/any_side.h"
#include "cli/columns.h"

enum top_by { TOP_SERVICES, TOP_CLIENTS, TOP_REQUESTS, TOP_VIEWS };
enum top_sort { TOP_RATE, TOP_OUT, TOP_IN, TOP_OPEN, TOP_SORTS };

struct top_view {
	const char *list; /* the resource; NULL: that side has no such thing */
	const struct column *columns;
	size_t n;
	/* Members of its rows by which they are sorted, by enum top_sort; NULL: they stay in their order. */
	const char *sorts[TOP_SORTS];
};

const struct top_view *top_view(enum side side, enum top_by by);

/* A copy, the greatest first. NULL: memory is out. */
json_t *top_sorted(const json_t *rows, const char *member);

/* What the program carries together: a line; and with who it is in front, two. */
void top_rates(FILE *to, enum side side, const json_t *overview);
void top_head(FILE *to, enum side side, const json_t *info, const json_t *overview);
