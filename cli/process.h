#pragma once
/* What the process asks of the kernel for itself, once, before anything else. */

/*
 * No core dumps and no reading by other processes of the user (secrets are in memory), writing to a
 * closed pipe is an error and not the end, and as many descriptors as the hard limit allows.
 */
void process_prepare(void);
