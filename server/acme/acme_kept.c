/* SPDX-License-Identifier: MIT */
#include "server/acme/acme_kept.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#define HOUR 3600

char *acme_kept_write(const struct acme_kept *k)
{
	json_t *orders = json_array();
	for (unsigned i = 0; i < k->n_orders; i++)
		json_array_append_new(orders, json_integer(k->orders[i]));
	json_t *json = json_pack("{s:s, s:I, s:I, s:I, s:o, s:I, s:s}", "identity", k->identity,
		"first", (json_int_t)k->first, "next", (json_int_t)k->next, "failures",
		(json_int_t)k->failures, "orders", orders, "windowLook", (json_int_t)k->window_look,
		"why", k->why);
	char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
	json_decref(json);
	return text;
}

/* A time, which may be missing. */
static bool take_time(const json_t *json, const char *member, int64_t *out)
{
	const json_t *value = json_object_get(json, member);
	*out = json_integer_value(value);
	return (!value || json_is_integer(value)) && *out >= 0;
}

static bool take_text(const json_t *json, const char *member, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(json, member));
	return text && (size_t)snprintf(out, size, "%s", text) < size;
}

static bool take_orders(const json_t *json, struct acme_kept *out)
{
	const json_t *orders = json_object_get(json, "orders");
	out->n_orders = (unsigned)json_array_size(orders);
	if (!json_is_array(orders) || out->n_orders > ACME_KEPT_ORDERS)
		return false;
	for (unsigned i = 0; i < out->n_orders; i++) {
		const json_t *at = json_array_get(orders, i);
		out->orders[i] = json_integer_value(at);
		if (!json_is_integer(at) || out->orders[i] < 0)
			return false;
	}
	return true;
}

int acme_kept_read(const char *text, struct acme_kept *out, struct error *err)
{
	struct acme_kept k = {0};
	int64_t failures = 0;
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	bool good = json_is_object(json) &&
		    take_text(json, "identity", k.identity, sizeof(k.identity)) &&
		    take_text(json, "why", k.why, sizeof(k.why)) &&
		    take_time(json, "first", &k.first) && take_time(json, "next", &k.next) &&
		    take_time(json, "windowLook", &k.window_look) &&
		    take_time(json, "failures", &failures) && failures < 1000000 &&
		    take_orders(json, &k);
	json_decref(json);
	if (!good)
		return error_set(err, -EINVAL, "it is damaged");
	k.failures = (unsigned)failures;
	*out = k;
	return 0;
}

void acme_kept_order(struct acme_kept *k, int64_t now)
{
	unsigned n = 0;
	for (unsigned i = 0; i < k->n_orders; i++)
		if (k->orders[i] > now - HOUR)
			k->orders[n++] = k->orders[i];
	if (n == ACME_KEPT_ORDERS)
		memmove(k->orders, k->orders + 1, --n * sizeof(k->orders[0]));
	k->orders[n++] = now;
	k->n_orders = n;
}
