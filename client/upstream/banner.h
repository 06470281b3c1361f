/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What speaks, by the first bytes that it sent: for people who pointed at the wrong port or wrote the wrong
 * scheme.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define BANNER_HTTP2_MIN 9 /* bytes by which HTTP/2 is known: a frame's header (RFC 9113, 4.1) */

enum banner {
	BANNER_OTHER, /* nothing that is known, or too few bytes */
	BANNER_HTTP,
	BANNER_WANTS_TLS, /* HTTP that says it was asked without TLS on a port for TLS */
	BANNER_TLS,
	BANNER_TLS_ALERT, /* TLS that was spoken to in something else, or refuses */
	BANNER_HTTP2,     /* it begins with a frame, whatever it was asked in */
	BANNER_SSH,
	BANNER_MAIL,
	BANNER_MYSQL,
	BANNER_REDIS,
	BANNER_VNC,
};

/* The text of an answer with status 400: whether it says that the port is for TLS. */
bool banner_says_tls(struct str text);

enum banner banner_of(const uint8_t *p, size_t n);

/* As a part of a sentence: "an SSH server"; NULL for BANNER_OTHER and BANNER_HTTP. */
const char *banner_name(enum banner banner);

/* Whether it is HTTP, or may become it when there are more bytes. */
bool banner_may_be_http(const uint8_t *p, size_t n);
