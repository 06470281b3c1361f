/* SPDX-License-Identifier: MIT */
#pragma once
/* The file of --acme-eab (RFC 8555, 7.3.4): "KID KEY", the latter in base64url, as CAs show them. */
#include "base/error.h"
#include "server/acme/jws.h"

/* Blocks. 0 or -errno with a sentence: it cannot be read, others can read it, or it is none. */
int acme_binding_read(const char *path, struct jws_binding *out, struct error *err);
/* Wipes it. Accepts zeroed memory. */
void acme_binding_deinit(struct jws_binding *b);
