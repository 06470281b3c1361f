/* SPDX-License-Identifier: MIT */
#pragma once
/* A request in a line, as both sides tell of it. */
#include "cli/columns.h"

extern const struct column request_columns[];
extern const size_t n_request_columns;
/* Of their usual cells, for who prints them as they come. */
extern const size_t request_widths[];
