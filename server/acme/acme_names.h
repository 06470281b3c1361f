/* SPDX-License-Identifier: MIT */
#pragma once
/* The names that acme.c knows, for it alone. */
#include "server/acme/acme.h"

/* NULL: it is not known. */
struct acme_name *acme_name_find(const struct acme *a, struct str name);
/* One that is not known yet. NULL: memory is out. */
struct acme_name *acme_name_new(struct acme *a, const char *text);

/* Whether a CA could give a certificate for it, and the operator wants one. */
bool acme_name_eligible(const struct acme *a, const char *name);
/* Whether another certificate is for it already: the operator's own, or an ordered wildcard. `now`: since 1970. */
bool acme_name_covered(const struct acme *a, const struct acme_name *n, int64_t now);
