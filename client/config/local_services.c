/* SPDX-License-Identifier: MIT */
#include "client/config/local_services.h"

#include <errno.h>
#include <stdlib.h>

bool local_services_stdio(const struct local_services *s)
{
	return s->n && s->v[0].place.kind == LOCAL_PLACE_STDIO;
}

static bool meets(const struct local_place *a, const struct local_place *b, bool named)
{
	bool apart = named && *a->host && (!a->host_given || !b->host_given);
	return !apart && local_place_meets(a, b);
}

static int check(const struct local_services *s, const struct local_service *add, bool named,
	struct error *err)
{
	char place[LOCAL_PLACE_TEXT_SIZE];
	if (s->n >= LOCAL_SERVICES_MAX)
		return error_set(err, -EINVAL,
			"more than %d private services: that is what one client may use",
			LOCAL_SERVICES_MAX);
	if (s->n && (local_services_stdio(s) || add->place.kind == LOCAL_PLACE_STDIO))
		return error_set(err, -EINVAL,
			"--stdio is for one private service and nothing else: start another tunnel "
			"connect for %s",
			add->name);
	for (size_t i = 0; i < s->n; i++)
		if (meets(&s->v[i].place, &add->place, named))
			return error_set(err, -EINVAL,
				"%s is where both %s and %s are to be found: give one of them "
				"another place",
				local_place_text(&add->place, place), s->v[i].name, add->name);
	return 0;
}

int local_services_add(struct local_services *s, const struct local_options *o, bool named,
	struct error *err)
{
	struct local_service add;
	int r = local_service_init(&add, o, err);
	if (!r)
		r = check(s, &add, named, err);
	struct local_service *v = r ? NULL : reallocarray(s->v, s->n + 1, sizeof(*v));
	if (!v) {
		local_service_deinit(&add);
		return r ? r : error_set(err, -ENOMEM, "no memory");
	}
	s->v = v;
	s->v[s->n++] = add;
	return 0;
}

void local_services_deinit(struct local_services *s)
{
	for (size_t i = 0; i < s->n; i++)
		local_service_deinit(&s->v[i]);
	free(s->v);
	*s = LOCAL_SERVICES_NULL;
}
