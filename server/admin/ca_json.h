/* SPDX-License-Identifier: MIT */
#pragma once
/* The certificate authority as JSON, and the texts that programs load. NULL of each: memory is out. */
#include <jansson.h>

#include "server/store/catalog_roots.h"

/* All that is shown of it; there is a root that signs. */
json_t *ca_json(const struct catalog_roots *roots);

/* The roots to be trusted, the one that signs in front. */
json_t *ca_bundle_json(const struct catalog_roots *roots);

/*
 * A certificate, and behind it those by which whoever knows an older root alone, that is still listed, comes to the one
 * that signed it.
 */
json_t *ca_chain_json(const struct catalog_roots *roots, const char *certificate);

/* Seconds since 1970. */
json_t *ca_time_json(int64_t at);
