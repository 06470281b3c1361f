/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * When each credential and each endpoint was used last: whoever uses one says so to the catalog, and the store hears
 * of all of them together, now and then and at the end. What a crash loses is what a person would have read.
 */
#include "base/clock.h"

struct loop;
struct store_access;

/* A day is what people ask for; a write in an hour is nothing to a disk. */
#define LAST_USE_EVERY (3600 * CLOCK_S)

/* From now on it is done each LAST_USE_EVERY, and when the store is closed. */
void last_use_start(struct store_access *s, struct loop *loop);

/* At once, if there is anything, by the store's helper. */
void last_use_store(struct store_access *s, struct loop *loop);
