/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The line that `systemctl status` shows (STATUS= of sd_notify(3)): written when something it speaks of has
 * changed, at most once a second, and only under systemd.
 */
#include <stdbool.h>
#include <stddef.h>

#include "loop/loop.h"

#define STATUS_EVERY \
	CLOCK_S /* a client that comes and goes as fast as it can changes it no more often */
#define STATUS_SIZE 512 /* bytes of the line and a NUL: longer ones are no longer a glance */

struct status {
	struct loop_timer timer;
	bool wanted, due;
	uint64_t next;          /* µs: not before */
	char said[STATUS_SIZE]; /* the last one */
	/* Writes the line as a text of at most STATUS_SIZE bytes with its NUL; peers' words may be in it. */
	void (*describe)(struct status *s, char text_out[STATUS_SIZE]);
};

void status_init(struct status *s, struct loop *loop,
	void (*describe)(struct status *s, char text_out[STATUS_SIZE]));
/* Nothing is said any more. Accepts zeroed memory. */
void status_deinit(struct status *s);

/* Costs a comparison while a line is due already, or without systemd. Accepts zeroed memory. */
void status_changed(struct status *s);
