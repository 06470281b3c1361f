/* SPDX-License-Identifier: MIT */
#include "server/admin/select.h"

#include <string.h>

void admin_select_offer(struct admin_select *s, const char *key, void *row)
{
	if (*s->after && strcmp(key, s->after) <= 0)
		return;
	bool full = s->n == ADMIN_ROWS;
	if (full && strcmp(key, s->rows[s->n - 1].key) >= 0)
		return;
	/* Its place among them, by halves. */
	unsigned low = 0, high = s->n;
	while (low < high) {
		unsigned middle = (low + high) / 2;
		if (strcmp(s->rows[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	memmove(&s->rows[low + 1], &s->rows[low], (s->n - low - full) * sizeof(s->rows[0]));
	s->rows[low].key = key;
	s->rows[low].row = row;
	s->n += !full;
}

void admin_select_page(const struct admin_select *s, struct admin_page *p,
	json_t *(*item)(const void *row))
{
	for (unsigned i = 0; i < s->n; i++) {
		if (!admin_page_room(p))
			return;
		json_t *json = item(s->rows[i].row);
		if (!json) {
			admin_page_fail(p);
			return;
		}
		admin_page_add(p, s->rows[i].key, json);
	}
	if (admin_select_last(s))
		admin_page_end(p);
}
