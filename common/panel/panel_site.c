/* SPDX-License-Identifier: MIT */
#include "panel/panel_site.h"

#define PAGE STR("/index.html")

const struct panel_file *panel_site_find(const char *target)
{
	struct str path = {target, strcspn(target, "?")};
	if (str_eq(path, STR("/")))
		path = PAGE;
	for (size_t i = 0; i < panel_files_n; i++)
		if (str_eq(path, str_from(panel_files[i].path)))
			return &panel_files[i];
	return NULL;
}

/* The next of a list with commas between, without the spaces around it; false: that was all. */
static bool next(struct str *list, struct str *out)
{
	if (!list->n)
		return false;
	const char *comma = memchr(list->p, ',', list->n);
	*out = (struct str){list->p, comma ? (size_t)(comma - list->p) : list->n};
	size_t used = out->n + (comma != NULL);
	list->p += used;
	list->n -= used;
	while (out->n && (out->p[0] == ' ' || out->p[0] == '\t'))
		*out = (struct str){out->p + 1, out->n - 1};
	while (out->n && (out->p[out->n - 1] == ' ' || out->p[out->n - 1] == '\t'))
		out->n--;
	return true;
}

static struct str strong(struct str tag)
{
	return tag.n > 2 && memcmp(tag.p, "W/", 2) == 0 ? (struct str){tag.p + 2, tag.n - 2} : tag;
}

bool panel_site_has_tag(struct str list, const char *etag)
{
	for (struct str tag; next(&list, &tag);)
		if (str_eq(tag, STR("*")) || str_eq(strong(tag), strong(str_from(etag))))
			return true;
	return false;
}

/* "gzip", "gzip;q=0.5", and not "gzip;q=0". */
bool panel_site_takes_gzip(struct str list)
{
	for (struct str coding; next(&list, &coding);) {
		const char *semicolon = memchr(coding.p, ';', coding.n);
		struct str name = {coding.p, semicolon ? (size_t)(semicolon - coding.p) : coding.n};
		struct str weight = {coding.p + name.n, coding.n - name.n};
		while (name.n && name.p[name.n - 1] == ' ')
			name.n--;
		if (!str_eq_nocase(name, STR("gzip")))
			continue;
		for (size_t i = 0; i < weight.n; i++)
			if (weight.p[i] >= '1' && weight.p[i] <= '9')
				return true;
		return !semicolon;
	}
	return false;
}
