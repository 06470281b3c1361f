/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The members of each type of CONTROL message, as tables: what control.h's structs have, by what name it
 * goes over the wire, and within which bounds. For wire/control.c and wire/control_messages.c alone.
 */
#include "wire/control.h"

enum control_form {
	FORM_TEXT,   /* const char *; `bound` is the largest length */
	FORM_HEX,    /* uint8_t[bound], as lower-case digits */
	FORM_NUMBER, /* uint32_t; `bound` is the largest value */
	FORM_CLEAN,  /* FORM_TEXT that goes into a message head: visible ASCII, 1 byte or more */
	FORM_LIST, /* FORM_TEXT of words with commas between: as FORM_CLEAN, without what JSON escapes; or "" */
	FORM_WORD, /* an enum; `words`; `bound` is what a word that is not among them reads as */
	FORM_FLAG, /* bool */
};

struct control_member {
	const char *name;
	enum control_form form;
	uint32_t bound;
	size_t at;
	bool optional;   /* NULL, 0 or false when absent, unless there is a given_at */
	size_t given_at; /* of the bool that tells whether an optional one is there; 0: none */
	const char *const *words;
};

/* In one type: publish has most. */
#define CONTROL_MEMBERS_MAX 29

struct control_message {
	const char *name;
	struct control_member
		members[CONTROL_MEMBERS_MAX]; /* those behind the last one have no name */
};

/* By type; [0] is none. */
extern const struct control_message control_messages[CONTROL_TYPES];

#define control_for_each_member(m, msg)                       \
	for (const struct control_member *m = (msg)->members; \
		m < (msg)->members + CONTROL_MEMBERS_MAX && m->name; m++)

static inline bool control_form_is_text(enum control_form form)
{
	return form == FORM_TEXT || form == FORM_CLEAN || form == FORM_LIST;
}

/* What the members say together and no peer takes, as the rest of a sentence; NULL: nothing. */
const char *control_fault(const struct control *c);
