/* SPDX-License-Identifier: MIT */
#include "server/admin/figures_json.h"

#include "api/api_json.h"

void figures_sum_add(struct figures_sum *to, const struct service_look *look)
{
	if (look->figures) {
		to->begun += look->figures->begun;
		to->errors += look->figures->errors;
		to->in += look->figures->in;
		to->out += look->figures->out;
	}
	if (look->failed_at <= to->failed_at)
		return;
	to->failed_at = look->failed_at;
	to->failed_why = look->failed_why;
}

/* Of frame_reset_is_dial(). */
static const char *failure_sentence(enum frame_reset why)
{
	switch ((int)why) { /* the others are no dials */
	case FRAME_RESET_REFUSED:
		return "the upstream refused the connection";
	case FRAME_RESET_DIAL_TIMEOUT:
		return "the upstream did not answer";
	case FRAME_RESET_UNREACHABLE:
		return "the client has no way to the upstream's network or host";
	case FRAME_RESET_DNS:
		return "the upstream's name does not resolve";
	case FRAME_RESET_BUSY:
		return "the client has too many connections under way";
	case FRAME_RESET_TLS:
		return "TLS with the upstream failed";
	default:
		return "the upstream was not reached";
	}
}

static json_t *failure_json(const struct figures_sum *sum)
{
	return sum->failed_at ? json_pack("{s:o, s:s}", "at", clock_moment_json(sum->failed_at),
					"what", failure_sentence(sum->failed_why))
			      : json_null();
}

/* Takes both. */
static json_t *set(json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, value) == 0)
		return object;
	json_decref(object);
	return NULL;
}

json_t *figures_sum_set(json_t *object, const struct figures_sum *sum)
{
	object = set(object, "rps", json_real(sum->begun));
	object = set(object, "errors", json_real(sum->errors));
	object = set(object, "in", json_real(sum->in));
	object = set(object, "out", json_real(sum->out));
	return set(object, "lastError", failure_json(sum));
}

static json_t *quantile_json(const struct histogram_sum *times, double share)
{
	return histogram_count(times) ? seconds_json(histogram_quantile(times, share))
				      : json_null();
}

json_t *figures_times_set(json_t *object, const struct figures *f)
{
	struct histogram_sum times = {0};
	if (f)
		times = figures_times(f);
	object = set(object, "p50", quantile_json(&times, 0.5));
	object = set(object, "p95", quantile_json(&times, 0.95));
	return set(object, "p99", quantile_json(&times, 0.99));
}

struct service_look figures_look(struct service *s)
{
	return service_look(s, clock_now());
}
