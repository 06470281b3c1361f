/* SPDX-License-Identifier: MIT */
#include "client/local/provider_key.h"

#include <stdio.h>
#include <string.h>

#include "base/macros.h"

static bool is_pinned(const struct provider_key *p, const struct local_service *service)
{
	for (size_t i = 0; i < service->n_pins; i++)
		if (memcmp(service->pins[i], p->key, KEY_PAIR_SIZE) == 0)
			return true;
	return false;
}

static void check_pins(struct provider_key *p, const struct local_service *service)
{
	char why[CLIENT_KEYS_WHY], text[KEY_TEXT_LEN + 1];
	if (is_pinned(p, service)) {
		p->checked(p, NULL);
		return;
	}
	key_text(p->key, text);
	snprintf(why, sizeof(why),
		"its provider's key is %s, and that does not stand behind the '#' of its alias",
		text);
	p->checked(p, why);
}

/* ---- By what was seen first ---- */

static void explain_lost(const struct provider_key *p, const uint8_t *known,
	char why[CLIENT_KEYS_WHY])
{
	char text[KEY_TEXT_LEN + 1];
	key_text(known, text);
	snprintf(why, CLIENT_KEYS_WHY,
		"it was sealed end to end before, by the key %s, and is not now; if its owner says "
		"so: tunnel key forget %.256s",
		text, p->question.name);
}

static void remembered(struct key_question *q, enum known_key answer, const uint8_t *known)
{
	struct provider_key *p = container_of(q, struct provider_key, question);
	char why[CLIENT_KEYS_WHY];
	switch (answer) {
	case KNOWN_KEY_SAME:
	case KNOWN_KEY_NEW:
	case KNOWN_KEY_NONE:
		p->checked(p, NULL);
		break;
	case KNOWN_KEY_OTHER:
		if (p->given)
			client_keys_explain(p->key, known, q->name, why);
		else
			explain_lost(p, known, why);
		p->checked(p, why);
		break;
	case KNOWN_KEY_FULL:
		p->checked(p, KNOWN_KEYS_FULL);
		break;
	case KNOWN_KEY_FAILED:
		p->checked(p, "it cannot be said whether its provider's key is the one that was "
			      "seen before");
		break;
	}
}

static void check_known(struct provider_key *p, const struct local_service *service,
	struct client_keys *keys, const char *remote)
{
	p->question = (struct key_question){.has_key = p->given, .answered = remembered};
	memcpy(p->question.key, p->key, KEY_PAIR_SIZE);
	client_keys_name(service->alias, remote, p->question.name);
	known_keys_ask(&keys->known, &p->question);
}

/* ---- Both ---- */

void provider_key_check(struct provider_key *p, const struct local_service *service,
	struct client_keys *keys, const char *remote)
{
	char why[CLIENT_KEYS_WHY];
	if (service->end_to_end && !p->given) {
		snprintf(why, sizeof(why),
			"its provider does not seal it end to end, as %s asks for",
			service->n_pins ? "the key behind its alias' '#'" : "--end-to-end");
		p->checked(p, why);
	} else if (p->given && !(keys && keys->has_own)) {
		snprintf(why, sizeof(why), "it is sealed end to end, and %.400s",
			keys ? keys->why_not.text : "this client has no key");
		p->checked(p, why);
	} else if (service->n_pins) {
		check_pins(p, service);
	} else if (keys && keys->remembers) {
		check_known(p, service, keys, remote);
	} else {
		p->checked(p, NULL);
	}
}

void provider_key_cancel(struct provider_key *p)
{
	key_question_cancel(&p->question);
}
