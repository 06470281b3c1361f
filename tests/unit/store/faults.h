/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * System calls that fail when a test wants it: this file's definitions take the place of libc's, for SQLite as
 * well. Counted are those that change a file: open, write, sync, truncate, rename.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

enum fault {
	FAULT_NONE,   /* count alone */
	FAULT_IO,     /* EIO, once */
	FAULT_BROKEN, /* EIO, from then on */
	FAULT_FULL,   /* no space for any write, from then on */
	FAULT_SHORT,  /* half is written, once */
	FAULT_CRASH,  /* the process ends before the call */
	FAULT_POWER,  /* the same, and what was written since a file was synced is lost */
};

/* The `n`-th call from now on, counted from 1. */
void faults_begin(enum fault fault, unsigned n);

/* No more of them; how many calls were counted. */
unsigned faults_end(void);
