/* SPDX-License-Identifier: MIT */
#pragma once
/* How many threads a side has when no option says. */

/* More was never measured to help: the kernel's side of a connection is then the limit. A guess. */
#define CORES_MOST 8

/* The cores that this process may run on, from 1 to CORES_MOST. */
unsigned cores_default(void);
