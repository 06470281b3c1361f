#pragma once
/*
 * Text of strangers for lines that people and programs read: what could end a line, begin another, steer a
 * terminal or make a line read as another one is written as an escape sequence.
 */
#include <stddef.h>

enum escape {
	ESCAPE_SENTENCE = 1, /* spaces, quotes and backslashes stand as they are */
	ESCAPE_VALUE = 2,    /* one word: a space and a backslash are escaped */
	ESCAPE_JSON = 4,     /* between a JSON string's quotes */
};

/*
 * Writes at most `room` bytes, without a NUL; how many. Escaped are control characters (C1 too), hidden
 * ones (zero width, bidirectional controls, line separators, byte order marks), what is not UTF-8, and what
 * has a meaning in the form: as "\xe2\x80\xae", in JSON as "\u202e". What does not fit is cut between
 * characters and marked by "...".
 */
size_t escape_text(char *to, size_t room, const char *text, size_t n, enum escape how);
