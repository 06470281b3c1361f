/* SPDX-License-Identifier: MIT */
/*
 * A file of routes, and behind a NUL a request that its rules judge, on any bytes. What is claimed: a file is taken
 * or refused with a sentence; a path's form is its own form, and no longer than the path; what a template makes of a
 * request stays within a line; a redirect's path begins with a slash; a walk ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/macros.h"
#include "rules/front.h"
#include "rules/path.h"
#include "wire/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

#define LIMIT 4096 /* bytes of a head: small, so that the fuzzer gets there */

static struct http1_head head = HTTP1_HEAD_OF(40);
static struct facts_scratch scratch;

static struct front *load(const uint8_t *p, size_t n)
{
	char path[] = "/tmp/fuzz-rules-XXXXXX";
	struct front *f = NULL;
	struct error err = {""};
	int fd = mkstemp(path);
	CLAIM(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	close(fd);
	int r = front_load(path, &f, &err);
	unlink(path);
	CLAIM(r ? !f && err.text[0] : f && !err.text[0]);
	return f;
}

static void check_path(struct str path)
{
	char *once = malloc(path.n), *twice = malloc(path.n), *room = malloc(path.n);
	char *url = malloc(PATH_ENCODED_MAX(path.n));
	CLAIM(once && twice && room && url);
	struct str form = {once, path_normalize(path, once)};
	CLAIM(form.n <= path.n);
	struct str again = {twice, path_normalize(form, twice)};
	if (path_is_plain(path))
		CLAIM(str_eq(path, form) && !path_is_ambiguous(path, room));
	if (!path_is_ambiguous(path, room))
		CLAIM(str_eq(form, again));
	size_t n = path_encode(form, url);
	for (size_t i = 0; i < n; i++)
		CLAIM(url[i] > ' ' && url[i] < 0x7f && url[i] != '?' && url[i] != '#');
	free(once);
	free(twice);
	free(room);
	free(url);
}

static void check_made(const struct template *t, enum template_for use, struct facts *f,
	const struct captures *c)
{
	struct buf out = BUF_NULL;
	int r = template_write(t, use, f, c, &out);
	CLAIM(r == 0 || (r == -EMSGSIZE && buf_len(&out) > TEMPLATE_TEXT_MAX));
	const char *p = (const char *)buf_head(&out);
	for (size_t i = 0; i < buf_len(&out); i++)
		CLAIM((unsigned char)p[i] >= ' ' && p[i] != 0x7f);
	if (use == TEMPLATE_PATH)
		CLAIM(buf_len(&out) && p[0] == '/');
	buf_deinit(&out);
}

static void check_rule(const struct rule *rule, struct facts *f)
{
	struct captures c = {.n = 0};
	if (rule->verb == VERB_REDIRECT || rule->verb == VERB_REWRITE) {
		when_captures(&rule->when, f, &c);
		bool redirects = rule->verb == VERB_REDIRECT;
		if (!redirects || rule->redirect.has_path)
			check_made(redirects ? &rule->redirect.path : &rule->rewrite.path,
				TEMPLATE_PATH, f, &c);
	}
	if (rule->verb == VERB_REQUEST || rule->verb == VERB_RESPONSE)
		for (size_t i = 0; i < rule->fields.n; i++)
			check_made(&rule->fields.v[i].value, TEMPLATE_FIELD, f, NULL);
	when_holds_status(&rule->when, 404);
}

static void evaluate(const struct front *front)
{
	struct address address = {.family = ADDRESS_V4, .bytes = {192, 0, 2, 7}};
	struct facts f = {.head = &head,
		.address = &address,
		.host = http1_host(&head),
		.request_id = STR("id"),
		.countries = front->countries,
		.scratch = &scratch,
		.port = 80};
	const struct front_route *route = front_route(front, f.host);
	const struct rule *rule;
	size_t at = 0;
	front_is_inner(front, f.host);
	facts_path_is_ambiguous(&f);
	while (route && (rule = rules_next(&route->rules, &at, &f)))
		check_rule(rule, &f);
	CLAIM(!route || at <= route->rules.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t n = nul ? (size_t)(nul - data) : size, scanned = 0;
	struct front *front = load(data, n);
	if (nul && http1_parse_request(&head, nul + 1, size - n - 1, LIMIT, &scanned) == HTTP1_OK) {
		check_path(head.path);
		if (front)
			evaluate(front);
	}
	front_release(front);
	return 0;
}
