/* SPDX-License-Identifier: MIT */
#include "policy/name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* How many characters at the front may begin a name; they go to `out`, which has room for them. */
static size_t take(struct str text, char out[POLICY_NAME_SIZE])
{
	size_t n = 0;
	for (; n < text.n && n < POLICY_NAME_MAX; n++) {
		char c = lower(text.p[n]);
		if (!is_alphanumeric(c) && (c != '-' || n == 0))
			break;
		out[n] = c;
	}
	out[n] = '\0';
	return n;
}

int policy_name_check(struct str text, char out[POLICY_NAME_SIZE], struct error *err)
{
	char name[POLICY_NAME_SIZE];
	if (text.n == 0)
		return error_set(err, -EINVAL, "the name is empty");
	size_t n = take(text, name);
	if (n == POLICY_NAME_MAX && text.n > n)
		return error_set(err, -EINVAL, "the name \"%.*s…\" is longer than %d characters",
			16, text.p, POLICY_NAME_MAX);
	if (n < text.n || name[n - 1] == '-')
		return error_set(err, -EINVAL,
			"\"%.*s\" is not a name: letters, digits and, between them, hyphens",
			STR_ARG(text));
	memcpy(out, name, n + 1);
	return 0;
}

bool policy_name_reserved(const char *name)
{
	return str_same(name, POLICY_DEFAULT) || str_same(name, POLICY_FRONT);
}

int policy_text_check(struct str text, const char *what, struct error *err)
{
	if (text.n > POLICY_TEXT_MAX)
		return error_set(err, -EINVAL, "the %s is longer than %d bytes", what,
			POLICY_TEXT_MAX);
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if ((c < ' ' && c != '\t' && c != '\n') || c == 0x7f)
			return error_set(err, -EINVAL, "the %s has a control character in it",
				what);
	}
	return 0;
}

static char no_text[1];

char *policy_text_new(struct str text)
{
	return text.n ? strndup(text.p, text.n) : no_text;
}

void policy_text_free(char *text)
{
	if (text != no_text)
		free(text);
}

int policy_pattern_check(struct str text, char out[POLICY_NAME_SIZE + 1], struct error *err)
{
	char name[POLICY_NAME_SIZE];
	if (text.n == 0 || text.p[text.n - 1] != '*') {
		int r = policy_name_check(text, name, err);
		if (!r)
			memcpy(out, name, strlen(name) + 1);
		return r;
	}
	size_t n = take(text, name);
	if (n != text.n - 1)
		return error_set(err, -EINVAL,
			"\"%.*s\" is not a pattern of names: a name, or the beginning of one and a "
			"star",
			STR_ARG(text));
	memcpy(out, name, n);
	memcpy(out + n, "*", 2);
	return 0;
}

bool policy_pattern_covers(const char *pattern, struct str name)
{
	size_t n = strlen(pattern);
	if (n && pattern[n - 1] == '*')
		return name.n >= n - 1 && memcmp(name.p, pattern, n - 1) == 0;
	return str_eq((struct str){pattern, n}, name);
}
