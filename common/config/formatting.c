/* SPDX-License-Identifier: MIT */
/*
 * Few signs are checked, and only where they make no sense: a path may have a curly apostrophe or a
 * non-breaking space in it, an option's name may not.
 */
#include "config/formatting.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/macros.h"

enum sign { SIGN_NONE, SIGN_DASH, SIGN_BLANK, SIGN_QUOTE };

/* In UTF-8. */
static const struct {
	const char *text;
	enum sign sign;
	const char *name;
} signs[] = {
	{"\u2010", SIGN_DASH, "a typographic hyphen"},
	{"\u2011", SIGN_DASH, "a non-breaking hyphen"},
	{"\u2012", SIGN_DASH, "a figure dash"},
	{"\u2013", SIGN_DASH, "an en dash"},
	{"\u2014", SIGN_DASH, "an em dash"},
	{"\u2015", SIGN_DASH, "a horizontal bar"},
	{"\u2212", SIGN_DASH, "a minus sign"},
	{"\ufe63", SIGN_DASH, "a small hyphen"},
	{"\uff0d", SIGN_DASH, "a full-width hyphen"},
	{"\u00a0", SIGN_BLANK, "a non-breaking space"},
	{"\u2007", SIGN_BLANK, "a figure space"},
	{"\u2009", SIGN_BLANK, "a thin space"},
	{"\u200b", SIGN_BLANK, "a zero-width space"},
	{"\u202f", SIGN_BLANK, "a narrow non-breaking space"},
	{"\u2060", SIGN_BLANK, "a word joiner"},
	{"\u3000", SIGN_BLANK, "a full-width space"},
	{"\ufeff", SIGN_BLANK, "a byte order mark"},
	{"\u201c", SIGN_QUOTE, "a curly quote"},
	{"\u201d", SIGN_QUOTE, "a curly quote"},
	{"\u201e", SIGN_QUOTE, "a low quote"},
	{"\u2018", SIGN_QUOTE, "a curly quote"},
	{"\u2019", SIGN_QUOTE, "a curly quote"},
	{"\u201a", SIGN_QUOTE, "a low quote"},
	{"\u00ab", SIGN_QUOTE, "a guillemet"},
	{"\u00bb", SIGN_QUOTE, "a guillemet"},
};

/* The sign that the text begins with. */
struct found {
	enum sign sign;
	const char *name;
	size_t n; /* bytes */
};

static struct found sign_at(struct str text)
{
	for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
		size_t n = strlen(signs[i].text);
		if (text.n >= n && memcmp(text.p, signs[i].text, n) == 0)
			return (struct found){signs[i].sign, signs[i].name, n};
	}
	return (struct found){0};
}

/* The one that it ends with. */
static struct found sign_before_end(struct str text)
{
	for (size_t n = 2; n <= 3 && n <= text.n; n++) {
		struct found f = sign_at((struct str){text.p + text.n - n, n});
		if (f.n == n)
			return f;
	}
	return (struct found){0};
}

bool formatting_has_blank(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (sign_at((struct str){text.p + i, text.n - i}).sign == SIGN_BLANK)
			return true;
	return false;
}

/* ---- Words ---- */

static int refuse_blank(const char *word, struct error *err)
{
	struct found f = sign_at(str_from(word));
	if (f.sign == SIGN_BLANK)
		return error_set(err, -EINVAL,
			"an argument is nothing but %s, which the shell takes for a word: type an "
			"ordinary space instead",
			f.name);
	if (strchr(word, '\r'))
		return error_set(err, -EINVAL,
			"an argument is a carriage return: the command is from a file with line "
			"ends of Windows, whose backslashes do not join lines; convert it with "
			"dos2unix");
	if (!*word)
		return error_set(err, -EINVAL,
			"an argument is empty: is it a variable in quotes that is not set? Leave "
			"the quotes away, or set it");
	return error_set(err, -EINVAL,
		"an argument is nothing but blanks: a backslash at the end of a line has blanks "
		"behind it, so the command ended there; remove these blanks, and type it again");
}

static bool is_blank(const char *word)
{
	while (*word) {
		struct found f = sign_at(str_from(word));
		if (f.sign != SIGN_BLANK && !isspace((unsigned char)*word))
			return false;
		word += f.n ? f.n : 1;
	}
	return true;
}

/* The name that was meant behind dashes of whatever kind, hyphens inside it put right. */
static size_t plain_name(const char *word, char *to, size_t size)
{
	size_t n = 0;
	while (*word && *word != '=' && n + 1 < size) {
		struct found f = sign_at(str_from(word));
		if (f.sign == SIGN_NONE)
			to[n++] = *word;
		else if (f.sign == SIGN_DASH && n)
			to[n++] = '-';
		if (n == 1 && to[0] == '-')
			n = 0;
		word += f.n ? f.n : 1;
	}
	to[n] = 0;
	return n;
}

static int refuse_dash(const struct option_table *t, const char *word, struct found f,
	struct error *err)
{
	char name[64];
	size_t n = plain_name(word, name, sizeof name), shown = strcspn(word, "=");
	bool known = !t || option_find(t, name, n).row || strcmp(name, OPTION_HELP_NAME) == 0;
	if (n == 1)
		return error_set(err, -EINVAL,
			"\"%.*s\" has %s in it, which a page or an editor made of a hyphen: type "
			"-%s",
			(int)shown, word, f.name, name);
	return error_set(err, -EINVAL,
		known ? "\"%.*s\" has %s in it, which a page or an editor made of hyphens: type "
			"--%s"
		      : "\"%.*s\" has %s in it, which a page or an editor made of hyphens: an "
			"option begins with two of these",
		(int)shown, word, f.name, name);
}

/* Of what begins as an option does, up to its '='. */
static int check_name(const struct option_table *t, struct str name, struct error *err)
{
	/* What follows a letter may be its value. */
	size_t n = name.p[1] == '-' ? name.n : MIN(name.n, 3);
	for (size_t i = 0; i < n; i++) {
		struct str rest = {name.p + i, name.n - i};
		struct found f = sign_at(rest);
		if (f.sign == SIGN_DASH)
			return refuse_dash(t, name.p, f, err);
		if (f.sign == SIGN_BLANK)
			return error_set(err, -EINVAL,
				"%.*s has %s behind it, which the shell does not split at: type an "
				"ordinary space instead",
				(int)i, name.p, f.name);
		if (isspace((unsigned char)*rest.p))
			return error_set(err, -EINVAL,
				"\"%.*s\" and what follows are one word: quotes, or a list of "
				"arguments, keep them together; make two words of it, or write "
				"%.*s=VALUE",
				(int)i, name.p, (int)i, name.p);
	}
	return 0;
}

int formatting_check_word(const struct option_table *t, const char *word, struct error *err)
{
	if (is_blank(word))
		return refuse_blank(word, err);
	struct found f = sign_at(str_from(word));
	if (f.sign == SIGN_DASH)
		return refuse_dash(t, word, f, err);
	if (f.sign == SIGN_QUOTE)
		return error_set(err, -EINVAL,
			"an argument begins with %s, which a page or an editor made of a straight "
			"one and the shell does not know: type \" or '",
			f.name);
	if (f.sign == SIGN_BLANK)
		return error_set(err, -EINVAL,
			"an argument begins with %s, which the shell does not split at: type an "
			"ordinary space instead",
			f.name);
	if (word[0] == '-' && word[1])
		return check_name(t, (struct str){word, strcspn(word, "=")}, err);
	return 0;
}

/* ---- Values ---- */

/* " --port=80" in a value: where the name begins, behind blanks; 0: there is none. */
static size_t option_inside(const struct option_table *t, struct str value, size_t *n_out)
{
	for (size_t i = 1; i + 2 < value.n; i++) {
		struct str rest = {value.p + i, value.n - i};
		struct str before = {value.p, i};
		if (memcmp(rest.p, "--", 2) != 0 ||
			(!isspace((unsigned char)value.p[i - 1]) &&
				sign_before_end(before).sign != SIGN_BLANK))
			continue;
		size_t n = 2;
		while (n < rest.n && rest.p[n] != '=' && !isspace((unsigned char)rest.p[n]))
			n++;
		*n_out = n;
		if (option_find(t, rest.p + 2, n - 2).row)
			return i;
	}
	return 0;
}

/* "$NAME" in capitals, "${name}", "$(command)": as a password may begin with a dollar, no more than that. */
static const char *unreplaced(struct str v)
{
	if (v.n < 4 || v.p[0] != '$')
		return v.n > 2 && v.p[0] == '`' && v.p[v.n - 1] == '`' ? "command" : NULL;
	if (v.p[1] == '(' && v.p[v.n - 1] == ')')
		return "command";
	bool braces = v.p[1] == '{' && v.p[v.n - 1] == '}';
	for (size_t i = braces ? 2 : 1; i < v.n - braces; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (!isupper(c) && c != '_' && !isdigit(c) && !(braces && islower(c)))
			return NULL;
	}
	return "variable";
}

static int check_quotes(struct str v, struct error *err)
{
	struct found first = sign_at(v), last = sign_before_end(v);
	if (first.sign == SIGN_QUOTE || last.sign == SIGN_QUOTE)
		return error_set(err, -EINVAL,
			"the value has %s around it, which a page or an editor made of a straight "
			"one: type \" or '",
			first.sign == SIGN_QUOTE ? first.name : last.name);
	if (v.n >= 2 && (*v.p == '"' || *v.p == '\'') && v.p[v.n - 1] == *v.p)
		return error_set(err, -EINVAL,
			"the value has quotes around it, which nothing has taken off: leave them "
			"away where no shell reads it");
	return 0;
}

int formatting_check_value(const struct option_table *t, struct str v, struct error *err)
{
	size_t n, inside = option_inside(t, v, &n);
	if (inside)
		return error_set(err, -EINVAL,
			"the value has another option in it, %.*s: end the quotes before it, or "
			"make two arguments of it",
			(int)n, v.p + inside);
	const char *what = unreplaced(v);
	if (what)
		return error_set(err, -EINVAL,
			"the value is a %s that no shell has replaced, because it stands in single "
			"quotes, or where there is no shell",
			what);
	if (v.n && v.p[v.n - 1] == '\r')
		return error_set(err, -EINVAL,
			"the value has a carriage return behind it: it is from a file with line "
			"ends of Windows; convert that with dos2unix");
	struct found first = sign_at(v), last = sign_before_end(v);
	if (first.sign == SIGN_BLANK || last.sign == SIGN_BLANK)
		return error_set(err, -EINVAL,
			"the value has %s beside it, which is none for the shell: type an ordinary "
			"space instead",
			first.sign == SIGN_BLANK ? first.name : last.name);
	return check_quotes(v, err);
}

int formatting_check_key(const char *key, struct error *err)
{
	for (const char *c = key; *c; c++) {
		struct found f = sign_at(str_from(c));
		if (f.sign == SIGN_DASH)
			return error_set(err, -EINVAL,
				"\"%s\" has %s in it, which a page or an editor made of a hyphen",
				key, f.name);
		if (f.sign != SIGN_NONE)
			return error_set(err, -EINVAL, "\"%s\" has %s in it", key, f.name);
	}
	return 0;
}
