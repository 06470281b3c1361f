/* SPDX-License-Identifier: MIT */
#pragma once
/* The option table of one service: --upstream, and the options that stand behind it. */
#include "config/option.h"

/* Of one option that takes ranges of ports: as many as one would type. */
#define SERVICE_RANGES_MAX 64

/* Fills a struct service_options. */
extern const struct option_table service_option_table;
