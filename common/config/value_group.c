/* SPDX-License-Identifier: MIT */
/* Elements of groups, which begin with the defaults of their rows. */
#include <errno.h>

#include "config/value.h"

int value_begin(const struct option_row *group, void *values, const char *place, struct error *err)
{
	struct option_group *g = option_field(group, values);
	if (g->n >= VALUE_LIST_MAX)
		return error_set(err, -EINVAL, "more than %d of them", VALUE_LIST_MAX);
	if (value_append_element(group, g, place))
		return error_set(err, -ENOMEM, "no memory");
	int r = 0;
	for (size_t i = 0; !r && i < group->group->n; i++) {
		const struct option_row *inner = &group->group->rows[i];
		if (inner->default_text)
			r = value_set(inner, option_group_last(group, g),
				str_from(inner->default_text), err);
	}
	return r;
}
