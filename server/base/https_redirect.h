/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The value of --https-redirect: where a request that came without TLS is sent.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/*
 * true, false, or a public port, which is 0 where none is given. -EINVAL: it is none of these, and the
 * outputs are untouched.
 */
int https_redirect_parse(struct str text, bool *redirects_out, uint16_t *port_out);

/* For the option: 0, or -EINVAL with a sentence. */
int https_redirect_check(struct str text, struct error *err);
