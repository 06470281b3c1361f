/* SPDX-License-Identifier: MIT */
#pragma once
/* Lists of networks ("10.0.0.0/8, ::1"), such as those of trusted proxies. */
#include "base/error.h"
#include "wire/address.h"

struct cidr {
	struct address net; /* no bit set after the first `bits`; without a zone it is any */
	uint8_t bits;
};

struct cidr_list {
	struct cidr *items; /* owned */
	size_t n;
};

#define CIDR_LIST_NULL ((struct cidr_list){0})

/*
 * One network, of this machine's configuration, so with a zone: "fe80::%eth0/64". An address without a
 * length is itself. 0, or -EINVAL with a sentence.
 */
int cidr_parse(struct str text, struct cidr *out, struct error *err);

bool cidr_has(const struct cidr *c, const struct address *a);

/*
 * Appends what a comma-separated text names, white space around allowed; nothing for an empty text.
 * On failure (-EINVAL, -ENOMEM, with a sentence) the list is as it was.
 */
int cidr_list_add(struct cidr_list *l, struct str text, struct error *err);

/* False for an address of no family, whatever the list says. */
bool cidr_list_has(const struct cidr_list *l, const struct address *a);

void cidr_list_deinit(struct cidr_list *l);
