/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What an identity may claim, publish, consume, and where it may come from. Each grant is a text, as people
 * give it and the store keeps it; what is kept of it is parsed, so that asking allocates nothing.
 * Grants of a kind are in order, each once: two identities with the same grants are equal, in whatever order
 * they were given.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "config/option.h"
#include "wire/cidr.h"
#include "wire/hostname.h"

/* Numbers of the store: they never change. */
enum policy_grant_kind {
	POLICY_HOST = 1, /* "a.example.org", "*.b.example.org"; "*": each host, and the catch-all */
	POLICY_TCP_PORT, /* "2222", "7000-7010"; "0": each that the server allows at all */
	POLICY_UDP_PORT,
	POLICY_PUBLISH, /* private services: "redis", "super-*", "*" */
	POLICY_CONSUME, /* likewise; none: each, as far as its owner lets */
	POLICY_FROM,    /* "192.0.2.0/24", "2001:db8::/32"; none: from anywhere */
	POLICY_GRANT_KINDS,
};

/* Of one kind: as many as an option's list takes. They are looked at one after the other at each claim. */
#define POLICY_GRANTS_MAX 1024

/* Bytes of a grant's text with its NUL: a host name is the longest. */
#define POLICY_GRANT_SIZE HOSTNAME_SIZE

struct policy_grant {
	enum policy_grant_kind kind;
	union {
		struct option_range ports; /* {0, 0}: each */
		char *text;                /* a host or a pattern, canonical; owned */
		struct cidr *network;      /* owned */
	};
};

struct policy_grants {
	struct policy_grant_array *all; /* in the order of their kinds; NULL: none. Owned */
};

/* Some of them, borrowed until they change. */
struct policy_grant_slice {
	struct policy_grant *v;
	size_t n;
};

#define POLICY_GRANTS_NULL ((struct policy_grants){0})

/*
 * Adds what a text says; one that is there already changes nothing. -EINVAL with a sentence (a range that ends
 * before it begins, a network with a zone, which means nothing on another machine); -ENOMEM.
 */
int policy_grants_add(struct policy_grants *g, enum policy_grant_kind kind, struct str text,
	struct error *err);

struct policy_grant_slice policy_grants_of(const struct policy_grants *g,
	enum policy_grant_kind kind);

size_t policy_grants_count(const struct policy_grants *g, enum policy_grant_kind kind);

char *policy_grant_text(const struct policy_grant *grant, char to[POLICY_GRANT_SIZE]);

/* The text of the i-th of a kind. Returns `to`. */
char *policy_grants_text(const struct policy_grants *g, enum policy_grant_kind kind, size_t i,
	char to[POLICY_GRANT_SIZE]);

bool policy_grants_same(const struct policy_grants *a, const struct policy_grants *b);

/* 0, or -ENOMEM with `to` empty. */
int policy_grants_copy(struct policy_grants *to, const struct policy_grants *from);
void policy_grants_clear(struct policy_grants *g, enum policy_grant_kind kind);
void policy_grants_deinit(struct policy_grants *g);

/*
 * Whether a host may be claimed. It is canonical, as hostname_claim() makes it; "" is the catch-all, which only
 * "*" gives. A wildcard is given by itself, and by a wider one.
 */
bool policy_may_host(const struct policy_grants *g, struct str host);
/* The grant that gives it, or NULL. Good until the grants change. */
const char *policy_host_grant(const struct policy_grants *g, struct str host);

/* `n` ports in a row, 1 or more; `first` 0: a port of the server's choosing, which only "0" gives. */
bool policy_may_ports(const struct policy_grants *g, enum policy_grant_kind kind, uint16_t first,
	unsigned n);

/* Names as policy_name_check() makes them. */
bool policy_may_publish(const struct policy_grants *g, struct str name);
bool policy_may_consume(const struct policy_grants *g, struct str name);

/* False for an address of no family where there is such a grant. */
bool policy_may_come_from(const struct policy_grants *g, const struct address *peer);
