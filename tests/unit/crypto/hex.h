/* SPDX-License-Identifier: MIT */
#pragma once
/* Vectors are written in hexadecimal, as their sources have them. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* How many bytes the text stood for; `cap` is a matter of the test's own making. */
static inline size_t unhex(const char *hex, uint8_t *out, size_t cap)
{
	size_t n = strlen(hex) / 2;
	assert(n <= cap && strlen(hex) % 2 == 0);
	for (size_t i = 0; i < n; i++) {
		unsigned byte;
		int read = sscanf(hex + 2 * i, "%2x", &byte);
		assert(read == 1);
		(void)read;
		out[i] = (uint8_t)byte;
	}
	return n;
}
