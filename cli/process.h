/* SPDX-License-Identifier: MIT */
#pragma once
/* What the process asks of the kernel for itself, once, before anything else. */

/*
 * Descriptors 0 to 2 that come closed are opened on /dev/null, before anything else is opened. No core
 * dumps and no reading by other processes of the user (secrets are in memory); writing to a closed pipe or
 * past the limit of a file's size is an error and not the end, and signals without a meaning here do
 * nothing. As many descriptors as the hard limit allows. Up to 4 MiB of a heap stay with the process when they are
 * free.
 */
void process_prepare(void);
