/* SPDX-License-Identifier: MIT */
/* YAML's shapes: what becomes a tree, and what is refused with the line it stands in. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <unistd.h>

#include "base/macros.h"
#include "config/tree.h"

static int read_text(const char *text, size_t n, struct tree_node **root, struct error *err)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(write(fd, text, n), n);
	lseek(fd, 0, SEEK_SET);
	int r = tree_read(fd, "F", root, err);
	close(fd);
	return r;
}

static void test_tree(void **state)
{
	static const char text[] = "a: 1\n"
				   "b:\n"
				   "  c: 'x y'\n"
				   "  d: [p, q]\n"
				   "\n"
				   "e: []\n";
	struct tree_node *root;
	struct error err;
	assert_int_equal(read_text(text, strlen(text), &root, &err), 0);
	const struct tree_node *a = root->child, *b = a->next, *e = b->next;
	assert_int_equal(root->kind, TREE_MAP);
	assert_string_equal(a->key, "a");
	assert_string_equal(a->text, "1");
	assert_int_equal(b->kind, TREE_MAP);
	assert_string_equal(b->child->text, "x y");
	assert_int_equal(b->child->line, 3);
	assert_int_equal(b->child->next->kind, TREE_LIST);
	assert_string_equal(b->child->next->child->next->text, "q");
	assert_null(b->child->next->child->next->next);
	assert_int_equal(e->line, 6);
	assert_null(e->child);
	assert_null(e->next);
	tree_free(root);
}

static void test_refused(void **state)
{
#define ALIAS                                                        \
	"what begins with * is an alias in YAML: put it in quotes, " \
	"as in '*.apps.example.org=http://127.0.0.1:3000'"
#define COLON "the colon behind the option has no blank behind it: \"log-level: info\""
#define EQUALS                                                            \
	"behind the option stands a '=', as in ini and TOML files: here " \
	"it is a colon, \"log-level: info\""
#define DASHES                                                                                 \
	"options stand here without their dashes, each in a line of its own, as in \"remote: " \
	"exit.example.org\""
	static const struct {
		const char *text, *sentence;
	} rows[] = {
		{"a: 1\nb: [\n", "F:3: did not find expected node content"},
		{"a: 1\n\tb: 2\n", "F:2: the line is indented with a tab: YAML takes blanks alone"},
		{"a:\n\t- b\n", "F:2: the line is indented with a tab: YAML takes blanks alone"},
		{"\ta: b\n", "F:1: the line is indented with a tab: YAML takes blanks alone"},
		{"a: 1\nb: 2\na: 3\n", "F:3: a stands in line 1 already"},
		{"a: &x 1\nb: *x\n",
			"F:1: what begins with & is an anchor in YAML: put it in quotes"},
		{"a: 1\nb: *x\n", "F:2: " ALIAS},
		{"a: 1\nb: *.x=y\n", "F:2: " ALIAS},
		{"a: 1\nb:\n- c\n- *=y\n", "F:4: " ALIAS},
		{"a:\n  *.x: y\n", "F:2: " ALIAS},
		{"a: &\n", "F:1: what begins with & is an anchor in YAML: put it in quotes"},
		{"a: !hush\n", "F:1: what begins with ! is a tag in YAML: put it in quotes"},
		{"a: @hush\n", "F:1: a value that begins with %, @ or ` has to be in quotes"},
		{"a: 1\nb: %hush\n", "F:2: a value that begins with %, @ or ` has to be in quotes"},
		{"a: 1\nb: \"hush\nc: 2\n", "F:2: the quote that begins here is not closed"},
		{"a:1\nb: 2\n", "F:1: " COLON},
		{"b: 2\na:1\n", "F:2: " COLON},
		{"a:1\n", "F:1: " COLON},
		{"a: 1\nwords alone\n", "F:2: the line has no colon: an option is \"name: value\""},
		{"a: b: 1\n",
			"F:1: a second colon with a blank behind it: put the value in quotes, or "
			"write HOST=URL where that is meant"},
		{"a: 1\n  b: 2\n",
			"F:2: the line is indented more than the one before it, which has a value "
			"already: options stand straight below each other"},
		{"a: -\n", "F:1: a dash with a blank behind it begins a list, whose items stand in "
			   "lines of their own: put a dash that is the value in quotes"},
		{"a = 1\n", "F:1: " EQUALS},
		{"a: 1\nb = \"2\"\n", "F:2: " EQUALS},
		{"[common]\na = 1\n",
			"F:1: this is how an ini or a TOML file begins: here it is YAML, "
			"with lines such as \"remote: exit.example.org\""},
		{"--a=1\n", "F:1: " DASHES},
		{"- --a=1\n- --b=2\n", "F:1: " DASHES},
		{"-----BEGIN CERTIFICATE-----\nhush\n",
			"F:1: this is a certificate or a key, and not a file with options"},
		{"a:\u00a01\nb: 2\n",
			"F:1: a non-breaking space stands here, which YAML does not take "
			"for a blank: type an ordinary one"},
		{"a:\n \u2013 b: 1\n",
			"F:2: \"\u2013 b\" has an en dash in it, which a page or an editor "
			"made of a hyphen"},
		{"? [a]\n: b\n", "F:1: a key must be a plain word"},
		{"a: 1\n---\nb: 2\n", "F:2: a second document begins"},
		{"just text\n", "F:1: the file must be a list of \"option: value\" lines"},
		{"a: \"x\\0y\"\n", "F:1: a value has a NUL character in it"},
		{"a: [[[[[[[[[[[[[[1]]]]]]]]]]]]]]\n", "F:1: nested too deeply"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tree_node *root;
		struct error err;
		assert_int_equal(read_text(rows[i].text, strlen(rows[i].text), &root, &err),
			-EINVAL);
		assert_string_equal(err.text, rows[i].sentence);
	}
	char *large = malloc(TREE_SIZE_MAX + 1);
	memset(large, '\n', TREE_SIZE_MAX + 1);
	struct tree_node *root;
	struct error err;
	assert_int_equal(read_text(large, TREE_SIZE_MAX + 1, &root, &err), -EINVAL);
	assert_int_equal(read_text(large, TREE_SIZE_MAX, &root, &err), 0);
	tree_free(root);
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
