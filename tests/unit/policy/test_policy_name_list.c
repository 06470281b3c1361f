/* SPDX-License-Identifier: MIT */
/* Lists of names: the one form in which they are kept, and who is in one. */
#include "policy/name_list.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

struct row {
	const char *in, *out; /* NULL: refused */
};

typedef int list_check(struct str text, const char *what, char **list_out, struct error *err);

static void compare(list_check *check, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *list = NULL;
		struct error err = {""};
		int r = check(str_from(rows[i].in), "visibility", &list, &err);
		assert_int_equal(r, rows[i].out ? 0 : -EINVAL);
		if (r) {
			assert_null(list);
			assert_ptr_equal(strstr(err.text, "the visibility"), err.text);
			continue;
		}
		assert_string_equal(list, rows[i].out);
		/* What is kept is kept so. */
		char *again;
		assert_int_equal(check(str_from(list), "visibility", &again, &err), 0);
		assert_string_equal(again, list);
		policy_text_free(again);
		policy_text_free(list);
	}
}

static void test_names(void **state)
{
	static const struct row rows[] = {
		{"", ""},
		{"web", "web"},
		{"web,Batch,web,api", "api,batch,web"},
		{"*", "*"},
		{"web,*", "*,web"},
		{"@all", "@all"},
		{"web,@All,*", "@all"},
		{"web,", NULL},
		{",web", NULL},
		{"web,,api", NULL},
		{",", NULL},
		{"web, api", NULL},
		{"we*", NULL},
		{"@alle", NULL},
		{"@", NULL},
		{"web;api", NULL},
	};
	compare(policy_list_check, rows, ARRAY_LEN(rows));
}

static void test_hosts(void **state)
{
	static const struct row rows[] = {
		{"", ""},
		{"B.example.org,a.example.org.,*.c.example.org",
			"*.c.example.org,a.example.org,b.example.org"},
		{"a.example.org,a.example.org", "a.example.org"},
		{"a.example.org,", NULL},
		{"a b", NULL},
		{"a.example.org:80", NULL},
	};
	compare(policy_fqdns_check, rows, ARRAY_LEN(rows));
}

static void test_length(void **state)
{
	static char text[POLICY_LIST_MAX + 2];
	char *list;
	struct error err;
	for (size_t i = 0; i < POLICY_LIST_MAX + 1; i++)
		text[i] = i % 2 ? ',' : (char)('a' + i / 2 % 26);
	assert_int_equal(policy_list_check((struct str){text, POLICY_LIST_MAX + 1}, "list", &list,
				 &err),
		-EINVAL);
	assert_int_equal(policy_list_check((struct str){text, POLICY_LIST_MAX - 1}, "list", &list,
				 &err),
		0);
	assert_string_equal(list, "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z");
	policy_text_free(list);
}

static void test_has(void **state)
{
	assert_true(policy_list_has("api,web", STR("web")));
	assert_true(policy_list_has("api,web", STR("api")));
	assert_false(policy_list_has("api,web", STR("we")));
	assert_false(policy_list_has("api,web", STR("webs")));
	assert_false(policy_list_has("", STR("web")));
	assert_false(policy_list_has("*", STR("web")));
	assert_true(policy_list_has("*,web", STR("*")));
}

static void test_within(void **state)
{
	static const struct {
		const char *part, *whole, *missing; /* NULL: it is within */
	} table[] = {
		{"", "", NULL},
		{"", "web", NULL},
		{"web", "", "web"},
		{"web", "api,web", NULL},
		{"api,web", "web", "api"},
		{"web", "*", NULL},
		{"web", "@all", NULL},
		{"*", "*", NULL},
		{"*,web", "*", NULL},
		{"*", "@all", NULL},
		{"@all", "@all", NULL},
		/* Not everybody has the alias. */
		{"@all", "*", "@all"},
		{"*", "web", "*"},
		{"@all", "web", "@all"},
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct str who = STR("untouched");
		bool within = policy_list_within(table[i].part, table[i].whole, &who);
		assert_int_equal(within, !table[i].missing);
		assert_true(str_eq(who,
			table[i].missing ? str_from(table[i].missing) : STR("untouched")));
	}
}

/* Each list is a set of a few members, of which a naive model knows the meaning. */
static void test_within_model(void **state)
{
	static const char *const members[] = {"a", "b", "*", "@all"};
	enum { A, B, ANY, ALL, N };
	char *lists[1 << N];
	struct error err;
	for (unsigned set = 0; set < 1 << N; set++) {
		char text[64] = "";
		for (unsigned i = 0; i < N; i++)
			if (set & (1u << i)) {
				strcat(text, text[0] ? "," : "");
				strcat(text, members[i]);
			}
		assert_int_equal(policy_list_check(str_from(text), "list", &lists[set], &err), 0);
	}
	for (unsigned part = 0; part < 1 << N; part++)
		for (unsigned whole = 0; whole < 1 << N; whole++) {
			bool all = whole & (1u << ALL), any = all || (whole & (1u << ANY));
			bool model = (!(part & (1u << ALL)) || all) &&
				     (!(part & (1u << ANY)) || any) &&
				     (!(part & (1u << A)) || any || (whole & (1u << A))) &&
				     (!(part & (1u << B)) || any || (whole & (1u << B)));
			struct str who;
			assert_int_equal(policy_list_within(lists[part], lists[whole], &who),
				model);
		}
	for (unsigned set = 0; set < 1 << N; set++)
		policy_text_free(lists[set]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_within),
		cmocka_unit_test(test_within_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
