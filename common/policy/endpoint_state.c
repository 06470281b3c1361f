/* SPDX-License-Identifier: MIT */
/* How an endpoint goes from state to state. All that changes one asks here. */
#include <errno.h>

#include "base/macros.h"
#include "policy/endpoint.h"

/* In the table: the event is refused. */
#define REFUSED (POLICY_DISCONNECTED + 1)

/* clang-format off */
static const uint8_t table[POLICY_ENDPOINT_EVENTS][REFUSED] = {
	[POLICY_REQUEST] = {
		[POLICY_ENDPOINT_NONE] = POLICY_PENDING, /* or Approved */
		[POLICY_PENDING] = POLICY_PENDING,
		[POLICY_APPROVED] = POLICY_APPROVED,
		[POLICY_REJECTED] = POLICY_REJECTED,
		[POLICY_DISCONNECTED] = POLICY_DISCONNECTED,
	},
	[POLICY_APPROVE] = {
		[POLICY_ENDPOINT_NONE] = REFUSED,
		[POLICY_PENDING] = POLICY_APPROVED,
		[POLICY_APPROVED] = POLICY_APPROVED,
		[POLICY_REJECTED] = POLICY_APPROVED,
		[POLICY_DISCONNECTED] = REFUSED,
	},
	[POLICY_REJECT] = {
		[POLICY_ENDPOINT_NONE] = REFUSED,
		[POLICY_PENDING] = POLICY_REJECTED,
		[POLICY_APPROVED] = POLICY_REJECTED,
		[POLICY_REJECTED] = POLICY_REJECTED,
		[POLICY_DISCONNECTED] = REFUSED,
	},
	[POLICY_REMOVE] = {
		[POLICY_ENDPOINT_NONE] = REFUSED,
		[POLICY_PENDING] = POLICY_DISCONNECTED,
		[POLICY_APPROVED] = POLICY_DISCONNECTED,
		[POLICY_REJECTED] = POLICY_DISCONNECTED,
		[POLICY_DISCONNECTED] = REFUSED,
	},
	[POLICY_DELETE] = {
		[POLICY_ENDPOINT_NONE] = REFUSED,
		[POLICY_PENDING] = POLICY_ENDPOINT_NONE,
		[POLICY_APPROVED] = POLICY_ENDPOINT_NONE,
		[POLICY_REJECTED] = POLICY_ENDPOINT_NONE,
		[POLICY_DISCONNECTED] = POLICY_ENDPOINT_NONE,
	},
	[POLICY_CHANGE_KEY] = {
		[POLICY_ENDPOINT_NONE] = REFUSED,
		[POLICY_PENDING] = POLICY_PENDING,
		[POLICY_APPROVED] = POLICY_PENDING, /* or Approved */
		[POLICY_REJECTED] = POLICY_REJECTED,
		[POLICY_DISCONNECTED] = POLICY_DISCONNECTED,
	},
	[POLICY_DELETE_SERVICE] = {
		[POLICY_ENDPOINT_NONE] = REFUSED,
		[POLICY_PENDING] = POLICY_DISCONNECTED,
		[POLICY_APPROVED] = POLICY_DISCONNECTED,
		[POLICY_REJECTED] = POLICY_DISCONNECTED,
		[POLICY_DISCONNECTED] = POLICY_DISCONNECTED,
	},
};
/* clang-format on */

int policy_endpoint_step(enum policy_endpoint_state state, enum policy_endpoint_how how,
	enum policy_endpoint_event event, struct policy_endpoint_outcome *outcome_out,
	struct error *err)
{
	unsigned next = table[event][state];
	if (next == REFUSED && state == POLICY_ENDPOINT_NONE)
		return error_set(err, -EPERM, "there is no such endpoint");
	if (next == REFUSED)
		return error_set(err, -EPERM,
			"it was removed: the consumer has to delete it and ask again");
	if (event == POLICY_REQUEST && state == POLICY_ENDPOINT_NONE && how != POLICY_HOW_NOT)
		next = POLICY_APPROVED;
	/* Whoever did not have to look at a key approved none. */
	if (event == POLICY_CHANGE_KEY && how != POLICY_HOW_MANUAL)
		next = state;
	*outcome_out = (struct policy_endpoint_outcome){
		.state = (enum policy_endpoint_state)next,
		.cuts = state == POLICY_APPROVED && next != POLICY_APPROVED,
	};
	return 0;
}

/* ---- Of a value ---- */

static bool is_decision(enum policy_endpoint_event event)
{
	return event == POLICY_APPROVE || event == POLICY_REJECT || event == POLICY_REMOVE;
}

static struct str sentence_of(enum policy_endpoint_event event, struct str description)
{
	return event == POLICY_CHANGE_KEY       ? STR("its key changed")
	       : event == POLICY_DELETE_SERVICE ? STR("the private service was deleted")
						: description;
}

static enum policy_endpoint_how how_behind(const struct policy_endpoint *e,
	enum policy_endpoint_state next)
{
	if (next != POLICY_APPROVED)
		return POLICY_HOW_NOT;
	return e->state == POLICY_APPROVED ? e->how : POLICY_HOW_MANUAL;
}

int policy_endpoint_apply(struct policy_endpoint *e, enum policy_endpoint_event event,
	struct str description, const char *by, struct policy_endpoint_outcome *outcome_out,
	struct error *err)
{
	struct policy_endpoint_outcome outcome = {0};
	int r = policy_endpoint_step(e->state, e->how, event, &outcome, err);
	if (r)
		return r;
	/* Else it is as it was: a request again, a key that nobody approved, one that is Disconnected already. */
	if (is_decision(event) || (outcome.state != e->state && outcome.state)) {
		char *text = policy_text_new(sentence_of(event, description));
		char *decided_by = policy_text_new(str_from(by));
		if (!text || !decided_by) {
			policy_text_free(text);
			policy_text_free(decided_by);
			return error_set(err, -ENOMEM, "no memory");
		}
		policy_text_free(e->description);
		policy_text_free(e->decided_by);
		e->description = text;
		e->decided_by = decided_by;
		e->how = how_behind(e, outcome.state);
		e->state = outcome.state;
		e->updated_at = policy_now();
	}
	*outcome_out = outcome;
	return 0;
}
