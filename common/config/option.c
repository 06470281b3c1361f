/* SPDX-License-Identifier: MIT */
/* Finding rows by what somebody typed, exactly or nearly. */
#include "config/option.h"

#include <ctype.h>
#include <string.h>

#include "base/macros.h"

#define WORD_MAX 64

static bool is_word(const char *word, const char *name, size_t n)
{
	return strlen(word) == n && memcmp(word, name, n) == 0;
}

/* Calls for the next of a list of words with a space between; false at its end. */
static bool next_word(const char **list, const char **word, size_t *n)
{
	if (!*list || !**list)
		return false;
	*word = *list;
	*n = strcspn(*list, " ");
	*list += *n;
	*list += strspn(*list, " ");
	return true;
}

static bool is_named(const struct option_row *row, const char *name, size_t n)
{
	if (is_word(row->name, name, n))
		return true;
	const char *list = row->aliases, *word;
	size_t len;
	while (next_word(&list, &word, &len))
		if (len == n && memcmp(word, name, n) == 0)
			return true;
	return false;
}

struct option_at option_find(const struct option_table *t, const char *name, size_t n)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct option_row *row = &t->rows[i];
		if (row->type != OPTION_GROUP && is_named(row, name, n))
			return (struct option_at){row, NULL};
		for (size_t j = 0; row->group && j < row->group->n; j++)
			if (is_named(&row->group->rows[j], name, n))
				return (struct option_at){&row->group->rows[j], row};
	}
	return (struct option_at){NULL, NULL};
}

struct option_at option_find_behind(const struct option_table *t, const struct option_row *group,
	const char *name, size_t n)
{
	for (size_t j = 0; group && j < group->group->n; j++)
		if (is_named(&group->group->rows[j], name, n))
			return (struct option_at){&group->group->rows[j], group};
	return option_find(t, name, n);
}

struct option_at option_find_letter(const struct option_table *t, char letter)
{
	for (size_t i = 0; letter && i < t->n; i++) {
		const struct option_row *row = &t->rows[i];
		if (row->letter == letter)
			return (struct option_at){row, NULL};
		for (size_t j = 0; row->group && j < row->group->n; j++)
			if (row->group->rows[j].letter == letter)
				return (struct option_at){&row->group->rows[j], row};
	}
	return (struct option_at){NULL, NULL};
}

const struct option_row *option_find_key(const struct option_table *t, const char *name, size_t n)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct option_row *row = &t->rows[i];
		if (is_named(row, name, n) || (row->key && is_word(row->key, name, n)))
			return row;
	}
	return NULL;
}

/* "LOG_FORMAT" and "log_format" are log-format. */
static bool is_habit(const char *word, const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int c = name[i] == '_' ? '-' : (unsigned char)name[i];
		/* -r and -R are two letters. */
		if (c != word[i] && (n == 1 || tolower(c) != tolower((unsigned char)word[i])))
			return false;
	}
	return true;
}

const char *option_habit(const struct option_table *t, const char *name, size_t n)
{
	for (const struct option_habit *habit = t->habits; habit && habit->names; habit++) {
		const char *list = habit->names, *word;
		size_t len;
		while (next_word(&list, &word, &len))
			if (len == n && is_habit(word, name, n))
				return habit->answer;
	}
	return NULL;
}

bool option_ranges_have(const struct option_ranges *r, uint16_t port)
{
	for (size_t i = 0; i < r->n; i++)
		if (port >= r->v[i].first && port <= r->v[i].last)
			return true;
	return false;
}

size_t option_distance(const char *a, size_t an, const char *b, size_t bn)
{
	/* Three rows of the usual matrix; the one before the last is for swaps. */
	size_t rows[3][WORD_MAX + 1];
	if (an > WORD_MAX || bn > WORD_MAX)
		return MAX(an, bn);
	for (size_t j = 0; j <= bn; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= an; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3];
		row[0] = i;
		for (size_t j = 1; j <= bn; j++) {
			size_t d = above[j - 1] + (a[i - 1] != b[j - 1]);
			d = MIN(d, above[j] + 1);
			d = MIN(d, row[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d = MIN(d, rows[(i - 2) % 3][j - 2] + 1);
			row[j] = d;
		}
	}
	return rows[an % 3][bn];
}

struct nearest {
	const char *name;
	size_t distance;
};

/* A typed beginning of a name is meant to be that name, whatever is missing behind it. */
static void consider(struct nearest *best, const char *typed, size_t n, const char *word,
	size_t len, const char *name)
{
	size_t d = option_distance(typed, n, word, len);
	if (n >= 3 && n < len && memcmp(typed, word, n) == 0)
		d = 1;
	if (d < best->distance)
		*best = (struct nearest){name, d};
}

static void consider_row(struct nearest *best, const struct option_row *row, const char *typed,
	size_t n, const char *name)
{
	consider(best, typed, n, row->name, strlen(row->name), name);
	const char *list = row->aliases, *word;
	size_t len;
	while (next_word(&list, &word, &len))
		consider(best, typed, n, word, len, name);
}

const char *option_nearest(const struct option_table *t, const char *typed, size_t n)
{
	struct nearest best = {NULL, option_slip(n) + 1};
	for (size_t i = 0; i < t->n; i++) {
		const struct option_row *row = &t->rows[i];
		if (row->type != OPTION_GROUP)
			consider_row(&best, row, typed, n, row->name);
		for (size_t j = 0; row->group && j < row->group->n; j++)
			consider_row(&best, &row->group->rows[j], typed, n,
				row->group->rows[j].name);
	}
	consider(&best, typed, n, OPTION_HELP_NAME, strlen(OPTION_HELP_NAME), OPTION_HELP_NAME);
	return best.name;
}

const char *option_nearest_key(const struct option_table *t, const char *typed, size_t n)
{
	struct nearest best = {NULL, option_slip(n) + 1};
	for (size_t i = 0; i < t->n; i++) {
		const struct option_row *row = &t->rows[i];
		const char *name = row->key ? row->key : row->name;
		consider_row(&best, row, typed, n, name);
		consider(&best, typed, n, name, strlen(name), name);
		if (row->group)
			consider_row(&best, option_key(row), typed, n, option_key(row)->name);
	}
	return best.name;
}
