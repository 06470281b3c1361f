/* SPDX-License-Identifier: MIT */
/* JMESPath of --query, against what the specification and the Azure CLI say of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "cli/query.h"
#include "cli/query_tree.h"

/* What `az network private-endpoint-connection list` has, in short. */
static const char list[] =
	"[{'id':'/s/a','name':'a.1','properties':{'provisioningState':'Pending','n':3,"
	"'privateLinkServiceConnectionState':{'status':'Pending','description':''}}},"
	"{'id':'/s/b','name':'b.2','properties':{'provisioningState':'Succeeded','n':1,"
	"'privateLinkServiceConnectionState':{'status':'Approved','description':'yes'}}},"
	"{'id':'/s/c','name':'c.3','properties':{'provisioningState':'Succeeded','n':2,"
	"'privateLinkServiceConnectionState':{'status':'Rejected','description':null}}}]";
static const char object[] =
	"{'a':{'b':{'c':'d'},'list':[0,1,2,3,4]},'k-k':1,'nested':[[1,2],[3],4,[[5]]],"
	"'people':[{'n':'x','age':30},{'n':'y','age':20},{'n':'z'}],"
	"'ops':{'one':{'v':1},'two':{'v':2},'three':{'w':3}},'empty':'','yes':true,'no':false}";

static json_t *read_json(const char *text)
{
	char *copy = strdup(text);
	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	json_t *value = json_loads(copy, JSON_DECODE_ANY, NULL);
	free(copy);
	assert_non_null(value);
	return value;
}

static void picks(const char *query, const char *of, const char *expected)
{
	struct query *q = NULL;
	struct error err = {""};
	json_t *value = read_json(of), *wanted = read_json(expected);
	if (query_parse(str_from(query), &q, &err))
		fail_msg("%s: %s", query, err.text);
	json_t *found = query_run(q, value, &err);
	char *dump = found ? json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	if (!found || !json_equal(found, wanted))
		fail_msg("%s: %s instead of %s", query, found ? dump : err.text, expected);
	free(dump);
	json_decref(found);
	json_decref(value);
	json_decref(wanted);
	query_free(q);
}

static void test_scripts(void **state)
{
	static const char *const rows[][2] = {
		{"[?properties.privateLinkServiceConnectionState.status=='Pending'].id",
			"['/s/a']"},
		{"[?properties.provisioningState=='Pending'].id | [0]", "'/s/a'"},
		{"[?properties.provisioningState==`Pending`].id", "['/s/a']"},
		{"[?properties.privateLinkServiceConnectionState.status!='Approved'] | length(@)",
			"2"},
		{"[].{Name:name, State:properties.privateLinkServiceConnectionState.status}",
			"[{'Name':'a.1','State':'Pending'},{'Name':'b.2','State':'Approved'},"
			"{'Name':'c.3','State':'Rejected'}]"},
		{"[].[name, properties.n]", "[['a.1',3],['b.2',1],['c.3',2]]"},
		{"[0].id", "'/s/a'"},
		{"[-1].id", "'/s/c'"},
		{"[9].id", "null"},
		{"length([?properties.n > `1`])", "2"},
		{"sort_by([], &properties.n)[].name", "['b.2','c.3','a.1']"},
		{"reverse(sort_by(@, &name))[0].name", "'c.3'"},
		{"[?contains(name, 'b')].id", "['/s/b']"},
		{"[?starts_with(name, 'a') || ends_with(name, '3')].name", "['a.1','c.3']"},
		{"[?properties.n >= `2` && !(name == 'a.1')].name", "['c.3']"},
		{"join(',', [].name)", "'a.1,b.2,c.3'"},
		{"[?properties.privateLinkServiceConnectionState.description].name", "['b.2']"},
		{"[?not_there].id", "[]"},
		{"not_there.id", "null"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		picks(rows[i][0], list, rows[i][1]);
}

static void test_grammar(void **state)
{
	static const char *const rows[][2] = {
		{"a.b.c", "'d'"},
		{"a . b . \"c\"", "'d'"},
		{"\"k-k\"", "1"},
		{"@.a.b.c", "'d'"},
		{"a.list[1:3]", "[1,2]"},
		{"a.list[::2]", "[0,2,4]"},
		{"a.list[::-1]", "[4,3,2,1,0]"},
		{"a.list[-2:]", "[3,4]"},
		{"a.list[3:1:-1]", "[3,2]"},
		{"a.list[10:]", "[]"},
		{"a.list[*]", "[0,1,2,3,4]"},
		{"nested[]", "[1,2,3,4,[5]]"},
		{"nested[][]", "[1,2,3,4,5]"},
		{"nested[*][0]", "[1,3,[5]]"},
		{"people[*].n", "['x','y','z']"},
		{"people[*].age", "[30,20]"},
		{"people[*].n | [0]", "'x'"},
		{"people[?age < `25`].n", "['y']"},
		{"people[?age].n | length(@)", "2"},
		{"ops.*.v", "[1,2]"},
		{"*.b.c", "['d']"},
		{"a.{x: b.c, y: list[0]}", "{'x':'d','y':0}"},
		{"a.[b.c, list[4]]", "['d',4]"},
		{"[a.b.c, yes]", "['d',true]"},
		{"{one: ops.one.v}", "{'one':1}"},
		{"empty || 'else'", "'else'"},
		{"yes && no", "false"},
		{"!no && yes", "true"},
		{"!empty", "true"},
		{"no || yes && 'both'", "'both'"},
		{"'it\\'s' == `\"it's\"`", "true"},
		{"`[1, 2]`[1]", "2"},
		{"yes == `true`", "true"},
		{"'a' < 'b'", "null"},
		{"keys(ops) | sort(@)", "['one','three','two']"},
		{"values(ops)[0].v", "1"},
		{"length(keys(@))", "8"},
		{"not_null(nothing, empty, 'x')", "''"},
		{"to_string(a.list)", "'[0,1,2,3,4]'"},
		{"to_number('12')", "12"},
		{"type(a)", "'object'"},
		{"length('h\xc3\xa9')", "2"},
		{"sort(a.list)[-1]", "4"},
		{"@ | a | b", "{'c':'d'}"},
		{"people[].[n, age][]", "['x',30,'y',20,'z']"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		picks(rows[i][0], object, rows[i][1]);
}

static void test_refused(void **state)
{
	static const char *const queries[] = {"", "a.", ".a", "a..b", "[", "[?a", "a[", "a[0", "a]",
		"a b", "'x", "\"x", "a == ", "a[0:1:0]", "a[1:2:3:4]", "[a", "{a}", "{a: }", "(a",
		"a(", "@(a)", "#", "-", "a[b]", "'it''s'", "a.0"};
	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		struct query *q = NULL;
		struct error err = {""};
		if (query_parse(str_from(queries[i]), &q, &err) == 0)
			fail_msg("\"%s\" was taken", queries[i]);
		assert_non_null(strstr(err.text, "at character"));
	}
	/* However much is typed. */
	char deep[4 * QUERY_NODES_MAX];
	struct query *q;
	struct error err;
	memset(deep, '(', sizeof deep);
	assert_int_not_equal(query_parse((struct str){deep, sizeof deep}, &q, &err), 0);
	memset(deep, '!', sizeof deep);
	assert_int_not_equal(query_parse((struct str){deep, sizeof deep}, &q, &err), 0);
	for (size_t i = 0; i < sizeof deep; i++)
		deep[i] = i % 2 ? '.' : 'a';
	assert_int_not_equal(query_parse((struct str){deep, sizeof deep - 1}, &q, &err), 0);
	assert_non_null(strstr(err.text, "too long"));
}

static void test_functions_refused(void **state)
{
	static const char *const queries[] = {"length(`1`)", "nothing_such(@)", "length(a, a)",
		"sort_by(people, n)", "sort_by(people, &age)", "join(',', a.list)", "keys(a.list)",
		"contains(yes, 'x')", "length()"};
	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		struct query *q = NULL;
		struct error err = {""};
		json_t *value = read_json(object);
		if (query_parse(str_from(queries[i]), &q, &err))
			fail_msg("%s: %s", queries[i], err.text);
		if (query_run(q, value, &err))
			fail_msg("%s was taken", queries[i]);
		assert_non_null(strstr(err.text, "--query: "));
		json_decref(value);
		query_free(q);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_functions_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
