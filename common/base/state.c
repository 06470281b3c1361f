/* SPDX-License-Identifier: MIT */
#include "base/state.h"

#include <stdlib.h>

#include "base/log.h"

void state_refuse(const struct state_table *t, unsigned from, unsigned to)
{
	log_error("a bug of this program: %s was to go from \"%s\" to \"%s\"; ending it", t->what,
		t->names[from], t->names[to]);
	log_stop(); /* else the line would be lost with this thread's batch */
	abort();
}
