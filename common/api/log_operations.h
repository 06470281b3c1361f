/* SPDX-License-Identifier: MIT */
#pragma once
/* What the log writes, asked and changed while the program runs: the same on both sides. */
#include "api/operation.h"

extern const struct api_operations api_log;
