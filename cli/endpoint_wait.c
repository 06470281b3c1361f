/* SPDX-License-Identifier: MIT */
#include "cli/endpoint_wait.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/answer.h"
#include "cli/columns.h"

/* Between two looks: a person waits for another person, and each is one request. */
static const struct timespec pause_between = {.tv_nsec = 500 * 1000 * 1000};

#define STATUS "properties.privateLinkServiceConnectionState.status"

static const char *status_of(const json_t *endpoint)
{
	const char *text = json_string_value(columns_member(endpoint, STATUS));
	return text ? text : "";
}

static int print(struct call *c, const json_t *endpoint)
{
	if (call_output(c) != OUTPUT_TABLE)
		return call_print(c, endpoint);
	call_say(c, "%s is %s", answer_text(endpoint, "name"), status_of(endpoint));
	return 0;
}

/* What is Disconnected stays so: whoever waits for anything else waits in vain. */
static int over(struct call *c, const json_t *endpoint)
{
	if (strcasecmp(status_of(endpoint), "Disconnected") != 0)
		return 0;
	return error_set(c->err, STATUS_FAILED,
		"%s is Disconnected, and stays so: its consumer has to delete it and ask again",
		answer_text(endpoint, "name"));
}

int endpoint_wait(struct call *c)
{
	uint64_t end = clock_now() + c->o->timeout;
	for (;;) {
		json_t *endpoint = NULL;
		int r = call_ask(c, &endpoint);
		bool done = !r && strcasecmp(status_of(endpoint), c->o->status) == 0;
		if (done)
			r = print(c, endpoint);
		else if (!r)
			r = over(c, endpoint);
		if (!r && !done && clock_now() >= end)
			r = error_set(c->err, STATUS_TIMEOUT,
				"%s is %s, and not %s, after all that time",
				answer_text(endpoint, "name"), status_of(endpoint), c->o->status);
		json_decref(endpoint);
		if (r || done)
			return r;
		nanosleep(&pause_between, NULL);
	}
}
