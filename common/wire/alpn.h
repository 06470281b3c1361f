/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The protocols that are spoken inside TLS (RFC 7301), as a list in a text: names in order of preference,
 * with commas between, "h2,http/1.1".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/*
 * Bytes of a list. The names that are registered have about eight, so it is for more than a service
 * speaks; and each of its names has an index below 128.
 */
#define ALPN_LIST_MAX 255
#define ALPN_TLS_MAX  (ALPN_LIST_MAX + 1) /* bytes of such a list as TLS has it */

#define ALPN_ACME "acme-tls/1" /* a CA that verifies a name, and nobody else (RFC 8737) */

/* Whether it is one: names of visible ASCII, none of them twice. */
bool alpn_is_list(struct str text);

/* As TLS has it, each name after its length. Returns how many bytes. */
size_t alpn_for_tls(struct str list, uint8_t out[ALPN_TLS_MAX]);

/* Which of the list's names it is; -1: none of them. */
int alpn_find(struct str list, struct str name);

/* The name with that index; empty: there is none. */
struct str alpn_at(struct str list, unsigned index);
