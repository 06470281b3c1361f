/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The alias of a private service, NAME.TAG.EXIT, is what its owner hands over to who may ask for it. NAME and TAG
 * are what counts: the tag is random, so that nobody finds a private service by guessing. EXIT, what the exit node
 * is called at the moment, is for people.
 */
#include <stdbool.h>

#include "policy/name.h"
#include "wire/hostname.h"

/* 60 random bits, in Crockford's base 32 and lower case: without i, l, o and u, which are taken for others. */
#define POLICY_TAG_LENGTH 12
#define POLICY_TAG_SIZE   (POLICY_TAG_LENGTH + 1)

/* Bytes of an alias with its NUL, where EXIT is a host name with a port. */
#define POLICY_ALIAS_SIZE (POLICY_NAME_SIZE + POLICY_TAG_SIZE + HOSTNAME_SIZE + sizeof ":65535")

/* A new one. Returns `to`. */
char *policy_tag_draw(char to[POLICY_TAG_SIZE]);

struct policy_alias {
	char name[POLICY_NAME_SIZE]; /* as policy_name_check() makes it */
	char tag[POLICY_TAG_SIZE];   /* "": a bare name */
};

/*
 * NAME, NAME.TAG or NAME.TAG.EXIT…, of which EXIT is not looked at; upper case is taken as lower case, and i, l
 * and o as the digits that they look like. -EINVAL with a sentence, `out` as it was: it is none, or it has a pin
 * ("#…"), which is the client's to take off: an exit node has no use for it.
 */
int policy_alias_parse(struct str text, struct policy_alias *out, struct error *err);

/* Whether it names the private service of this name and tag. A tag is compared in constant time. */
bool policy_alias_is(const struct policy_alias *alias, const char *name, const char *tag);

/* NAME.TAG.EXIT, cut to what there is room for; without EXIT where that is "". Returns `to`. */
char *policy_alias_format(const char *name, const char *tag, const char *exit,
	char to[POLICY_ALIAS_SIZE]);
