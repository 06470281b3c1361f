/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The body of a request: a JSON object, held against a list of the members that it may have. So a handler finds
 * what is there to be of the right type and size, and nobody's misspelled member is passed over.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/error.h"

enum api_type {
	API_TEXT,    /* `max` bytes */
	API_NUMBER,  /* a whole one, from `min` to `max` */
	API_FLAG,    /* true or false */
	API_TEXTS,   /* an array of `max` texts, of API_TEXTS_EACH bytes each */
	API_SPAN,    /* a text ("24h"), or a whole number of seconds, likewise */
	API_OBJECTS, /* an array of `max` objects */
	API_PAIRS,   /* an array of `max` arrays of two texts */
	API_MAP,     /* an object of `max` texts, of API_MAP_EACH bytes each */
};

#define API_TEXTS_EACH 300 /* bytes; a host name has 253 */
#define API_MAP_EACH   512 /* bytes of a text; names have API_MAP_NAME. Consul's bounds */
#define API_MAP_NAME   128

struct api_member {
	const char *name; /* NULL behind the last one */
	enum api_type type;
	uint64_t min, max;
	bool required;
	bool nullable; /* null takes away what was given before */
};

/* Room for a text of somebody's in a sentence: cut, and escaped. */
#define API_QUOTE_SIZE 100
const char *api_quote(const char *text, char room[API_QUOTE_SIZE]);

/*
 * An object of our own from the bytes of a body; no bytes are an empty object. 0 or -EINVAL with a sentence that
 * names the line, the unknown member or the one that is not as it must be.
 */
int api_members_parse(const char *body, size_t n, const struct api_member *members, json_t **out,
	struct error *err);

/* The same check for an object inside of one. */
int api_members_check(const json_t *object, const struct api_member *members, struct error *err);
