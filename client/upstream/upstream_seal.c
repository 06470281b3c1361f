/* SPDX-License-Identifier: MIT */
#include "client/upstream/upstream_seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "policy/alias.h"

static void seal_failed(struct e2e *e, const char *why)
{
	struct upstream_seal *s = container_of(e, struct upstream_seal, e2e);
	s->failed(s, why);
}

static void refuse(struct upstream_seal *s, const char *why)
{
	struct relay *r = s->e2e.relay;
	s->failed(s, why);
	relay_abort(r, FRAME_RESET_DENIED);
	r->ended(r, FRAME_RESET_DENIED);
}

static void admit(struct upstream_seal *s)
{
	e2e_accept(&s->e2e);
	/* It may have ended there. */
	if (stream_alive(&s->e2e.relay->stream))
		s->accepted(s);
}

/* ---- By the list ---- */

static void check_list(struct upstream_seal *s)
{
	char why[CLIENT_KEYS_WHY], text[KEY_TEXT_LEN + 1];
	if (key_list_has(&s->keys->consumers, s->open->consumer, s->key)) {
		admit(s);
		return;
	}
	key_text(s->key, text);
	snprintf(why, sizeof(why), "its key %s does not stand in --known-keys under that name",
		text);
	refuse(s, why);
}

/* ---- By what was seen first ---- */

static void remembered(struct key_question *q, enum known_key answer, const uint8_t *known)
{
	struct upstream_seal *s = container_of(q, struct upstream_seal, question);
	char why[CLIENT_KEYS_WHY];
	switch (answer) {
	case KNOWN_KEY_SAME:
	case KNOWN_KEY_NEW:
		admit(s);
		break;
	case KNOWN_KEY_OTHER:
		client_keys_explain(s->key, known, q->name, why);
		refuse(s, why);
		break;
	case KNOWN_KEY_FULL:
		refuse(s, KNOWN_KEYS_FULL);
		break;
	case KNOWN_KEY_NONE:
	case KNOWN_KEY_FAILED:
		refuse(s, "it cannot be said whether its key is the one that was seen before");
		break;
	}
}

/* The exit node's answer is any text; keys are remembered under that of our private service. */
static const char *alias_of(const struct publication *pub)
{
	const char *name = pub->upstream.private.name;
	struct policy_alias said, own;
	struct error err;
	bool fine = pub->answer && policy_alias_parse(str_from(pub->answer), &said, &err) == 0 &&
		    policy_alias_parse(str_from(name), &own, &err) == 0 &&
		    strcmp(said.name, own.name) == 0;
	return fine ? pub->answer : name;
}

static void check_known(struct upstream_seal *s)
{
	const char *alias = alias_of(s->pub);
	s->question = (struct key_question){.has_key = true, .answered = remembered};
	memcpy(s->question.key, s->key, sizeof(s->key));
	client_keys_consumer_name(alias, s->open->link, s->question.name);
	known_keys_ask(&s->keys->known, &s->question);
}

/* ---- Both ---- */

static void seal_asked(struct e2e *e, const uint8_t key[KEY_PAIR_SIZE])
{
	struct upstream_seal *s = container_of(e, struct upstream_seal, e2e);
	memcpy(s->key, key, sizeof(s->key));
	if (s->keys->listed)
		check_list(s);
	else
		check_known(s);
}

struct upstream_seal *upstream_seal_new(struct relay *relay, struct client_keys *keys,
	const struct publication *pub, const struct frame_open *open)
{
	struct e2e_config config = {.own = pub->own,
		.service = pub->upstream.private.name,
		.link = open->link};
	struct upstream_seal *s = calloc(1, sizeof(*s));
	if (!s || e2e_start(&s->e2e, relay, &config) < 0)
		return upstream_seal_free(s);
	s->keys = keys;
	s->pub = pub;
	s->open = open;
	s->e2e.asked = seal_asked;
	s->e2e.failed = seal_failed;
	return s;
}

struct upstream_seal *upstream_seal_free(struct upstream_seal *s)
{
	if (!s)
		return NULL;
	key_question_cancel(&s->question);
	e2e_deinit(&s->e2e);
	free(s);
	return NULL;
}
