/* SPDX-License-Identifier: MIT */
#pragma once
/* --log-rooms: rooms of the program with levels of their own, "link=debug". */
#include "base/error.h"
#include "base/log_level.h"
#include "config/option.h"

/* One of the list: 0, or -EINVAL with a sentence. */
int log_rooms_check(struct str text, struct error *err);

/* Puts both into use; the list was checked. */
void log_rooms_apply(enum log_level level, const struct option_list *rooms);
