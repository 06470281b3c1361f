/* SPDX-License-Identifier: MIT */
#pragma once
/* What strangers' browsers say of where a request comes from and where it goes. Any bytes may be given. */
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "wire/address.h"

/*
 * Whether a Host field names this panel: the address that was connected to, "localhost", or one of `names`; any port,
 * as it may be another one's that leads here. A name that a stranger has made to lead here (DNS rebinding) does not.
 */
bool panel_fields_host(struct str host, const struct address *at, char *const *names,
	size_t n_names);

/* Whether an Origin is that of the page at this host. Without TLS here, it may be in front of it. */
bool panel_fields_origin(struct str origin, struct str host, bool tls);

/* Whether it is application/json, with whatever parameters: no form can send it, nor a page of another origin unasked. */
bool panel_fields_json(struct str content_type);

/* The value of a cookie; STR_NULL: it is not there. */
struct str panel_fields_cookie(struct str cookies, const char *name);

/* What stands behind "Bearer "; STR_NULL: it is something else. */
struct str panel_fields_bearer(struct str authorization);
