/* SPDX-License-Identifier: MIT */
#include "wire/http1_scan.h"

#define T HTTP1_C_TOKEN
#define U HTTP1_C_TARGET
#define H HTTP1_C_HEX
/* clang-format off */
const uint8_t http1_class[256] = {
	['0' ... '9'] = T | U | H, ['A' ... 'F'] = T | U | H, ['G' ... 'Z'] = T | U,
	['a' ... 'f'] = T | U | H, ['g' ... 'z'] = T | U,
	['!'] = T | U, ['$'] = T | U, ['%'] = T | U, ['&'] = T | U, ['\''] = T | U, ['*'] = T | U,
	['+'] = T | U, ['-'] = T | U, ['.'] = T | U, ['^'] = T | U, ['_'] = T | U, ['`'] = T | U,
	['|'] = T | U, ['~'] = T | U, ['#'] = T,
	['"'] = U, ['('] = U, [')'] = U, [','] = U, ['/'] = U, [':'] = U, [';'] = U, ['<'] = U,
	['='] = U, ['>'] = U, ['?'] = U, ['@'] = U, ['['] = U, ['\\'] = U, [']'] = U, ['{'] = U,
	['}'] = U,
};
/* clang-format on */
#undef T
#undef U
#undef H
