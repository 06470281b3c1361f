/* SPDX-License-Identifier: MIT */
#pragma once
/* The words of a query. */
#include <jansson.h>

#include "base/error.h"
#include "base/str.h"

enum query_token {
	TOKEN_END,
	TOKEN_NAME,    /* value: a text, unquoted */
	TOKEN_QUOTED,  /* value: a text */
	TOKEN_LITERAL, /* value */
	TOKEN_NUMBER,  /* number */
	TOKEN_DOT,
	TOKEN_STAR,
	TOKEN_AT,
	TOKEN_COMMA,
	TOKEN_COLON,
	TOKEN_PIPE,
	TOKEN_OR,
	TOKEN_AND,
	TOKEN_REFERENCE,
	TOKEN_NOT,
	TOKEN_COMPARE, /* number: enum query_op */
	TOKEN_FLATTEN, /* [] */
	TOKEN_FILTER,  /* [? */
	TOKEN_BRACKET,
	TOKEN_BRACKET_END,
	TOKEN_BRACE,
	TOKEN_BRACE_END,
	TOKEN_PAREN,
	TOKEN_PAREN_END,
};

struct query_lex {
	struct str text;
	size_t at;    /* behind the token */
	size_t begin; /* of it */
	enum query_token token;
	json_t *value; /* the token's, until somebody takes it; owned */
	long long number;
};

/* The next token. 0, -EINVAL with a sentence, or -ENOMEM. */
int query_lex_next(struct query_lex *l, struct error *err);
