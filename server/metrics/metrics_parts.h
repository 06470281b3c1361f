/* SPDX-License-Identifier: MIT */
#pragma once
/* For metrics.c, and those who write its parts. */
#include "server/metrics/metrics.h"
#include "server/route/service.h"

/* The series of a kind, read once and written as several families. */
struct metrics_series {
	size_t n;
	struct metrics_row {
		char place[SERVICE_PLACE_SIZE]; /* as labels show it */
		struct service_sum sum;
	} rows[]; /* also of the other places, and of those that no service took */
};
/* NULL: memory is out. The caller frees it. */
struct metrics_series *metrics_series_read(const struct node *n, enum series_kind kind);

/* The parts of /metrics. */
void metrics_http(struct exposition *e, const struct node *n, const struct metrics_series *s);
void metrics_ports(struct exposition *e, const struct node *n, const struct metrics_series *tcp,
	const struct metrics_series *udp);
void metrics_private(struct exposition *e, const struct registrar *r,
	const struct metrics_series *s);
void metrics_rules(struct exposition *e, const struct node *n);
/* `kinds`: of each enum series_kind. */
void metrics_links(struct exposition *e, const struct registrar *r,
	struct metrics_series *const *kinds);
void metrics_limits(struct exposition *e, const struct node *n);
