/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the access log shows of a query: `/lab?token=…` would let in whoever reads the log. By default the
 * values of names that usually mean a secret are masked.
 */
#include "base/log.h"

enum access_query {
	ACCESS_QUERY_KEEP,
	ACCESS_QUERY_MASK,
	ACCESS_QUERY_DROP, /* with the '?' */
};

/* A target that is longer than the log shows of one is not written beyond that. */
#define ACCESS_TARGET_SIZE (LOG_VALUE_MAX + 8)

#define ACCESS_MASKED "***"

/*
 * The target as the log is to show it: as it stands, or in `room`. Masked are the values behind '?', '&' and
 * ';' (path parameters too), whose name is known or ends like one, in any case and however much of it is
 * percent-encoded; also of a URL that is a value itself, percent-encoded once: ?next=%2Fx%3Ftoken%3D1.
 */
struct str access_target(struct str target, enum access_query how, char room[ACCESS_TARGET_SIZE]);
