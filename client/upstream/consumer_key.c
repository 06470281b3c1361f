/* SPDX-License-Identifier: MIT */
#include "client/upstream/consumer_key.h"

#include <stdio.h>
#include <string.h>

#include "policy/alias.h"

/* ---- By the list ---- */

static void check_list(struct consumer_key *c)
{
	char why[CLIENT_KEYS_WHY], text[KEY_TEXT_LEN + 1];
	if (key_list_has(&c->keys->consumers, c->open->consumer, c->key)) {
		c->checked(c, NULL);
		return;
	}
	key_text(c->key, text);
	snprintf(why, sizeof(why), "its key %s does not stand in --known-keys under that name",
		text);
	c->checked(c, why);
}

/* ---- By what was seen first ---- */

static void remembered(struct key_question *q, enum known_key answer, const uint8_t *known)
{
	struct consumer_key *c = container_of(q, struct consumer_key, question);
	char why[CLIENT_KEYS_WHY];
	switch (answer) {
	case KNOWN_KEY_SAME:
	case KNOWN_KEY_NEW:
		c->checked(c, NULL);
		break;
	case KNOWN_KEY_OTHER:
		client_keys_explain(c->key, known, q->name, why);
		c->checked(c, why);
		break;
	case KNOWN_KEY_FULL:
		c->checked(c, KNOWN_KEYS_FULL);
		break;
	case KNOWN_KEY_NONE:
	case KNOWN_KEY_FAILED:
		c->checked(c, "it cannot be said whether its key is the one that was seen before");
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

static void check_known(struct consumer_key *c)
{
	c->question = (struct key_question){.has_key = true, .answered = remembered};
	memcpy(c->question.key, c->key, sizeof(c->key));
	client_keys_consumer_name(alias_of(c->pub), c->open->link, c->question.name);
	known_keys_ask(&c->keys->known, &c->question);
}

/* ---- Both ---- */

void consumer_key_check(struct consumer_key *c, const uint8_t key[KEY_PAIR_SIZE])
{
	memcpy(c->key, key, sizeof(c->key));
	if (c->keys->listed)
		check_list(c);
	else
		check_known(c);
}

void consumer_key_cancel(struct consumer_key *c)
{
	key_question_cancel(&c->question);
}
