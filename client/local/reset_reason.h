/* SPDX-License-Identifier: MIT */
#pragma once
/* What is said to people of a stream that was reset. */
#include <stdbool.h>

#include "wire/frame.h"

/*
 * Why the exit node, or the provider's client, had nothing for it, the rest of a sentence; NULL: no more than any
 * stream's end. `sealed`: end to end, where the provider looks at this client's key.
 */
const char *reset_explain(enum frame_reset reason, bool sealed);
