/* SPDX-License-Identifier: MIT */
#include "policy/intention.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "crypto/random.h"
#include "policy/timestamp.h"

static const char *const action_names[] = {
	[POLICY_ALLOW] = "allow",
	[POLICY_DENY] = "deny",
};

const char *policy_action_name(enum policy_action action)
{
	return action_names[action];
}

int policy_action_parse(struct str text, enum policy_action *action_out, struct error *err)
{
	for (enum policy_action a = POLICY_ALLOW; a <= POLICY_DENY; a++)
		if (str_eq(text, str_from(action_names[a]))) {
			*action_out = a;
			return 0;
		}
	return error_set(err, -EINVAL, "\"%.*s\" is no action: allow or deny", STR_ARG(text));
}

/* ---- Values ---- */

static bool has_all(const struct policy_intention *i)
{
	return i->source && i->destination && i->description && i->meta && i->created_by;
}

static int no_memory(struct policy_intention *i)
{
	policy_intention_deinit(i);
	return -ENOMEM;
}

int policy_intention_init(struct policy_intention *i, const char *source, const char *destination,
	enum policy_action action)
{
	uint64_t now = policy_now();
	*i = (struct policy_intention){
		.source = policy_text_new(str_from(source)),
		.destination = policy_text_new(str_from(destination)),
		.action = action,
		.description = policy_text_new(STR("")),
		.meta = policy_text_new(STR("{}")),
		.created_by = policy_text_new(STR("")),
		.created_at = now,
		.updated_at = now,
	};
	random_bytes(i->uid, sizeof i->uid);
	return has_all(i) ? 0 : no_memory(i);
}

int policy_intention_copy(struct policy_intention *to, const struct policy_intention *from)
{
	*to = *from;
	to->source = policy_text_new(str_from(from->source));
	to->destination = policy_text_new(str_from(from->destination));
	to->description = policy_text_new(str_from(from->description));
	to->meta = policy_text_new(str_from(from->meta));
	to->created_by = policy_text_new(str_from(from->created_by));
	return has_all(to) ? 0 : no_memory(to);
}

void policy_intention_deinit(struct policy_intention *i)
{
	policy_text_free(i->source);
	policy_text_free(i->destination);
	policy_text_free(i->description);
	policy_text_free(i->meta);
	policy_text_free(i->created_by);
	memset(i, 0, sizeof *i);
}

int policy_intention_check_name(struct str text, char out[POLICY_NAME_SIZE], struct error *err)
{
	if (str_eq(text, STR(POLICY_ANY))) {
		memcpy(out, POLICY_ANY, sizeof POLICY_ANY);
		return 0;
	}
	if (text.n && memchr(text.p, '*', text.n))
		return error_set(err, -EINVAL,
			"\"%.*s\": \"*\" is not a part of a name: it stands alone, for all",
			STR_ARG(text));
	return policy_name_check(text, out, err);
}

char *policy_uuid_format(const uint8_t uid[POLICY_UID_SIZE], char to[POLICY_UUID_SIZE])
{
	char *at = to;
	for (int i = 0; i < POLICY_UID_SIZE; i++)
		at += sprintf(at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			uid[i]);
	return to;
}

/* ---- Which one decides ---- */

static bool is_any(const char *name)
{
	return strcmp(name, POLICY_ANY) == 0;
}

unsigned policy_precedence(const char *source, const char *destination)
{
	/*
	 * A name has two parts there, of which the namespace is always exact here: 9 for a destination of two
	 * exact parts and 6 for one of one, less what the source lacks of two.
	 */
	return (is_any(destination) ? 6 : 9) - (is_any(source) ? 1 : 0);
}

int policy_intention_order(const struct policy_intention *a, const struct policy_intention *b)
{
	int of_a = (int)policy_precedence(a->source, a->destination);
	int by = (int)policy_precedence(b->source, b->destination) - of_a;
	if (!by)
		by = strcmp(a->source, b->source);
	return by ? by : strcmp(a->destination, b->destination);
}

const struct policy_intention *policy_decide(policy_intention_find *find, const void *in,
	const char *source, const char *destination)
{
	const char *const pairs[][2] = {
		{source, destination},
		{POLICY_ANY, destination},
		{source, POLICY_ANY},
		{POLICY_ANY, POLICY_ANY},
	};
	const struct policy_intention *found = NULL;
	for (size_t n = 0; n < ARRAY_LEN(pairs) && !found; n++)
		found = find(in, pairs[n][0], pairs[n][1]);
	return found;
}
