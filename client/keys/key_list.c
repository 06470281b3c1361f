/* SPDX-License-Identifier: MIT */
#include "client/keys/key_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/str.h"

/* The first entry that does not stand before the name. */
static size_t place_of(const struct key_list *list, const char *name)
{
	size_t low = 0, high = list->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(list->v[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_named(const struct key_list *list, size_t at, const char *name)
{
	return at < list->n && strcmp(list->v[at].name, name) == 0;
}

const uint8_t *key_list_find(const struct key_list *list, const char *name)
{
	size_t at = place_of(list, name);
	return is_named(list, at, name) ? list->v[at].key : NULL;
}

bool key_list_has(const struct key_list *list, const char *name, const uint8_t *key)
{
	for (size_t at = place_of(list, name); is_named(list, at, name); at++)
		if (memcmp(list->v[at].key, key, KEY_PAIR_SIZE) == 0)
			return true;
	return false;
}

static bool grow(struct key_list *list)
{
	size_t cap = list->cap ? 2 * list->cap : 8;
	struct key_entry *v = list->n < list->cap ? list->v : realloc(list->v, cap * sizeof(*v));
	if (!v)
		return false;
	if (list->n == list->cap)
		list->cap = cap;
	list->v = v;
	return true;
}

static int add(struct key_list *list, struct str name, const uint8_t *key)
{
	if (list->n == KEY_LIST_MAX)
		return -ENOSPC;
	char *copy = strndup(name.p, name.n);
	if (!copy || !grow(list)) {
		free(copy);
		return -ENOMEM;
	}
	size_t at = place_of(list, copy);
	memmove(list->v + at + 1, list->v + at, (list->n - at) * sizeof(*list->v));
	list->v[at].name = copy;
	memcpy(list->v[at].key, key, KEY_PAIR_SIZE);
	list->n++;
	return 0;
}

/* It is a word of a line: what parts words and lines would make it another name, with a key that somebody chose. */
static bool is_word(const char *name)
{
	for (const char *c = name; *c; c++)
		if (*c <= ' ' || *c > '~' || *c == '#')
			return false;
	return *name;
}

int key_list_add(struct key_list *list, const char *name, const uint8_t *key)
{
	if (!is_word(name))
		return -EINVAL;
	if (strchr(name, '/') && list->n >= KEY_LIST_CONSUMERS_MAX)
		return -ENOSPC;
	return add(list, str_from(name), key);
}

/* ---- A file of them ---- */

static struct str next_word(struct str *line)
{
	while (line->n && strchr(" \t\r", *line->p)) {
		line->p++;
		line->n--;
	}
	struct str word = {line->p, 0};
	while (line->n && !strchr(" \t\r", *line->p)) {
		word.n++;
		line->p++;
		line->n--;
	}
	return word;
}

static int parse_line(struct key_list *list, struct str line, unsigned number, struct error *err)
{
	const char *sign = line.n ? memchr(line.p, '#', line.n) : NULL;
	if (sign)
		line.n = (size_t)(sign - line.p);
	struct str name = next_word(&line), key_word = next_word(&line), more = next_word(&line);
	uint8_t key[KEY_PAIR_SIZE];
	if (!name.n)
		return 0;
	if (more.n || name.n >= KEY_NAME_SIZE || !key_parse(key_word, key))
		return error_set(err, -EINVAL,
			"line %u is not a name and a key, such as \"web " KEY_TEXT_PREFIX
			"...\" with 64 hexadecimal digits",
			number);
	int r = add(list, name, key);
	if (r == -ENOSPC)
		return error_set(err, r, "there are more than %d keys", KEY_LIST_MAX);
	return r ? error_set(err, r, "no memory") : 0;
}

int key_list_parse(struct key_list *list, const char *text, struct error *err)
{
	int r = 0;
	for (unsigned number = 1; *text && !r; number++) {
		size_t n = strcspn(text, "\n");
		r = parse_line(list, (struct str){text, n}, number, err);
		text += n + (text[n] == '\n');
	}
	return r;
}

int key_list_format(const struct key_list *list, struct buf *to)
{
	int r = 0;
	for (size_t i = 0; i < list->n && !r; i++) {
		char text[KEY_TEXT_LEN + 1];
		key_text(list->v[i].key, text);
		r = buf_append(to, list->v[i].name, strlen(list->v[i].name));
		r = r ? r : buf_append(to, " ", 1);
		r = r ? r : buf_append(to, text, KEY_TEXT_LEN);
		r = r ? r : buf_append(to, "\n", 1);
	}
	return r;
}

/* ---- Fewer ---- */

static bool is_of(const char *entry, const char *name)
{
	size_t n = strlen(name);
	return strncmp(entry, name, n) == 0 && (!entry[n] || entry[n] == '/' || entry[n] == '@');
}

size_t key_list_forget(struct key_list *list, const char *name)
{
	size_t kept = 0, n = list->n;
	for (size_t i = 0; i < n; i++) {
		if (is_of(list->v[i].name, name))
			free(list->v[i].name);
		else
			list->v[kept++] = list->v[i];
	}
	list->n = kept;
	return n - kept;
}

void key_list_deinit(struct key_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i].name);
	free(list->v);
	*list = (struct key_list){0};
}
