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
	static const struct {
		const char *text, *sentence;
	} rows[] = {
		{"a: 1\nb: [\n", "F:3: did not find expected node content"},
		{"a: 1\n\tb: 2\n", "F:2: found a tab character that violates indentation"},
		{"a: 1\nb: 2\na: 3\n", "F:3: a stands in line 1 already"},
		{"a: &x 1\nb: *x\n", "F:2: anchors and aliases are not taken"},
		{"? [a]\n: b\n", "F:1: a key must be a plain word"},
		{"a: 1\n---\nb: 2\n", "F:2: a second document begins"},
		{"just text\n", "F:1: the file must be a list of \"option: value\" lines"},
		{"a: \"x\\0y\"\n", "F:1: a value has a NUL character in it"},
		{"a: [[[[[[[[[[1]]]]]]]]]]\n", "F:1: nested too deeply"},
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
