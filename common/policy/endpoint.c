/* SPDX-License-Identifier: MIT */
#include "policy/endpoint.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "crypto/random.h"

const char *policy_endpoint_state_name(enum policy_endpoint_state state)
{
	static const char *const names[] = {
		[POLICY_ENDPOINT_NONE] = "",
		[POLICY_PENDING] = "Pending",
		[POLICY_APPROVED] = "Approved",
		[POLICY_REJECTED] = "Rejected",
		[POLICY_DISCONNECTED] = "Disconnected",
	};
	return names[state];
}

const char *policy_endpoint_provisioning(enum policy_endpoint_state state)
{
	return state == POLICY_PENDING ? "Pending" : "Succeeded";
}

const char *policy_endpoint_how_name(enum policy_endpoint_how how)
{
	static const char *const names[] = {
		[POLICY_HOW_NOT] = "",
		[POLICY_HOW_MANUAL] = "manual",
		[POLICY_HOW_AUTO] = "auto",
		[POLICY_HOW_OWNER] = "owner",
	};
	return names[how];
}

/* ---- Values ---- */

static int check_memory(struct policy_endpoint *e)
{
	if (e->name && e->description && e->message && e->decided_by)
		return 0;
	policy_endpoint_deinit(e);
	return -ENOMEM;
}

int policy_endpoint_init(struct policy_endpoint *e, const char *name, enum policy_endpoint_how how)
{
	struct policy_endpoint_outcome first;
	struct error unused;
	uint64_t now = policy_now();
	policy_endpoint_step(POLICY_ENDPOINT_NONE, how, POLICY_REQUEST, &first, &unused);
	*e = (struct policy_endpoint){
		.name = policy_text_new(str_from(name)),
		.state = first.state,
		.how = how,
		/* Azure's words, which scripts look for. */
		.description =
			policy_text_new(how == POLICY_HOW_AUTO ? STR("Auto-Approved") : STR("")),
		.message = policy_text_new(STR("")),
		.decided_by = policy_text_new(STR("")),
		.created_at = now,
		.updated_at = now,
		.last_used_at = POLICY_NONE,
	};
	random_bytes(e->uid, sizeof e->uid);
	return check_memory(e);
}

int policy_endpoint_copy(struct policy_endpoint *to, const struct policy_endpoint *from)
{
	*to = *from;
	to->name = policy_text_new(str_from(from->name));
	to->description = policy_text_new(str_from(from->description));
	to->message = policy_text_new(str_from(from->message));
	to->decided_by = policy_text_new(str_from(from->decided_by));
	return check_memory(to);
}

void policy_endpoint_deinit(struct policy_endpoint *e)
{
	policy_text_free(e->name);
	policy_text_free(e->description);
	policy_text_free(e->message);
	policy_text_free(e->decided_by);
	memset(e, 0, sizeof *e);
}

int policy_message_check(struct str text, struct error *err)
{
	size_t characters = 0;
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (c < ' ' || c == 0x7f)
			return error_set(err, -EINVAL, "the message has a control character in it");
		characters += (c & 0xc0) != 0x80; /* else it goes on with one (UTF-8) */
	}
	if (characters > POLICY_MESSAGE_MAX || text.n > POLICY_MESSAGE_SIZE)
		return error_set(err, -EINVAL, "the message is longer than %d characters",
			POLICY_MESSAGE_MAX);
	return 0;
}

/* ---- Its use ---- */

enum policy_endpoint_how policy_endpoint_requested(const struct policy_private_service *s,
	const char *identity, bool is_owner)
{
	return is_owner                            ? POLICY_HOW_OWNER
	       : policy_auto_approves(s, identity) ? POLICY_HOW_AUTO
						   : POLICY_HOW_NOT;
}

bool policy_endpoint_usable(const struct policy_endpoint *e)
{
	return e->state == POLICY_APPROVED;
}

bool policy_endpoint_forgotten(const struct policy_endpoint *e, uint64_t now)
{
	uint64_t last = e->last_used_at == POLICY_NONE ? e->created_at : e->last_used_at;
	last = MAX(last, e->created_at);
	return e->state == POLICY_PENDING && now >= last && now - last >= POLICY_PENDING_MAX;
}
