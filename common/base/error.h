/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One sentence for a person, passed up to the caller that decides about the failure. Functions that can
 * fail for reasons a person should read take a `struct error *` last but for output parameters, and set
 * it exactly when they return non-zero. The sentence says what happened to what, and what to do.
 */
#include <stdarg.h>

struct error {
	char text[512];
};

/* Writes the sentence and returns `code`, so that `return error_set(err, -EINVAL, …)` reads as one. */
int error_set(struct error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "context: " before the sentence that is there. */
void error_prefix(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
