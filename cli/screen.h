/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A terminal that a command has for itself, as top has it: the alternate screen, and keys as they are typed. It is as
 * it was again on every way out: screen_end(), exit(), SIGINT, SIGTERM, SIGHUP, and while the command is stopped.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum screen_event {
	SCREEN_TIME, /* it is time, or the window has another size: draw again */
	SCREEN_KEY,  /* somebody typed: `key_out` */
	SCREEN_END,  /* a signal ends the command, or nobody can type any more */
};

/* Standard input and output are a terminal that can do that. */
bool screen_is_there(void);

/* 0 or -errno with a sentence. */
int screen_begin(struct error *err);
void screen_end(void); /* also when it did not begin */

/* Of the window, which may be another later. */
size_t screen_rows(void);

/* Lines with a newline each; what does not fit is cut. */
void screen_show(const char *text, size_t n);

/* Waits so long for a key. */
enum screen_event screen_wait(int milliseconds, char *key_out);
