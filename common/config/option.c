/* Finding rows by what somebody typed, exactly or nearly. */
#include "config/option.h"

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

const struct option_row *option_find(const struct option_table *t, const char *name, size_t n)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct option_row *row = &t->rows[i];
		if (is_word(row->name, name, n))
			return row;
		const char *list = row->aliases, *word;
		size_t len;
		while (next_word(&list, &word, &len))
			if (len == n && memcmp(word, name, n) == 0)
				return row;
	}
	return NULL;
}

const struct option_row *option_find_letter(const struct option_table *t, char letter)
{
	for (size_t i = 0; letter && i < t->n; i++)
		if (t->rows[i].letter == letter)
			return &t->rows[i];
	return NULL;
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

const char *option_nearest(const struct option_table *t, const char *typed, size_t n)
{
	struct nearest best = {NULL, option_slip(n) + 1};
	for (size_t i = 0; i < t->n; i++) {
		const struct option_row *row = &t->rows[i];
		consider(&best, typed, n, row->name, strlen(row->name), row->name);
		const char *list = row->aliases, *word;
		size_t len;
		while (next_word(&list, &word, &len))
			consider(&best, typed, n, word, len, row->name);
	}
	consider(&best, typed, n, OPTION_HELP_NAME, strlen(OPTION_HELP_NAME), OPTION_HELP_NAME);
	return best.name;
}
