/* SPDX-License-Identifier: MIT */
#include "wire/secret_name.h"

#include <string.h>

#include "base/macros.h"

/* Characters of a name that decide: longer ones are known by their end. */
#define NAME_MAX 32

/* In lower case, without what is neither mail nor digit: api_key, api-key and apiKey are one. */
static const struct str names[] = {
#define NAME(text)                     \
	{                              \
		text, sizeof(text) - 1 \
	}
	NAME("auth"),
	NAME("authorization"),
	NAME("code"),
	NAME("codeverifier"),
	NAME("credential"),
	NAME("credentials"),
	NAME("key"),
	NAME("oauthverifier"),
	NAME("otp"),
	NAME("pass"),
	NAME("pin"),
	NAME("pw"),
	NAME("samlresponse"),
	NAME("session"),
	NAME("sid"),
	NAME("sig"),
	NAME("ticket"),
};

/* A name that ends so: access_token, new_password, X-Amz-Signature, PHPSESSID. */
static const struct str endings[] = {
	NAME("accesskey"),
	NAME("apikey"),
	NAME("assertion"),
	NAME("authkey"),
	NAME("hmac"),
	NAME("jwt"),
	NAME("passcode"),
	NAME("passphrase"),
	NAME("passwd"),
	NAME("password"),
	NAME("privatekey"),
	NAME("psk"),
	NAME("pwd"),
	NAME("secret"),
	NAME("secretkey"),
	NAME("sessid"),
	NAME("sessionid"),
	NAME("sharedkey"),
	NAME("signature"),
	NAME("token"),
	NAME("tokenhint"),
#undef NAME
};

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char percent_character(struct str s, size_t i, size_t *n_out)
{
	int high = i + 2 < s.n && s.p[i] == '%' ? hex(s.p[i + 1]) : -1;
	int low = high >= 0 ? hex(s.p[i + 2]) : -1;
	*n_out = low >= 0 ? 3 : 1;
	return low >= 0 ? (char)(high << 4 | low) : s.p[i];
}

/* The name's end in the tables' form; as much as there is room for. */
static size_t normalize(struct str name, char out[NAME_MAX])
{
	size_t n = 0, width;
	/* Three characters for one, and room for what is left out between. */
	if (name.n > 6 * NAME_MAX)
		name = (struct str){name.p + name.n - 6 * NAME_MAX, 6 * NAME_MAX};
	for (size_t i = 0; i < name.n; i += width) {
		char c = percent_character(name, i, &width);
		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
			continue;
		if (n == NAME_MAX)
			memmove(out, out + 1, --n);
		out[n++] = c;
	}
	return n;
}

bool secret_name(struct str name)
{
	char text[NAME_MAX];
	struct str s = {text, normalize(name, text)};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(s, names[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		struct str end = endings[i];
		if (s.n >= end.n && memcmp(text + s.n - end.n, end.p, end.n) == 0)
			return true;
	}
	return false;
}
