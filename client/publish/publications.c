/* SPDX-License-Identifier: MIT */
#include "client/publish/publications.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/publish/publication_log.h"

struct publication *publications_find(const struct publications *s, uint32_t number)
{
	size_t low = 0, high = s->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->v[middle]->number + (publication_numbers(s->v[middle]) - 1) < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->n && s->v[low]->number <= number ? s->v[low] : NULL;
}

struct publication *publications_find_private(const struct publications *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i]->state != PUBLICATION_LEAVING &&
			str_same(s->v[i]->upstream.private.name, name))
			return s->v[i];
	return NULL;
}

void publications_deinit(struct publications *s)
{
	for (size_t i = 0; i < s->n; i++)
		publication_unref(s->v[i]);
	free(s->v);
	*s = (struct publications){0};
}

/* ---- What is said, and when ---- */

/*
 * What the exit node would not know: it would publish to everybody what is private, in a group, to take nobody, or to
 * have rules, or ask in HTTP/1.1 who speaks HTTP/2. NULL: it knows all of it.
 */
static const char *unknown_to(const struct publications *s, const struct publication *pub)
{
	const struct upstream *u = &pub->upstream;
	if (u->private.name && !s->features.private)
		return "it has no private services";
	if ((*u->origin.group || u->origin.disabled) && !s->features.groups)
		return "it is an older version without origin groups";
	if (u->url.h2 && u->kind == CONTROL_HTTP && !s->features.h2)
		return "it is of an older version, which asks upstreams in HTTP/1.1 alone; gRPC "
		       "goes through it as tls+tcp:// with --alpn=h2, or at a port as tcp://";
	if (u->rules && !s->features.rules)
		return "it is an older version, which would publish it without its rules (--rules)";
	return NULL;
}

static void decline(struct publication *pub, const char *why)
{
	publication_decline(pub, why);
	if (!pub->answer_logged)
		publication_log_answer(pub, "");
}

static void publish(const struct publications *s, struct publication *pub, struct link *l)
{
	pub->not_graded = !s->features.groups && upstream_origin_said(&pub->upstream.origin);
	publication_publish(pub, l);
}

void publications_begin(struct publications *s, const char *features)
{
	s->features.private = control_has_feature(features, CONTROL_FEATURE_PRIVATE);
	s->features.groups = control_has_feature(features, CONTROL_FEATURE_GROUPS);
	s->features.rules = control_has_feature(features, CONTROL_FEATURE_RULES);
	s->features.h2 = control_has_feature(features, CONTROL_FEATURE_H2);
}

void publications_offer(struct publications *s, struct link *l)
{
	for (size_t i = 0; i < s->n; i++) {
		struct publication *pub = s->v[i];
		const char *unknown = unknown_to(s, pub);
		if (pub->state == PUBLICATION_IDLE && unknown)
			decline(pub, unknown);
		else if (pub->state == PUBLICATION_IDLE)
			publish(s, pub, l);
		else if (pub->state == PUBLICATION_LEAVING && !pub->withdraw_said)
			publication_withdraw(pub, l);
		if (s->features.groups)
			publication_tell_health(pub, l);
	}
}

static void forget(struct publications *s, bool (*over)(const struct publication *pub))
{
	size_t kept = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct publication *pub = s->v[i];
		if (over(pub))
			publication_unref(pub);
		else
			s->v[kept++] = pub;
	}
	s->n = kept;
}

static bool lingered(const struct publication *pub)
{
	return pub->state == PUBLICATION_LEAVING && pub->looks > PUBLICATIONS_LINGER;
}

/* Logs its last answer, unless there were too many lately: it is said later then, if it still holds. */
static void tell(struct publications *s, struct publication *pub, uint64_t now)
{
	char more[LOG_LIMIT_MORE];
	bool answered = pub->state == PUBLICATION_GRANTED || pub->state == PUBLICATION_REFUSED;
	if (answered && !pub->answer_logged &&
		log_limit_pass(&s->log_answers, now, PUBLICATIONS_LOG_EVERY,
			PUBLICATIONS_LOG_BURST(s->n), more)) {
		publication_log_answer(pub, more);
		s->command_logged = s->command_logged || publication_log_command(pub);
	}
}

void publications_retry(struct publications *s, uint64_t now)
{
	for (size_t i = 0; i < s->n; i++) {
		tell(s, s->v[i], now);
		if (s->v[i]->state == PUBLICATION_REFUSED)
			publication_again(s->v[i], false);
		else if (s->v[i]->state == PUBLICATION_LEAVING && s->v[i]->withdraw_said)
			s->v[i]->looks++;
	}
	forget(s, lingered);
}

void publications_unanswered(struct publications *s)
{
	for (size_t i = 0; i < s->n; i++) {
		s->v[i]->withdraw_said = false;
		if (s->v[i]->state == PUBLICATION_OFFERED || s->v[i]->state == PUBLICATION_IDLE)
			publication_again(s->v[i], false);
	}
}

static bool is_unwanted(const struct publication *pub)
{
	return pub->state == PUBLICATION_LEAVING || pub->successor;
}

void publications_withdrawn(struct publications *s)
{
	forget(s, is_unwanted); /* a new session does not know of them */
	for (size_t i = 0; i < s->n; i++)
		publication_again(s->v[i], true);
}

/* The exit node answered about `pub`: publications whose place it takes may go. Whether there are any. */
static bool relieve_others(struct publications *s, const struct publication *pub)
{
	bool any = false;
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i]->successor != pub)
			continue;
		s->v[i]->successor = NULL;
		publication_set_state(s->v[i], PUBLICATION_LEAVING);
		any = true;
	}
	return any;
}

void publications_granted(struct publications *s, const struct control *message, uint64_t now)
{
	struct publication *pub = publications_find(s, message->granted.service);
	if (!pub || (pub->state != PUBLICATION_OFFERED && pub->state != PUBLICATION_REFUSED))
		return;
	publication_granted(pub, message);
	tell(s, pub, now);
	s->granted = true;
	if (pub->state == PUBLICATION_GRANTED)
		relieve_others(s, pub);
}

void publications_refused(struct publications *s, const struct control *message, uint64_t now)
{
	struct publication *pub = publications_find(s, message->refused.service);
	if (!pub || (pub->state != PUBLICATION_OFFERED && pub->state != PUBLICATION_GRANTED))
		return;
	/* A port or a name with other TLS: it is our own that has it. That is withdrawn first. */
	if (relieve_others(s, pub) && message->refused.reason == CONTROL_REASON_TAKEN) {
		publication_again(pub, false);
		return;
	}
	publication_refused(pub, message);
	tell(s, pub, now);
}

size_t publications_count(const struct publications *s, enum publication_state state)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += s->v[i]->state == state;
	return n;
}

void publications_describe(const struct publications *s, char *out, size_t size)
{
	size_t granted = publications_count(s, PUBLICATION_GRANTED), told = 0, n = 0;
	size_t refused = publications_count(s, PUBLICATION_REFUSED);
	char more[64] = "", item[512];
	if (refused)
		snprintf(more, sizeof(more), "; refused: %zu", refused);
	if (!granted)
		snprintf(out, size, "nothing is published yet%s", more);
	for (size_t i = 0; granted && i < s->n; i++) {
		const struct publication *pub = s->v[i];
		if (pub->state != PUBLICATION_GRANTED || !pub->answer)
			continue;
		int m = snprintf(item, sizeof(item), "%s%s at %s",
			told ? ", " : "published: ", pub->upstream.text, pub->answer);
		/* Room for what stands behind it. */
		if (m >= (int)sizeof(item) || n + (size_t)m + sizeof(more) + 32 > size)
			break;
		memcpy(out + n, item, (size_t)m);
		n += (size_t)m;
		told++;
	}
	if (granted && told < granted)
		n += (size_t)snprintf(out + n, size - n, told ? ", and %zu more" : "published: %zu",
			granted - told);
	if (granted)
		snprintf(out + n, size - n, "%s", more);
}

bool publications_refused_for_good(const struct publications *s)
{
	for (size_t i = 0; i < s->n; i++) {
		enum control_reason reason = s->v[i]->reason;
		if (s->v[i]->state != PUBLICATION_REFUSED ||
			(reason != CONTROL_REASON_INVALID && reason != CONTROL_REASON_UNSUPPORTED))
			return false;
	}
	return s->n > 0 && !s->granted;
}
