/* SPDX-License-Identifier: MIT */
#pragma once
/* A request's head as text, and a file of routes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rules/front.h"
#include "wire/http1.h"

struct scene {
	struct http1_head head;
	struct facts_scratch scratch;
	struct facts facts;
	struct address address;
	char text[4096];
};

/* "GET /path" with fields, each with its line end; Host is app.example.org. */
static inline void scene_ask(struct scene *s, const char *line, const char *fields)
{
	size_t scanned = 0;
	if (!s->head.fields)
		assert_int_equal(http1_head_init(&s->head, 64), 0);
	int n = snprintf(s->text, sizeof(s->text), "%s HTTP/1.1\r\nHost: App.example.org\r\n%s\r\n",
		line, fields);
	assert_int_equal(http1_parse_request(&s->head, (const uint8_t *)s->text, (size_t)n,
				 sizeof(s->text), &scanned),
		HTTP1_OK);
	if (!s->address.family)
		assert_true(address_parse_ip(STR("192.0.2.7"), &s->address));
	s->facts = (struct facts){.head = &s->head,
		.address = &s->address,
		.host = http1_host(&s->head),
		.request_id = STR("the-id"),
		.scratch = &s->scratch,
		.port = 8000};
}

static inline void scene_end(struct scene *s)
{
	facts_scratch_deinit(&s->scratch);
	http1_head_deinit(&s->head);
}

/* The file's name stands as F in sentences. NULL: refused, and the sentence is in `err`. */
static inline struct front *front_of(const char *text, struct error *err)
{
	char path[] = "/tmp/front-XXXXXX";
	struct front *f = NULL;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	err->text[0] = 0;
	int r = front_load(path, &f, err);
	unlink(path);
	assert_int_equal(r == 0, f != NULL);
	char *at = strstr(err->text, path);
	if (at) {
		*at = 'F';
		memmove(at + 1, at + strlen(path), strlen(at + strlen(path)) + 1);
	}
	return f;
}
