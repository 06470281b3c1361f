/* SPDX-License-Identifier: MIT */
#include "api/select.h"

#include <string.h>

void api_select_offer(struct api_select *s, const char *key, void *row)
{
	if (*s->after && strcmp(key, s->after) <= 0)
		return;
	bool full = s->n == API_ROWS;
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

void api_select_page(const struct api_select *s, struct api_page *p,
	json_t *(*item)(const void *row))
{
	for (unsigned i = 0; i < s->n; i++) {
		if (!api_page_room(p))
			return;
		json_t *json = item(s->rows[i].row);
		if (!json) {
			api_page_fail(p);
			return;
		}
		api_page_add(p, s->rows[i].key, json);
	}
	if (api_select_last(s))
		api_page_end(p);
}
