/* SPDX-License-Identifier: MIT */
#include "server/acme/self_check.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "net/fetch.h"
#include "wire/url.h"

/* Each once. */
static unsigned addresses_of(const struct addrinfo *list, struct address out[SELF_CHECK_ADDRESSES])
{
	unsigned n = 0;
	for (const struct addrinfo *a = list; a && n < SELF_CHECK_ADDRESSES; a = a->ai_next) {
		struct address it = address_from_sockaddr(a->ai_addr);
		bool known = it.family == ADDRESS_NONE;
		for (unsigned i = 0; i < n; i++)
			known |= address_same_ip(&out[i], &it);
		if (!known)
			out[n++] = it;
	}
	return n;
}

static int refuse(const struct challenge *c, bool tls, const struct address *at, const char *why,
	struct error *err)
{
	char text[ADDRESS_TEXT_SIZE];
	address_format_ip(at, text);
	return error_set(err, -EHOSTUNREACH,
		"http%s://%s does not lead to this exit node: at its address %s %s", tls ? "s" : "",
		c->name, text, why);
}

static int ask(const struct challenge *c, struct tls_client *tls, const struct address *at,
	uint64_t deadline, struct error *err)
{
	char path[sizeof(CHALLENGE_CHECK_PATH) + CHALLENGE_TEXT_SIZE];
	struct fetch_target target = {.tls = tls};
	struct fetch_answer answer;
	struct error why;
	snprintf(path, sizeof(path), "%s%s", c->path, c->token);
	snprintf(target.port, sizeof(target.port), "%d", tls ? URL_HTTPS_PORT : URL_HTTP_PORT);
	snprintf(target.host, sizeof(target.host), "%s", c->name);
	snprintf(target.authority, sizeof(target.authority), "%s", c->name);
	const struct fetch_request rq = {.target = &target,
		.at = at,
		.tls = tls,
		.method = "GET",
		.path = str_from(path),
		.max = CHALLENGE_TEXT_SIZE,
		.deadline = deadline};
	int r = fetch(&rq, &answer, &why);
	const struct str body = {(const char *)buf_head(&answer.body), buf_len(&answer.body)};
	bool ours = r == 0 && answer.status == 200 && str_eq(body, str_from(c->answer));
	fetch_answer_deinit(&answer);
	if (ours)
		return 0;
	/* An answer that is too long is another server's as well. */
	return r == 0 || r == -EMSGSIZE ? refuse(c, tls, at, "another server answers", err)
					: refuse(c, tls, at, why.text, err);
}

int self_check(const struct challenge *c, struct tls_client *tls, bool anywhere, struct error *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct address found[SELF_CHECK_ADDRESSES];
	struct addrinfo *list;
	int r = getaddrinfo(c->name, NULL, &hints, &list);
	if (r)
		return error_set(err, -EHOSTUNREACH, "%s cannot be found in DNS (%s)", c->name,
			gai_strerror(r));
	unsigned n = addresses_of(list, found);
	freeaddrinfo(list);
	uint64_t deadline = clock_now() + SELF_CHECK_TIMEOUT;
	for (unsigned i = 0; i < n && r == 0; i++)
		r = anywhere || address_is_global(&found[i])
			    ? ask(c, tls, &found[i], deadline, err)
			    : refuse(c, tls, &found[i], "no CA on the Internet can ask it", err);
	return n ? r : error_set(err, -EHOSTUNREACH, "%s has no address in DNS", c->name);
}
