/* SPDX-License-Identifier: MIT */
#pragma once
/* Publications, and a link of which nothing is there but the messages that it was given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/publish/publications.h"

/* A link that is up, of which nothing but the mux's waiting frames is looked at. */
struct scene {
	struct link link;
	struct budget budget;
	struct upstreams upstreams;
	struct publications publications;
};

/* Items between spaces, as --upstream has them. */
void set(struct scene *s, const char *upstreams, struct publications_change *change_out);
void begin(struct scene *s, const char *upstreams);
void end(struct scene *s);
/* The next message that was sent; false: none. */
bool sent(struct scene *s, struct control *out);
size_t count_sent(struct scene *s);
void grant(struct scene *s, uint32_t number);
void refuse(struct scene *s, uint32_t number, enum control_reason reason);
enum publication_state state_of(struct scene *s, uint32_t number);
void expect(struct scene *s, enum control_type type, uint32_t number);
void grant_ports(struct scene *s, uint32_t number, uint32_t ports);
