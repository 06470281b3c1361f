/* SPDX-License-Identifier: MIT */
#include "cli/query_lex.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/macros.h"
#include "cli/query_tree.h"

static int wrong(const struct query_lex *l, const char *what, struct error *err)
{
	return error_set(err, -EINVAL, "at character %zu: %s", l->begin + 1, what);
}

/* Words of signs alone, the longer ones first. */
static const struct {
	const char *text;
	enum query_token token;
	enum query_op op;
} signs[] = {
	{"[?", TOKEN_FILTER, 0},
	{"[]", TOKEN_FLATTEN, 0},
	{"||", TOKEN_OR, 0},
	{"&&", TOKEN_AND, 0},
	{"==", TOKEN_COMPARE, QUERY_EQ},
	{"!=", TOKEN_COMPARE, QUERY_NE},
	{"<=", TOKEN_COMPARE, QUERY_LE},
	{">=", TOKEN_COMPARE, QUERY_GE},
	{"<", TOKEN_COMPARE, QUERY_LT},
	{">", TOKEN_COMPARE, QUERY_GT},
	{"|", TOKEN_PIPE, 0},
	{"&", TOKEN_REFERENCE, 0},
	{"!", TOKEN_NOT, 0},
	{".", TOKEN_DOT, 0},
	{"*", TOKEN_STAR, 0},
	{"@", TOKEN_AT, 0},
	{",", TOKEN_COMMA, 0},
	{":", TOKEN_COLON, 0},
	{"[", TOKEN_BRACKET, 0},
	{"]", TOKEN_BRACKET_END, 0},
	{"{", TOKEN_BRACE, 0},
	{"}", TOKEN_BRACE_END, 0},
	{"(", TOKEN_PAREN, 0},
	{")", TOKEN_PAREN_END, 0},
};

static bool take_sign(struct query_lex *l)
{
	for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
		size_t n = strlen(signs[i].text);
		if (l->text.n - l->at < n || memcmp(l->text.p + l->at, signs[i].text, n) != 0)
			continue;
		l->token = signs[i].token;
		l->number = signs[i].op;
		l->at += n;
		return true;
	}
	return false;
}

static bool begins_name(char c)
{
	return isalpha((unsigned char)c) || c == '_';
}

static int take_name(struct query_lex *l)
{
	while (l->at < l->text.n &&
		(begins_name(l->text.p[l->at]) || isdigit((unsigned char)l->text.p[l->at])))
		l->at++;
	l->token = TOKEN_NAME;
	l->value = json_stringn(l->text.p + l->begin, l->at - l->begin);
	return l->value ? 0 : -ENOMEM;
}

static int take_number(struct query_lex *l, struct error *err)
{
	char digits[20];
	size_t n = 1;
	while (l->at + n < l->text.n && isdigit((unsigned char)l->text.p[l->at + n]))
		n++;
	if (n >= sizeof digits || (n == 1 && l->text.p[l->at] == '-'))
		return wrong(l, "this is no number", err);
	memcpy(digits, l->text.p + l->at, n);
	digits[n] = '\0';
	l->at += n;
	l->token = TOKEN_NUMBER;
	l->number = strtoll(digits, NULL, 10);
	return 0;
}

/* What is between two quotes, of which the first is at l->at; a backslash keeps what follows. */
static int find_end(struct query_lex *l, struct str *inside_out, struct error *err)
{
	char quote = l->text.p[l->at];
	size_t end = l->at + 1;
	while (end < l->text.n && l->text.p[end] != quote)
		end += l->text.p[end] == '\\' && end + 1 < l->text.n ? 2 : 1;
	if (end >= l->text.n)
		return wrong(l, "this quotation does not end", err);
	*inside_out = (struct str){l->text.p + l->at + 1, end - l->at - 1};
	l->at = end + 1;
	return 0;
}

/* The text without backslashes before `quote`. */
static int unescape(struct str inside, char quote, struct buf *to)
{
	for (size_t i = 0; i < inside.n; i++) {
		bool escapes = inside.p[i] == '\\' && i + 1 < inside.n && inside.p[i + 1] == quote;
		i += escapes;
		if (buf_append(to, inside.p + i, 1) < 0)
			return -ENOMEM;
	}
	return buf_append(to, "", 1);
}

/* 'as it stands' */
static int take_raw(struct query_lex *l, struct error *err)
{
	struct buf text = BUF_NULL;
	struct str inside = STR_NULL;
	int r = find_end(l, &inside, err);
	if (r == 0)
		r = unescape(inside, '\'', &text);
	if (r == 0)
		l->value = json_string((const char *)buf_head(&text));
	buf_deinit(&text);
	l->token = TOKEN_LITERAL;
	return r ? r : l->value ? 0 : wrong(l, "this text is not UTF-8", err);
}

/* `JSON`; what is none is a text, as the Azure CLI takes it. */
static int take_json(struct query_lex *l, struct error *err)
{
	struct buf text = BUF_NULL;
	struct str inside = STR_NULL;
	int r = find_end(l, &inside, err);
	if (r == 0)
		r = unescape(inside, '`', &text);
	if (r == 0)
		l->value = json_loads((const char *)buf_head(&text), JSON_DECODE_ANY, NULL);
	if (r == 0 && !l->value)
		l->value = json_string((const char *)buf_head(&text));
	buf_deinit(&text);
	l->token = TOKEN_LITERAL;
	return r ? r : l->value ? 0 : wrong(l, "this text is not UTF-8", err);
}

/* "a name", with JSON's escapes */
static int take_quoted(struct query_lex *l, struct error *err)
{
	struct str inside = STR_NULL;
	int r = find_end(l, &inside, err);
	if (r)
		return r;
	l->value = json_loadb(inside.p - 1, inside.n + 2, JSON_DECODE_ANY, NULL);
	l->token = TOKEN_QUOTED;
	return l->value ? 0 : wrong(l, "this is no name in quotation marks", err);
}

int query_lex_next(struct query_lex *l, struct error *err)
{
	json_decref(l->value);
	l->value = NULL;
	while (l->at < l->text.n && isspace((unsigned char)l->text.p[l->at]))
		l->at++;
	l->begin = l->at;
	l->token = TOKEN_END;
	if (l->at == l->text.n)
		return 0;
	char c = l->text.p[l->at];
	if (begins_name(c))
		return take_name(l);
	if (isdigit((unsigned char)c) || c == '-')
		return take_number(l, err);
	if (c == '\'')
		return take_raw(l, err);
	if (c == '`')
		return take_json(l, err);
	if (c == '"')
		return take_quoted(l, err);
	return take_sign(l) ? 0 : wrong(l, "this means nothing in JMESPath", err);
}
