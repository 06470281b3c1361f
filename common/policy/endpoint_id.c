/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/endpoint.h"

#define SERVICES    "/services/"
#define CONNECTIONS "/privateEndpointConnections/"

static void write_digits(const uint8_t uid[POLICY_UID_SIZE], char to[POLICY_UID_DIGITS + 1])
{
	for (size_t i = 0; i < POLICY_UID_DIGITS / 2; i++)
		snprintf(to + 2 * i, 3, "%02x", uid[i]);
}

char *policy_endpoint_id_format(const char *consumer, const uint8_t uid[POLICY_UID_SIZE],
	char to[POLICY_ENDPOINT_ID_SIZE])
{
	char digits[POLICY_UID_DIGITS + 1];
	write_digits(uid, digits);
	snprintf(to, POLICY_ENDPOINT_ID_SIZE, "%s.%s", consumer, digits);
	return to;
}

/* What a text begins with goes from its front. */
static bool take_front(struct str *text, struct str front)
{
	if (text->n < front.n || !str_eq_nocase((struct str){text->p, front.n}, front))
		return false;
	text->p += front.n;
	text->n -= front.n;
	return true;
}

/* The path of the service, if there is one, goes from the front. */
static int take_service(struct str *text, struct policy_endpoint_id *id, struct error *err)
{
	struct str whole = *text;
	if (!take_front(text, STR(SERVICES)))
		return 0;
	const char *slash = text->n ? memchr(text->p, '/', text->n) : NULL;
	struct str name = {text->p, slash ? (size_t)(slash - text->p) : text->n};
	text->p += name.n;
	text->n -= name.n;
	if (!take_front(text, STR(CONNECTIONS)))
		return error_set(err, -EINVAL, "\"%.*s\" is not %sSERVICE%sID", STR_ARG(whole),
			SERVICES, CONNECTIONS);
	return policy_name_check(name, id->service, err);
}

static bool take_digits(struct str text, char digits[POLICY_UID_DIGITS + 1])
{
	if (text.n > POLICY_UID_DIGITS)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		c = c >= 'A' && c <= 'F' ? (char)(c | 0x20) : c;
		if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
			return false;
		digits[i] = c;
	}
	digits[text.n] = '\0';
	return true;
}

int policy_endpoint_id_parse(struct str text, struct policy_endpoint_id *out, struct error *err)
{
	struct policy_endpoint_id id = {.service = ""};
	struct str rest = text;
	int r = take_service(&rest, &id, err);
	if (r)
		return r;
	const char *dot = rest.n ? memchr(rest.p, '.', rest.n) : NULL;
	struct str name = {rest.p, dot ? (size_t)(dot - rest.p) : rest.n};
	r = policy_name_check(name, id.consumer, err);
	if (r)
		return r;
	struct str digits = {name.p + name.n, rest.n - name.n};
	take_front(&digits, STR("."));
	if (!take_digits(digits, id.digits))
		return error_set(err, -EINVAL,
			"\"%.*s\" is not an endpoint's id: behind the consumer's name and a dot "
			"there are up to %d hexadecimal digits",
			STR_ARG(text), POLICY_UID_DIGITS);
	*out = id;
	return 0;
}

bool policy_endpoint_id_covers(const struct policy_endpoint_id *id,
	const uint8_t uid[POLICY_UID_SIZE])
{
	char digits[POLICY_UID_DIGITS + 1];
	write_digits(uid, digits);
	return strncmp(digits, id->digits, strlen(id->digits)) == 0;
}
