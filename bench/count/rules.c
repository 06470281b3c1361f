/* SPDX-License-Identifier: MIT */
/* A walk through a route of twenty rules of all kinds, of which a browser's request meets a few. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "case.h"
#include "heads.h"
#include "rules/front.h"
#include "wire/http1.h"

static const char text[] =
	"routes:\n"
	"- host: \"*\"\n"
	"  rules:\n"
	"  - {when: {scheme: http}, redirect: {scheme: https, status: 308}}\n"
	"  - {when: {host: example.net}, redirect: {host: www.example.net}}\n"
	"  - {when: {path: \"/old/*\"}, redirect: {path: \"/new/$1\", status: 301}}\n"
	"  - {when: {path: \"/api/*\"}, to: api}\n"
	"  - {when: {path: [\"*.php\", \"*.asp\"]}, deny: 404}\n"
	"  - {when: {path: \"/wp-*/login\"}, deny: 404}\n"
	"  - {when: {path: \"~^/v[0-9]+/private\"}, deny: 403}\n"
	"  - {when: {address: [192.0.2.0/24, 203.0.113.0/24, \"2001:db8::/32\"]}, deny: 403}\n"
	"  - {when: {path: \"/admin*\", not: {address: 192.0.2.0/24}}, deny: 404}\n"
	"  - {when: {method: [PUT, DELETE, PATCH]}, deny: 405}\n"
	"  - {when: {method: POST, path: /login}, rate: {by: address, allow: 5, every: 1m, block: "
	"true}}\n"
	"  - {when: {header.User-Agent: \"~(?i)(sqlmap|nikto)\"}, deny: 403}\n"
	"  - {when: {header.X-Api-Key: \"*\"}, to: api}\n"
	"  - {when: {cookie.beta: yes}, to: beta}\n"
	"  - {when: {query.debug: \"*\"}, deny: 403}\n"
	"  - {when: {port: 8000-8999}, deny: 403}\n"
	"  - {when: {path: [/robots.txt, /security.txt]}, answer: {body: ok}}\n"
	"  - {limit: {body: 10MiB}}\n"
	"  - {request: {set: {X-Edge: one}}}\n"
	"  - {response: {set: {Strict-Transport-Security: max-age=1}}}\n"
	"  to: web\n";

static struct {
	struct http1_head head;
	struct facts_scratch scratch;
	struct address address;
	const struct front *front;
} it = {.head = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT)};

static void prepare(void)
{
	char path[] = "/tmp/count-rules-XXXXXX";
	struct front *front = NULL;
	struct error err = {"cannot be written"};
	size_t scanned = 0;
	int fd = mkstemp(path);
	count_expect(fd >= 0 && write(fd, text, sizeof(text) - 1) == sizeof(text) - 1, err.text);
	close(fd);
	int r = front_load(path, &front, &err);
	unlink(path);
	count_expect(r == 0, err.text);
	it.front = front;
	count_expect(address_parse_ip(STR("198.51.100.7"), &it.address), "no address");
	count_expect(http1_parse_request(&it.head, (const uint8_t *)HEAD_BROWSER,
			     sizeof(HEAD_BROWSER) - 1, HTTP1_REQUEST_MAX, &scanned) == HTTP1_OK,
		"the head cannot be parsed");
}

static size_t walk(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct facts f = {.head = &it.head,
			.address = &it.address,
			.host = http1_host(&it.head),
			.scratch = &it.scratch,
			.port = 443,
			.secure = true};
		const struct front_route *route = front_route(it.front, f.host);
		size_t at = 0, held = 0;
		if (!route || facts_path_is_ambiguous(&f))
			return i;
		while (rules_next(&route->rules, &at, &f))
			held++;
		if (held != 3 || f.undecided)
			return i;
	}
	return n;
}

const struct count_case rules_cases[] = {
	{"rules/twenty", "request", 4000, prepare, walk},
	{0},
};
