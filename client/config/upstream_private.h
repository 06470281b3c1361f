/* SPDX-License-Identifier: MIT */
#pragma once
/* What --private and the options with it say: a service without a public name or port. */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "net/dial_source.h"

struct part;
struct option_list;
struct service_options;

/* Azure's NAT has as many: 8 times 28,000 connections to one upstream. */
#define UPSTREAM_SOURCES_MAX 8

/* All of it is owned. */
struct upstream_private {
	char *name; /* in lower case; NULL: it is public, and the rest is not there */
	/* Lists as the exit node takes them; NULL: not said. */
	char *visibility, *auto_approve, *fqdns;
	char *on_pending;            /* a program; NULL: none */
	bool end_to_end;             /* streams are sealed between the two clients */
	struct dial_source *sources; /* where connections to the upstream come from */
	size_t n_sources;            /* 0: wherever the kernel picks */
};

/*
 * Whether what is said of a private service fits an upstream that is one, or is not there for one that is not. 0,
 * or -EINVAL with a sentence.
 */
int upstream_check_private(const struct part *p, bool alone, struct error *err);

/* The words with commas between, owned; NULL for none. 0, -EINVAL or -ENOMEM with a sentence about `option`. */
int upstream_list_text(const struct option_list *list, const char *option, char **out,
	struct error *err);

/* 0, -EINVAL with a sentence, or -ENOMEM; `out` is for upstream_private_deinit() in any case. */
int upstream_private_init(struct upstream_private *out, const struct service_options *o,
	struct error *err);
/* Likewise. */
int upstream_private_copy(struct upstream_private *to, const struct upstream_private *from);
void upstream_private_deinit(struct upstream_private *v);
bool upstream_private_same(const struct upstream_private *a, const struct upstream_private *b);

/* Where connections for the consumer with this link id come from. */
static inline struct dial_sources upstream_private_sources(const struct upstream_private *v,
	uint32_t link)
{
	return (struct dial_sources){.v = v->sources, .n = v->n_sources, .party = link};
}
