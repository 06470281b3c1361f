/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Links that do not answer, long before they are given up (link::silent, rule 46): others are preferred,
 * here and on the other workers, and what can go elsewhere does.
 */
#include "server/link/server_link.h"

/* As link_ops::silent. */
void silence_changed(struct server_link *l);
/* What other workers see of it: server_link::counted, or its silence, has changed. */
void silence_count(struct server_link *l);
