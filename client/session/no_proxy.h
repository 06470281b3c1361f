/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Which remotes no_proxy exempts from the environment's proxy, by curl's rules: names and
 * addresses between commas or spaces; "*" alone is everything; a name stands for itself and all
 * names below it, with or without a leading dot; an address may have a prefix length.
 */
#include <stdbool.h>

#include "base/str.h"
#include "wire/url.h"

/* Beyond curl, "name:port" exempts that port alone. */
bool no_proxy_matches(struct str list, const struct url *remote);

/* The remote is this machine, which no proxy on another can reach. */
bool no_proxy_is_local(const struct url *remote);
