/* SPDX-License-Identifier: MIT */
#include "server/base/acme_options.h"

#include <errno.h>

#include "net/fetch.h"
#include "wire/address.h"
#include "wire/hostname.h"

const char *const acme_challenge_words[] = {"auto", "http-01", "tls-alpn-01", "dns-01", NULL};

#define EMAIL_MAX 254 /* characters: RFC 5321, 4.5.3.1.3 */

int acme_email_check(struct str text, struct error *err)
{
	const char *at = memchr(text.p, '@', text.n);
	bool plain = at && at > text.p && at + 1 < text.p + text.n && text.n <= EMAIL_MAX;
	for (size_t i = 0; i < text.n && plain; i++)
		plain = text.p[i] > ' ' && text.p[i] < 0x7f && !strchr("\",?<>\\", text.p[i]);
	return plain ? 0
		     : error_set(err, -EINVAL,
			       "\"%.*s\" is no e-mail address: write operator@example.org",
			       STR_ARG(text));
}

const char *acme_server_url(const char *text)
{
	struct str word = str_from(text);
	return str_eq(word, STR("prod"))      ? ACME_LETSENCRYPT
	       : str_eq(word, STR("staging")) ? ACME_LETSENCRYPT_STAGING
					      : text;
}

int acme_server_check(struct str text, struct error *err)
{
	struct fetch_target target;
	struct str path;
	if (str_eq(text, STR("prod")) || str_eq(text, STR("staging")))
		return 0;
	if (text.n < 8 || memcmp(text.p, "https://", 8) != 0)
		return error_set(err, -EINVAL,
			"\"%.*s\" is no directory of an ACME server: write https://HOST/PATH, prod "
			"or staging",
			STR_ARG(text));
	return fetch_url_parse(text, &target, &path, err);
}

int acme_names_check(struct str text, struct error *err)
{
	char name[HOSTNAME_SIZE];
	struct address literal;
	size_t n;
	int r = hostname_claim(text, name, &n, err);
	if (r)
		return r;
	if (address_parse_ip((struct str){name, n}, &literal) || !memchr(name, '.', n))
		return error_set(err, -EINVAL,
			"\"%.*s\" is no name in DNS that a CA gives a certificate for",
			STR_ARG(text));
	return 0;
}
