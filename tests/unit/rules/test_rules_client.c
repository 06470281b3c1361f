/* SPDX-License-Identifier: MIT */
/* Rules of a client for its own service: their forms, what they may not have, and what they may cost. */
#include "scene.h"

#include <errno.h>
#include <time.h>

#include "base/macros.h"
#include "rules/client_rules.h"

/* Of "secret". */
#define HASH "$2y$04$X/sAVDtOB0CUd8D62b6Wz.M6vk4BJyDe8P1vCXKt5M8GeaTyYN/VC"
#define REST "$X/sAVDtOB0CUd8D62b6Wz.M6vk4BJyDe8P1vCXKt5M8GeaTyYN/VC"

static int compile(const char *text, uint32_t verbs, struct front **out, struct error *err)
{
	const struct client_rules_terms terms = {.path = "F",
		.place = STR("app.example.org"),
		.verbs = verbs,
		.countries = false};
	err->text[0] = 0;
	*out = NULL;
	return client_rules_compile(str_from(text), &terms, out, err);
}

static void test_forms(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		bool as_is;
	} forms[] = {{"- deny: 403\n", 1, false},
		{"[{deny: 403}, {limit: {body: 1KiB}}]", 2, false},
		{"rules:\n- deny: 403\npaths: as-is\n", 1, true},
		{"{rules: [{basic: {users: [\"bob:" HASH "\"]}}]}", 1, false}};
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct front *f;
		struct error err;
		if (compile(forms[i].text, FRONT_CLIENT_VERBS, &f, &err))
			fail_msg("%s", err.text);
		assert_int_equal(f->n_routes, 1);
		assert_true(front_of_client(f));
		assert_true(str_eq(f->routes->name, STR("app.example.org")));
		assert_int_equal(f->routes->rules.n, forms[i].n);
		assert_int_equal(f->routes->rules.as_is, forms[i].as_is);
		assert_true(front_route(f, STR("app.example.org")) == NULL);
		front_release(f);
	}
}

static void test_names_and_verbs_are_told(void **state)
{
	struct front *f;
	struct error err;
	assert_int_equal(compile("- {name: \"client:x\", deny: 403}\n- {when: {path: /a}, limit: "
				 "{body: 1}}\n",
				 FRONT_CLIENT_VERBS, &f, &err),
		0);
	assert_string_equal(f->routes->rules.v[0].name.p, "client:client:x");
	assert_string_equal(f->routes->rules.v[1].name.p, "client:line:2");
	assert_int_equal(f->client_verbs, 1u << VERB_DENY | 1u << VERB_LIMIT);
	front_release(f);
}

static const struct {
	const char *text;
	int r;
	const char *sentence;
} mistakes[] = {
	{"- {to: web}\n", -EACCES,
		"F:1: a client's rules have no to, which would lead to what others publish"},
	{"- deny: 403\n- answer: {body: x}\n", -EACCES,
		"F:2: the exit node's operator lets clients' rules have no answer"},
	{"", -EINVAL, "F:1: there are no rules: write a list of them, each with when and a verb"},
	{"a\n", -EINVAL, NULL},
	{"[]\n", -EINVAL,
		"F:1: there are no rules: write a list of them, each with when and a verb"},
	{"rules: []\n", -EINVAL,
		"F:1: there are no rules: write a list of them, each with when and a verb"},
	{"rules: {}\n", -EINVAL, "F:1: rules is a list, each entry with when and a verb"},
	{"rules: [{deny: 403}]\nhost: a.org\n", -EINVAL,
		"F:2: this has no member \"host\": rules, paths"},
	{"- {when: {country: DE}, deny: 403}\n", -EINVAL, NULL},
	{"- {basic: {users: /etc/passwd}}\n", -EINVAL,
		"F:1: users of a client's rules are a list of name:hash, as they are checked where "
		"its files are not"},
	{"- {basic: {users: [\"bob:$2y$13" REST "\"]}}\n", -EINVAL,
		"F:1: user bob: the bcrypt hash has a cost of 13; 04 to 12 are taken"},
	{"- {when: {path: \"~(abcdefghijklmnopqrst){300}\"}, deny: 403}\n", -EINVAL, NULL},
	{"- &a {deny: 403}\n", -EINVAL, NULL},
	{"- {deny: *a}\n", -EINVAL, NULL},
	{"- !x {deny: 403}\n", -EINVAL, NULL},
	{"- [[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]]\n", -EINVAL, "F:1: nested too deeply"},
	{"- {deny: 403}\n--- \n- {deny: 403}\n", -EINVAL, NULL},
};

static void test_mistakes(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
		struct front *f;
		struct error err;
		int r = compile(mistakes[i].text, FRONT_CLIENT_VERBS & ~(1u << VERB_ANSWER), &f,
			&err);
		if (r != mistakes[i].r || !err.text[0] || f)
			fail_msg("%s: %d %s", mistakes[i].text, r, err.text);
		if (mistakes[i].sentence)
			assert_string_equal(err.text, mistakes[i].sentence);
	}
}

/* ---- What they may cost ---- */

#define TEXT_MAX (16u << 10)

static size_t put(char *to, const char *what)
{
	size_t n = strlen(what);
	memcpy(to, what, n + 1);
	return n;
}

/* `one` as often as there is room for, between `begin` and `end`; a number stands for its #. */
static void fill(char text[TEXT_MAX + 1], const char *begin, const char *one, const char *end)
{
	size_t n = put(text, begin), most = strlen(one) + 5 + strlen(end);
	size_t before = strcspn(one, "#");
	for (unsigned i = 0; n + most < TEXT_MAX; i++) {
		memcpy(text + n, one, before);
		n += before;
		if (one[before]) {
			n += (size_t)sprintf(text + n, "%u", i);
			n += put(text + n, one + before + 1);
		}
	}
	put(text + n, end);
}

static const struct {
	const char *begin, *one, *end;
	const char *word; /* of the sentence; NULL: they are taken */
} fills[] = {
	{"", "- deny: 403\n", "", "rules, and at most 64 are taken"},
	{"- {when: {path: [/a", ",'~^/#'", "]}, deny: 403}", "has to be searched for"},
	{"- {when: {path: [/a", ",'/*a*#'", "]}, deny: 403}", "has to be searched for"},
	{"- {when: {path: [/a", ",/#*", "]}, deny: 403}", NULL},
	{"- {when: {", "query.a#: '*',", "path: /a}, deny: 403}", "has to be searched for"},
	{"- {when: {", "cookie.a#: '*',", "path: /a}, deny: 403}", "has to be searched for"},
	{"- {when: {address: [1.1.1.1", ",10.1.1.1", "]}, deny: 403}", NULL},
	{"- {rewrite: {path: \"/", "${header.a}", "\"}}", "has to be searched for"},
	{"- {request: {set: {", "a#: b, ", "b: b}}}", "too many fields"},
	{"- {request: {remove: [", "a#, ", "b]}}", "too many fields"},
	{"- {request: {set: {a: \"", "${query.b}", "\"}}}", "has to be searched for"},
	{"- {answer: {body: \"", "xxxxxxxxxx", "\"}}", "body has at most"},
	{"- {basic: {users: [\"u:" HASH "\"", ", 'a#:" HASH "'", "]}}", NULL},
	{"[", "[[[[[[[[[[[[[[[[[", "", "nested too deeply"},
	{"{", "a#: b, ", "c: d}", "no member"},
	{"{", "a#, ", "c: d}", "no member"},
	{"[", "{a: ", "", "nested too deeply"},
	{"- {when: {path: [a", ",aaaa", "]}, deny: 403}", "begin with a slash"},
	{"- {when: {host: [a.b", ",a#.b", "]}, deny: 403}", NULL},
	{"- {when: {method: [A", ",A", "]}, deny: 403}", "compiled"},
};

/* Whatever 16 KiB say, it is memory with a bound, and a moment of the main thread. */
static void test_bounds(void **state)
{
	static char text[TEXT_MAX + 1];
	for (size_t i = 0; i < ARRAY_LEN(fills); i++) {
		struct front *f;
		struct error err;
		fill(text, fills[i].begin, fills[i].one, fills[i].end);
		const clock_t began = clock();
		int r = compile(text, FRONT_CLIENT_VERBS, &f, &err);
		const clock_t took = clock() - began;
		if (!fills[i].word != !r || (r && !strstr(err.text, fills[i].word)))
			fail_msg("%s: %d %s", fills[i].one, r, err.text);
		if (f)
			assert_true(client_rules_memory(f) <= CLIENT_RULES_MEMORY);
		front_release(f);
		if (took > CLOCKS_PER_SEC / 2)
			fail_msg("%s took %ld us", fills[i].one, (long)took);
	}
}

/* As long a head as is taken, and rules that look through it as often as they may. */
static void test_the_dearest_request(void **state)
{
	static char text[TEXT_MAX + 1], line[4096];
	struct scene s = {.head = {0}};
	struct front *f;
	struct error err;
	size_t n = 0, at = 0;
	for (unsigned i = 0; i < CLIENT_RULES_SEARCHES; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			"- {when: {query.z%u: '~a.*b.*c.*d.*[xy]'}, deny: 403}\n", i % 8);
	/* Each condition and its expression count. */
	assert_int_equal(compile(text, FRONT_CLIENT_VERBS, &f, &err), -EINVAL);
	n = 0;
	for (unsigned i = 0; i < CLIENT_RULES_SEARCHES / 2; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			"- {when: {query.z: '~a.*b.*c.*d.*[xy]'}, deny: 403}\n");
	assert_int_equal(compile(text, FRONT_CLIENT_VERBS, &f, &err), 0);
	n = (size_t)snprintf(line, sizeof(line), "GET /?z=");
	while (n < 3800)
		n += put(line + n, "abcd");
	snprintf(line + n, sizeof(line) - n, "&z=a");
	scene_ask(&s, line, "");
	const clock_t began = clock();
	assert_null(rules_next(&f->routes->rules, &at, &s.facts));
	assert_true(s.facts.undecided);
	assert_true(clock() - began < CLOCKS_PER_SEC / 2);
	/* The next request has its steps again. */
	scene_ask(&s, "GET /?z=abcdx", "");
	at = 0;
	assert_non_null(rules_next(&f->routes->rules, &at, &s.facts));
	scene_end(&s);
	front_release(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_names_and_verbs_are_told),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_the_dearest_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
