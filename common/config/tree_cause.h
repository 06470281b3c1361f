/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Why a file is not YAML of the accepted shape, in terms of what its author typed: the parser speaks of
 * tokens and contexts, the author of an asterisk, a tab and a colon. Values are never shown, as they may be
 * secrets.
 */
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

/* What libyaml says; lines from 0, columns in characters from 0. */
struct tree_problem {
	const char *problem, *context; /* NULL: it says nothing */
	size_t line, column;
	size_t context_line; /* where the construct began that the problem is in */
};

/* A value or a key that begins with '*', '&' or '!': the sentence without its place. */
const char *tree_cause_of_mark(char mark);

/* The parser's refusal. -EINVAL with file and line. */
int tree_explain(const char *path, struct str text, const struct tree_problem *p,
	struct error *err);

/* A file that is one text or one list, which begins in `line`, from 1. -EINVAL with file and line. */
int tree_explain_shape(const char *path, struct str text, unsigned line, struct error *err);
