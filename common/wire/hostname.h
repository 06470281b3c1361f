/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The one canonical form of a host name (rule 30), for what clients claim and what visitors ask for:
 * ASCII in lower case, no port, no trailing dot; an IPv6 address in brackets, in its shortest text, whose
 * zone is read and left out (RFC 6874, 4).
 * Labels are taken as people name things, underscores included; DNS decides about the rest.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

#define HOSTNAME_MAX       253 /* characters of a name: RFC 1035's 255 bytes, less length and root */
#define HOSTNAME_LABEL_MAX 63  /* RFC 1035, 2.3.4 */
#define HOSTNAME_SIZE      (HOSTNAME_MAX + 1)

enum hostname_result {
	HOSTNAME_OK,
	HOSTNAME_E_EMPTY,
	HOSTNAME_E_CHARACTER,
	HOSTNAME_E_NOT_ASCII,
	HOSTNAME_E_LABEL,
	HOSTNAME_E_LONG,
	HOSTNAME_E_LITERAL,
	HOSTNAME_E_PORT,
};

/* The canonical form, with a NUL at its end. 0 or a HOSTNAME_E_*. */
int hostname_canonical(struct str in, char out[HOSTNAME_SIZE], size_t *n_out);

/*
 * The same for "name" or "name:port", as a Host field has it. No port, or an empty one, is 0.
 */
int hostname_with_port(struct str in, char out[HOSTNAME_SIZE], size_t *n_out, uint16_t *port_out);

/* 1 to 65535 in digits. */
bool hostname_port(struct str digits, uint16_t *port_out);

/*
 * Whether its last label is a number, as no name's is (RFC 3696, 2), and it is not a whole IPv4 address: "3000",
 * "127.1", "0x7f.1". The resolver takes these for addresses, as inet_aton() does: 3000 for 0.0.11.184.
 */
bool hostname_is_number(struct str host);

/* What a client wants to publish: a name, or "*." and a name. 0, or -EINVAL with a sentence. */
int hostname_claim(struct str in, char out[HOSTNAME_SIZE], size_t *n_out, struct error *err);

/*
 * Whether the wildcard "*.example.com" stands for the name, both canonical: "*." is one or more
 * labels, so example.com itself is not covered. The name may be a wildcard too.
 */
bool hostname_covers(struct str wildcard, struct str name);

/* The sentence's end for a HOSTNAME_E_*: "… contains a character that …". */
const char *hostname_error_text(int code);
