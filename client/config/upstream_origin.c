/* SPDX-License-Identifier: MIT */
#include "client/config/upstream_origin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/config/upstream_rules.h"

/* The first that was given of those that say what an origin is among others; NULL: none was. */
static const char *given(const struct service_options *o)
{
	return o->group      ? "--group"
	       : o->origin   ? "--origin"
	       : o->priority ? "--priority"
	       : o->weight   ? "--weight"
	       : o->disabled ? "--enabled"
			     : NULL;
}

static int check_group(const struct part *p, enum control_kind kind, struct error *err)
{
	if (kind != CONTROL_HTTP)
		return error_set(err, -EINVAL,
			"--group is for HTTP, which rules lead to a group, and %s is passed on as "
			"it comes",
			p->text);
	if (p->key.kind != KEY_NONE)
		return error_set(err, -EINVAL,
			"--group %s is the place where %s is published: leave out what stands "
			"before the '='",
			p->o->group, p->text);
	return 0;
}

int upstream_origin_init(struct upstream_origin *out, const struct part *p, enum control_kind kind,
	struct error *err)
{
	const struct service_options *o = p->o;
	const char *lost = given(o);
	size_t n;
	*out = (struct upstream_origin){.priority = (uint32_t)o->priority,
		.weight = (uint32_t)o->weight,
		.disabled = o->disabled};
	if (lost && o->private_name)
		return error_set(err, -EINVAL,
			"%s is for what visitors reach, and --private %s is not: leave it out",
			lost, o->private_name);
	if (o->origin && !control_is_origin(o->origin))
		return error_set(err, -EINVAL,
			"--origin takes letters, digits, - _ . and :, at most %d, not \"%s\"",
			CONTROL_NAME, o->origin);
	snprintf(out->name, sizeof(out->name), "%s", o->origin ? o->origin : "");
	if (!o->group)
		return 0;
	int bad = hostname_canonical(str_from(o->group), out->group, &n);
	if (bad)
		return error_set(err, -EINVAL, "--group: \"%s\" %s", o->group,
			hostname_error_text(bad));
	return check_group(p, kind, err);
}

bool upstream_origin_same(const struct upstream_origin *a, const struct upstream_origin *b)
{
	return strcmp(a->group, b->group) == 0 && strcmp(a->name, b->name) == 0 &&
	       a->priority == b->priority && a->weight == b->weight && a->disabled == b->disabled;
}

bool upstream_origin_said(const struct upstream_origin *o)
{
	return *o->group || *o->name || o->priority || o->weight || o->disabled;
}
