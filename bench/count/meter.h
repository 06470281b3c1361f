/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What is counted and what is not. Instructions are counted by callgrind, told by name to begin and
 * to end at meter_counted(), and to leave out what is inside meter_paused(); allocations are
 * counted here, those of the libraries included.
 */
#include <stddef.h>

/* Runs `n` units with the meter on. */
size_t meter_run(size_t (*run)(size_t), size_t n);

/* Inside `run`: what somebody else does (a socket, a peer) and must not count. */
void meter_pause(void (*what)(void *), void *arg);

size_t meter_allocations(void);
