/* SPDX-License-Identifier: MIT */
/* The two functions by whose names callgrind counts, and an allocator that counts its calls. */
#include "meter.h"

#include <stdbool.h>
#include <stdlib.h>

static bool on;
static size_t allocations;

/*
 * What the C library calls its own, for whoever replaces malloc(). Wrapping by the linker would
 * miss the calls of the shared libraries.
 */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
	allocations += on;
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	allocations += on;
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	allocations += on;
	return __libc_realloc(p, n);
}

/* count.py knows both by name. */
size_t meter_counted(size_t (*run)(size_t), size_t n);
void meter_paused(void (*what)(void *), void *arg);

__attribute__((noinline)) size_t meter_counted(size_t (*run)(size_t), size_t n)
{
	size_t done = run(n);
	on = false;
	return done;
}

__attribute__((noinline)) void meter_paused(void (*what)(void *), void *arg)
{
	on = false;
	what(arg);
	on = true;
}

size_t meter_run(size_t (*run)(size_t), size_t n)
{
	on = true;
	return meter_counted(run, n);
}

void meter_pause(void (*what)(void *), void *arg)
{
	/* Callgrind turns the other way at each of the two: paused while off would be on. */
	if (on)
		meter_paused(what, arg);
	else
		what(arg);
}

size_t meter_allocations(void)
{
	return allocations;
}
