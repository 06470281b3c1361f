/* SPDX-License-Identifier: MIT */
#include "policy/alias.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "crypto/random.h"

/* Crockford's: a digit that is not here is not written. */
static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

char *policy_tag_draw(char to[POLICY_TAG_SIZE])
{
	uint8_t random[POLICY_TAG_LENGTH];
	random_bytes(random, sizeof(random));
	for (size_t i = 0; i < POLICY_TAG_LENGTH; i++)
		to[i] = digits[random[i] % 32]; /* of 256 values, eight for each digit */
	to[POLICY_TAG_LENGTH] = '\0';
	return to;
}

static bool take_tag(struct str text, char tag[POLICY_TAG_SIZE])
{
	if (text.n != POLICY_TAG_LENGTH)
		return false;
	for (size_t i = 0; i < POLICY_TAG_LENGTH; i++) {
		char c = text.p[i];
		c = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
		c = c == 'i' || c == 'l' ? '1' : c == 'o' ? '0' : c;
		if (!c || !strchr(digits, c))
			return false;
		tag[i] = c;
	}
	tag[POLICY_TAG_LENGTH] = '\0';
	return true;
}

/* What comes before the next dot; `text` is what stands behind it. */
static struct str take_label(struct str *text)
{
	const char *dot = text->n ? memchr(text->p, '.', text->n) : NULL;
	struct str label = {text->p, dot ? (size_t)(dot - text->p) : text->n};
	text->p += dot ? label.n + 1 : label.n;
	text->n -= dot ? label.n + 1 : label.n;
	return label;
}

int policy_alias_parse(struct str text, struct policy_alias *out, struct error *err)
{
	struct policy_alias alias = {.tag = ""};
	struct str rest = text;
	if (text.n && memchr(text.p, '#', text.n))
		return error_set(err, -EINVAL,
			"what stands behind the '#' of \"%.*s\" is a pin, which is no part of the "
			"alias",
			STR_ARG(text));
	struct str name = take_label(&rest);
	int r = policy_name_check(name, alias.name, err);
	if (r)
		return r;
	if (name.n < text.n && !take_tag(take_label(&rest), alias.tag))
		return error_set(err, -EINVAL,
			"\"%.*s\" is not an alias: behind the name and its dot there are %d "
			"letters "
			"and digits",
			STR_ARG(text), POLICY_TAG_LENGTH);
	*out = alias;
	return 0;
}

/* What anybody is told takes as long for a tag that is nearly right as for one that is quite wrong. */
static bool same_tag(const char a[POLICY_TAG_LENGTH], const char b[POLICY_TAG_LENGTH])
{
	unsigned different = 0;
	for (size_t i = 0; i < POLICY_TAG_LENGTH; i++)
		different |= (unsigned)(a[i] ^ b[i]);
	return different == 0;
}

bool policy_alias_is(const struct policy_alias *alias, const char *name, const char *tag)
{
	if (strcmp(alias->name, name) != 0)
		return false;
	return !alias->tag[0] || (strlen(tag) == POLICY_TAG_LENGTH && same_tag(alias->tag, tag));
}

char *policy_alias_format(const char *name, const char *tag, const char *exit,
	char to[POLICY_ALIAS_SIZE])
{
	snprintf(to, POLICY_ALIAS_SIZE, "%s.%s%s%s", name, tag, exit[0] ? "." : "", exit);
	return to;
}
