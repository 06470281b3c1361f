/* SPDX-License-Identifier: MIT */
#pragma once
/* An inspector, and connections that it taps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "client/inspector/capture_view.h"
#include "client/inspector/inspector_tap.h"

struct captures {
	struct loop *loop;
	struct inspector in;
	struct option_list mask;
};

#define CAPTURES_SIZE (64 * 1024)

void captures_begin(struct captures *s, struct inspector_options o);
void captures_end(struct captures *s);

struct inspector_tap *tap_begin(struct captures *s);
/* Bytes of a text, in pieces of at most `step`. */
void tap_asks(struct inspector_tap *t, const char *text, size_t step);
void tap_answers(struct inspector_tap *t, const char *text, size_t step);

/* One exchange on a connection of its own. */
void exchange(struct captures *s, const char *request, const char *answer);

/* The n-th newest, from 0. */
struct capture *newest(struct captures *s, size_t n);

/* What is kept of a body equals the text. */
void assert_body(struct captures *s, const struct capture_message *m, const char *text);
/* A NUL behind what the buffer has. */
const char *text_of(struct buf *b);
