/* SPDX-License-Identifier: MIT */
#pragma once
/* The parts of /metrics, for metrics.c. */
#include "server/metrics/metrics.h"
#include "server/route/service.h"

void metrics_http(struct exposition *e, const struct node *n);
void metrics_ports(struct exposition *e, const struct node *n);
void metrics_private(struct exposition *e, const struct registrar *r);
void metrics_links(struct exposition *e, const struct registrar *r);
void metrics_limits(struct exposition *e, const struct node *n);

/* As seen() in these files gathers them: the series of a kind, read once and written as several families. */
struct metrics_series {
	size_t n;
	struct metrics_row {
		char place[SERVICE_PLACE_SIZE];
		struct service_sum sum;
	} rows[SERIES_MAX + 2]; /* and the other places, and those that no service took */
};
/* NULL: memory is out. The caller frees it. Places are as labels show them. */
struct metrics_series *metrics_series_read(const struct node *n, enum series_kind kind);
