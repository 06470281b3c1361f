/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Fields that name a place, where visitor and upstream know the same place by different names (rule 47).
 * What a visitor calls https://app.example.org/x, the upstream calls http://10.0.0.7:8080/app/x: requests
 * are rewritten to its names, answers back to the visitor's, as nginx does by proxy_redirect and
 * proxy_cookie_domain, Apache by ProxyPassReverse.
 *
 * A URL is rewritten only if it names the place it is compared with: the same host and port. An Origin of
 * another site stays what it is, so that the upstream can refuse it; so does what is no URL.
 */
#include <stdint.h>

#include "base/str.h"
#include "wire/hostname.h"

/* "https://", a host, ":65535" and a NUL */
#define REWRITE_TEXT_SIZE (HOSTNAME_SIZE + 16)

/*
 * Bytes by which a request's head may grow: a dozen URLs, each by the longest path of an upstream. More is
 * a list of locks that somebody made up, and 431.
 */
#define REWRITE_GROWTH_MAX (16u << 10)

/*
 * Likewise of an answer's: as much again as --response-head-limit has by default, hundreds of cookies, each by
 * the longest name of a visitor's. More is 502. It waits for the visitor to read it.
 */
#define REWRITE_ANSWER_GROWTH_MAX (64u << 10)

/* One side's name for the place. */
struct rewrite_place {
	char host[HOSTNAME_SIZE]; /* canonical */
	size_t host_n;
	uint16_t port; /* 0: the scheme's own */
	bool https;
	bool either; /* a URL of the other scheme, with the same port or lack of one, names it too */
	struct str path; /* before each request's path, without a slash at its end; "" mostly */
	char text[REWRITE_TEXT_SIZE]; /* how fields name it: scheme://host[:port] */
	size_t text_n;
};

struct rewrite {
	struct rewrite_place visitor, upstream;
};

/*
 * The upstream's: `authority` is Host as the upstream is sent it, and written as it stands; it was found
 * to be a host, perhaps with a port. `path` as in service::path.
 */
void rewrite_upstream(struct rewrite_place *out, bool https, struct str authority,
	const char *path);

/*
 * The visitor's: what X-Forwarded-Host and X-Forwarded-Port in the request's `head` say, which are there
 * only if a trusted proxy or we wrote them, else `host`, a Host field's value. Over plain text the https
 * name counts as well: TLS may end in front of us, and an https origin is the better protected of the two.
 */
void rewrite_visitor(struct rewrite_place *out, struct str head, struct str host, bool https);

/*
 * Writes the request's head as the upstream would have it to `at`, or with NULL only counts; returns its
 * bytes. Destination and If, by which WebDAV names resources, always; with `all` also Origin and Referer.
 * `*changed_out`: whether any field was rewritten.
 */
size_t rewrite_request(const struct rewrite *rw, bool all, struct str head, uint8_t *at,
	bool *changed_out);

/*
 * Whether a Destination leads elsewhere than below the upstream's path: to another place, or there by way
 * of dot segments. `room` is for head.n bytes.
 */
bool rewrite_leaves(const struct rewrite *rw, struct str head, uint8_t *room);

/*
 * The value of an answer's field as the visitor would have it, to `at`, or with NULL only counted; returns
 * its bytes. Location, Content-Location, Refresh, Link, Set-Cookie and Access-Control-Allow-Origin; all
 * others are only copied.
 */
size_t rewrite_answer(const struct rewrite *rw, struct str name, struct str value, uint8_t *at);
