/* SPDX-License-Identifier: MIT */
#include "server/base/pseudonym.h"

#include <inttypes.h>
#include <stdio.h>

#include "crypto/random.h"

void pseudonym_make(char out[PSEUDONYM_LEN + 1])
{
	uint64_t bits;
	random_bytes(&bits, sizeof(bits));
	snprintf(out, PSEUDONYM_LEN + 1, "tunnel-%016" PRIx64, bits);
}
