/* SPDX-License-Identifier: MIT */
#include "client/publish/pending_requests.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

void pending_requests_init(struct pending_requests *p, struct loop *loop)
{
	*p = (struct pending_requests){.loop = loop};
	pending_programs_init(&p->programs, loop);
	hash_key_init(&p->key);
}

void pending_requests_deinit(struct pending_requests *p)
{
	pending_programs_deinit(&p->programs);
}

/* Whether it was said before; from now on it was. The same consumer's with another key or message is news. */
static bool pending_requests_know(struct pending_requests *p, const char *json, size_t n)
{
	uint64_t hash = keyed_hash(&p->key, json, n) | 1;
	for (size_t i = 0; i < PENDING_REQUESTS_KNOWN; i++)
		if (p->known[i] == hash)
			return true;
	p->known[p->next] = hash;
	p->next = (p->next + 1) % PENDING_REQUESTS_KNOWN;
	return false;
}

/* It will be pasted into a shell: nothing in it may mean more there than it says. */
static bool is_plain_id(const char *id)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
	return *id && *id != '-' && !id[strspn(id, plain)];
}

/* So that the approval is of the key that was looked at; "" where nobody looks at keys. */
#define KEY_OPTION_SIZE (sizeof(" --e2e-key ") + KEY_TEXT_LEN)
static const char *key_option(const struct publication *pub, const struct control *m,
	char option[KEY_OPTION_SIZE])
{
	char text[KEY_TEXT_LEN + 1];
	*option = '\0';
	if (!pub->own || !m->pending.e2e_given)
		return option;
	key_text(m->pending.e2e_key, text);
	snprintf(option, KEY_OPTION_SIZE, " --e2e-key %s", text);
	return option;
}

static void log_request(struct pending_requests *p, const struct publication *pub,
	const struct control *m)
{
	char more[LOG_LIMIT_MORE], option[KEY_OPTION_SIZE];
	const char *message = m->pending.message;
	if (!is_plain_id(m->pending.id) ||
		!log_limit_pass(&p->log, loop_now(p->loop), PENDING_REQUESTS_LOG_EVERY,
			PENDING_REQUESTS_LOG_BURST, more))
		return;
	log_info("%s asks for the private service %s%s%s%s; to approve it: tunnel endpoint approve "
		 "%s%s%s",
		m->pending.consumer, m->pending.service, message ? ": \"" : "",
		message ? message : "", message ? "\"" : "", m->pending.id,
		key_option(pub, m, option), more);
}

void pending_requests_heard(struct pending_requests *p, const struct publications *publications,
	const struct control *message)
{
	const struct publication *pub =
		publications_find_private(publications, message->pending.service);
	char json[CONTROL_MAX];
	struct error err;
	size_t n;
	if (!pub || control_encode(message, json, sizeof(json), &err, &n) != 0 ||
		pending_requests_know(p, json, n))
		return;
	log_request(p, pub, message);
	if (pub->upstream.private.on_pending)
		pending_programs_run(&p->programs, pub->upstream.private.on_pending, json, n);
}
