/* SPDX-License-Identifier: MIT */
#include "client/config/local_service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- The alias ---- */

/* Nothing that ends a word, a field of a log line or a line of a file of names. */
static bool is_alias(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] <= ' ' || text.p[i] > '~' || strchr("\"\\=#,/", text.p[i]))
			return false;
	return text.n > 0 && text.n <= CONTROL_TEXT;
}

/* What stands behind the '#': keys with commas between. Whoever gives one is never served by anybody else. */
static int set_pins(struct local_service *s, struct str text, struct error *err)
{
	while (text.p) {
		const char *comma = text.n ? memchr(text.p, ',', text.n) : NULL;
		struct str key = {text.p, comma ? (size_t)(comma - text.p) : text.n};
		if (s->n_pins == LOCAL_SERVICE_PINS)
			return error_set(err, -EINVAL,
				"there are more than %d keys behind the alias' '#'",
				LOCAL_SERVICE_PINS);
		if (!key_parse(key, s->pins[s->n_pins++]))
			return error_set(err, -EINVAL,
				"\"%.*s\" behind the alias' '#' is no key, which its provider "
				"prints as " KEY_TEXT_PREFIX "... with %d hexadecimal digits",
				STR_ARG(key), KEY_PRIVATE_LEN);
		text = comma ? (struct str){comma + 1, text.n - key.n - 1} : STR_NULL;
		s->end_to_end = true;
	}
	return 0;
}

/* NAME, or NAME.TAG.EXIT, of which the exit node looks at the first two. */
static int set_alias(struct local_service *s, struct str text, struct error *err)
{
	const char *sign = text.n ? memchr(text.p, '#', text.n) : NULL;
	size_t n = sign ? (size_t)(sign - text.p) : text.n;
	struct str pin = sign ? (struct str){sign + 1, text.n - n - 1} : STR_NULL;
	struct str alias = {text.p, n};
	if (!alias.n)
		return error_set(err, -EINVAL,
			"the private service is missing: its alias, as its provider prints it, or "
			"its name stands before the '='");
	if (!is_alias(alias))
		return error_set(err, -EINVAL,
			"\"%.*s\" is no alias of a private service, such as "
			"redis.k7m2q9x4p3ta.exit.example.org, and no name of one",
			STR_ARG(alias));
	const char *dot = memchr(alias.p, '.', alias.n);
	struct str label = {alias.p, dot ? (size_t)(dot - alias.p) : alias.n};
	int r = policy_name_check(label, s->name, err);
	if (!r)
		r = set_pins(s, pin, err);
	if (r)
		return r;
	s->alias = strndup(alias.p, alias.n);
	return s->alias ? 0 : error_set(err, -ENOMEM, "no memory");
}

/* ---- What is said of the request ---- */

static size_t count_characters(struct str text)
{
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++)
		n += ((unsigned char)text.p[i] & 0xc0) != 0x80; /* all but UTF-8's continuations */
	return n;
}

static int set_message(struct local_service *s, const char *message, struct error *err)
{
	if (!message)
		return 0;
	struct str text = str_from(message);
	int r = policy_text_check(text, "message", err);
	if (!r && memchr(text.p, '\n', text.n))
		r = error_set(err, -EINVAL, "the message has several lines: it may have one");
	if (!r && (count_characters(text) > LOCAL_SERVICE_MESSAGE_MAX || text.n > CONTROL_MESSAGE))
		r = error_set(err, -EINVAL, "the message is longer than %d characters",
			LOCAL_SERVICE_MESSAGE_MAX);
	if (r)
		return error_prefix(err, "--message"), r;
	s->message = strdup(message);
	return s->message ? 0 : error_set(err, -ENOMEM, "no memory");
}

static int set_request(struct local_service *s, const struct local_options *o, struct error *err)
{
	char name[POLICY_NAME_SIZE];
	if (o->endpoint) {
		int r = policy_name_check(str_from(o->endpoint), name, err);
		if (r)
			return error_prefix(err, "--endpoint"), r;
		s->endpoint = strdup(name);
		if (!s->endpoint)
			return error_set(err, -ENOMEM, "no memory");
	}
	return set_message(s, o->message, err);
}

/* ---- All of it ---- */

static int init_listen(struct local_service *s, struct str text, struct error *err)
{
	const char *sign = text.n ? memchr(text.p, '=', text.n) : NULL;
	if (!sign)
		return error_set(err, -EINVAL,
			"\"%.*s\" does not say where to listen: write ALIAS=LISTEN, such as "
			"redis=6379 or redis=unix:/run/redis.sock",
			STR_ARG(text));
	size_t n = (size_t)(sign - text.p);
	struct str where = {sign + 1, text.n - n - 1};
	int r = set_alias(s, (struct str){text.p, n}, err);
	return r ? r : local_place_parse(where, &s->place, err);
}

static int init_stdio(struct local_service *s, const char *alias, struct error *err)
{
	const char *sign = strchr(alias, '=');
	if (sign)
		return error_set(err, -EINVAL,
			"--stdio is for one connection and listens nowhere: leave \"%s\" out",
			sign);
	s->place.kind = LOCAL_PLACE_STDIO;
	return set_alias(s, str_from(alias), err);
}

int local_service_init(struct local_service *out, const struct local_options *o, struct error *err)
{
	*out = (struct local_service){0};
	int r = o->stdio ? init_stdio(out, o->stdio, err)
			 : init_listen(out, str_from(o->service ? o->service : ""), err);
	out->kind = out->place.kind == LOCAL_PLACE_UDP ? CONTROL_UDP : CONTROL_TCP;
	out->end_to_end |= o->end_to_end;
	return r ? r : set_request(out, o, err);
}

void local_service_deinit(struct local_service *s)
{
	free(s->alias);
	free(s->endpoint);
	free(s->message);
	*s = (struct local_service){0};
}

static bool copy_text(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

int local_service_copy(struct local_service *to, const struct local_service *from)
{
	*to = *from;
	bool alias = copy_text(&to->alias, from->alias);
	bool endpoint = copy_text(&to->endpoint, from->endpoint);
	bool message = copy_text(&to->message, from->message);
	return alias && endpoint && message ? 0 : -ENOMEM;
}

bool local_service_same(const struct local_service *a, const struct local_service *b)
{
	return str_same(a->alias, b->alias) && str_same(a->endpoint, b->endpoint) &&
	       a->end_to_end == b->end_to_end && a->n_pins == b->n_pins &&
	       memcmp(a->pins, b->pins, a->n_pins * sizeof(a->pins[0])) == 0 &&
	       local_place_same(&a->place, &b->place);
}
