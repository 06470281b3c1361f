/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Names of identities and private services: a DNS label, which is also a segment of a SPIFFE path and of a
 * URL. Two spellings that differ in case alone are one name.
 */
#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

#define POLICY_NAME_MAX  63 /* characters: RFC 1035, 2.3.4 */
#define POLICY_NAME_SIZE (POLICY_NAME_MAX + 1)

/* The identity of a single --token, and of everybody in open mode. */
#define POLICY_DEFAULT "default"
/* What stands for visitors of the public side where rules name a source. */
#define POLICY_FRONT   "front"

/* Random bytes by which programs tell things apart whose names may be given anew. */
#define POLICY_UID_SIZE 16

/* Bytes of a text for people, such as a description: a few lines. */
#define POLICY_TEXT_MAX 1024

/* The name in lower case, with a NUL at its end. 0, or -EINVAL with a sentence, `out` as it was. */
int policy_name_check(struct str text, char out[POLICY_NAME_SIZE], struct error *err);

/* Whether it has a meaning of its own, so that nobody may make an identity of this name. */
bool policy_name_reserved(const char *name);

/* A text for people: no control character but a tab or a newline. 0, or -EINVAL with a sentence about `what`. */
int policy_text_check(struct str text, const char *what, struct error *err);

/*
 * A text of one's own. An empty one, which most are, takes no memory, so that it is freed by
 * policy_text_free() alone. NULL when memory is out.
 */
char *policy_text_new(struct str text);

/* Accepts NULL. */
void policy_text_free(char *text);

/*
 * A pattern of names: "redis", or a beginning and a star, "super-*", which stands for all that begin so
 * ("*" for all). In lower case, with a NUL. 0, or -EINVAL with a sentence, `out` as it was.
 */
int policy_pattern_check(struct str text, char out[POLICY_NAME_SIZE + 1], struct error *err);

/* Both canonical. */
bool policy_pattern_covers(const char *pattern, struct str name);
