/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Untrusted text for lines that people and programs read. Characters that could end a line, begin another,
 * control a terminal or make a line read as another one are written as escape sequences.
 */
#include <stddef.h>

enum escape {
	ESCAPE_SENTENCE = 1, /* spaces, quotes and backslashes stand as they are */
	ESCAPE_VALUE = 2,    /* one word: a space and a backslash are escaped */
	ESCAPE_JSON = 4,     /* between a JSON string's quotes */
};

/*
 * Writes at most `room` bytes, without a NUL, and returns how many. It escapes control characters (C1 too),
 * hidden ones (zero width, bidirectional controls, line separators, byte order marks), bytes that are not
 * UTF-8, and characters with a meaning in the form: as "\xe2\x80\xae", in JSON as "\u202e". Text that does
 * not fit is cut between characters and ends in "...".
 */
size_t escape_text(char *to, size_t room, const char *text, size_t n, enum escape how);
