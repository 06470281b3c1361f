#pragma once
/*
 * Links that do not answer, long before they are given up (link::silent, rule 46): others are preferred,
 * here and on the other workers, and what can go elsewhere does.
 */
#include "server/trunk.h"

/* As link_ops::silent. */
void silence_changed(struct trunk *t);
/* What other workers see of it: trunk::counted, or its silence, has changed. */
void silence_count(struct trunk *t);
