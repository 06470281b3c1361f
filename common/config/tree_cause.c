/* SPDX-License-Identifier: MIT */
/* Looks at the line that the parser stopped at, and at the one before, for what people do wrong. */
#include "config/tree_cause.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/macros.h"
#include "config/formatting.h"

/* The line with that number, from 0; empty behind the last. */
static struct str line_at(struct str text, size_t number)
{
	while (number && text.n) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) + 1 : text.n;
		text = (struct str){text.p + n, text.n - n};
		number--;
	}
	const char *end = text.n ? memchr(text.p, '\n', text.n) : NULL;
	return (struct str){text.p, end ? (size_t)(end - text.p) : text.n};
}

static size_t indent_of(struct str line)
{
	size_t n = 0;
	while (n < line.n && line.p[n] == ' ')
		n++;
	return n;
}

static struct str without_indent(struct str line)
{
	size_t n = indent_of(line);
	return (struct str){line.p + n, line.n - n};
}

static bool has(struct str text, const char *what)
{
	return text.n && memmem(text.p, text.n, what, strlen(what));
}

/* Colons with a blank or the line's end behind them. */
static unsigned colons(struct str line)
{
	unsigned n = 0;
	for (size_t i = 0; i < line.n; i++)
		n += line.p[i] == ':' && (i + 1 == line.n || isspace((unsigned char)line.p[i + 1]));
	return n;
}

const char *tree_cause_of_mark(char mark)
{
	switch (mark) {
	case '*':
		return "what begins with * is an alias in YAML: put it in quotes, as in "
		       "'*.apps.example.org=http://127.0.0.1:3000'";
	case '&':
		return "what begins with & is an anchor in YAML: put it in quotes";
	case '!':
		return "what begins with ! is a tag in YAML: put it in quotes";
	default:
		return NULL;
	}
}

/* What no line with an option has: without the blank behind its colon, or in another language. */
static const char *cause_of_line(struct str line)
{
	line = without_indent(line);
	if (formatting_has_blank(line))
		return "a non-breaking space stands here, which YAML does not take for a blank: "
		       "type "
		       "an ordinary one";
	if (has(line, "{{"))
		return "a template stands here that nothing has filled in";
	if (has(line, "-----BEGIN"))
		return "this is a certificate or a key, and not a file with options";
	if (line.n && line.p[0] == '[')
		return "this is how an ini or a TOML file begins: here it is YAML, with lines such "
		       "as "
		       "\"remote: exit.example.org\"";
	if (line.n >= 2 && memcmp(line.p, "--", 2) == 0)
		return "options stand here without their dashes, each in a line of its own, as in "
		       "\"remote: exit.example.org\"";
	size_t name = 0;
	while (name < line.n &&
		(isalnum((unsigned char)line.p[name]) || (name && strchr("-_", line.p[name]))))
		name++;
	struct str rest = {line.p + name, line.n - name};
	if (name && rest.n > 1 && rest.p[0] == ':' && !isspace((unsigned char)rest.p[1]))
		return "the colon behind the option has no blank behind it: \"log-level: info\"";
	rest = without_indent(rest);
	if (name && rest.n && rest.p[0] == '=')
		return "behind the option stands a '=', as in ini and TOML files: here it is a "
		       "colon, "
		       "\"log-level: info\"";
	return NULL;
}

static int say(const char *path, size_t line, const char *sentence, struct error *err)
{
	return error_set(err, -EINVAL, "%s:%zu: %s", path, line + 1, sentence);
}

/* "found character that cannot start any token". */
static const char *cause_of_character(struct str line, size_t column)
{
	/* Columns are characters; what stands before is not ASCII only in a quoted text, which is none. */
	char c = column < line.n ? line.p[column] : 0;
	if (c == '\t' || (line.n && memchr(line.p, '\t', indent_of(line) + 1)))
		return "the line is indented with a tab: YAML takes blanks alone";
	if (c == '%' || c == '@' || c == '`')
		return "a value that begins with %, @ or ` has to be in quotes";
	return NULL;
}

/* "mapping values are not allowed in this context": a colon too many, in this line or the one before. */
static int explain_mapping(const char *path, struct str text, const struct tree_problem *p,
	struct error *err)
{
	struct str line = line_at(text, p->line);
	struct str before = p->line ? line_at(text, p->line - 1) : STR_NULL;
	const char *cause = cause_of_line(line);
	if (cause)
		return say(path, p->line, cause, err);
	if (colons(line) > 1)
		return say(path, p->line,
			"a second colon with a blank behind it: put the value in quotes, or write "
			"HOST=URL where that is meant",
			err);
	cause = cause_of_line(before);
	if (cause)
		return say(path, p->line - 1, cause, err);
	if (indent_of(line) > indent_of(before))
		return say(path, p->line,
			"the line is indented more than the one before it, which has a value "
			"already: "
			"options stand straight below each other",
			err);
	return say(path, p->line, p->problem, err);
}

int tree_explain(const char *path, struct str text, const struct tree_problem *p, struct error *err)
{
	const char *problem = p->problem ? p->problem : "this is not YAML";
	const char *context = p->context ? p->context : "";
	struct str line = line_at(text, p->line);
	const char *cause = NULL;
	if (strstr(context, "scanning an alias"))
		return say(path, p->context_line, tree_cause_of_mark('*'), err);
	if (strstr(context, "scanning an anchor"))
		return say(path, p->context_line, tree_cause_of_mark('&'), err);
	if (strstr(context, "scanning a quoted scalar"))
		return say(path, p->context_line, "the quote that begins here is not closed", err);
	if (strstr(problem, "mapping values are not allowed"))
		return explain_mapping(path, text, p, err);
	if (strstr(problem, "cannot start any token"))
		cause = cause_of_character(line, p->column);
	else if (strstr(problem, "sequence entries are not allowed"))
		cause = "a dash with a blank behind it begins a list, whose items stand in lines "
			"of "
			"their own: put a dash that is the value in quotes";
	else if (strstr(problem, "tab character"))
		cause = "the line is indented with a tab: YAML takes blanks alone";
	if (cause)
		return say(path, p->line, cause, err);
	if (strstr(context, "scanning a simple key")) {
		cause = cause_of_line(line_at(text, p->context_line));
		return say(path, p->context_line,
			cause ? cause : "the line has no colon: an option is \"name: value\"", err);
	}
	return say(path, p->line, problem, err);
}

int tree_explain_shape(const char *path, struct str text, unsigned line, struct error *err)
{
	struct str first = without_indent(line_at(text, line - 1));
	/* A list of what would be options. */
	while (first.n > 1 && first.p[0] == '-' && first.p[1] == ' ')
		first = without_indent((struct str){first.p + 1, first.n - 1});
	const char *cause = cause_of_line(first);
	return say(path, line - 1,
		cause ? cause : "the file must be a list of \"option: value\" lines", err);
}
