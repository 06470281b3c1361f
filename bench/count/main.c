/* SPDX-License-Identifier: MIT */
/*
 * The program whose instructions are counted; count.py runs it.
 *
 *	count		the cases, one a line: name and unit
 *	count NAME	runs that one: units done and allocations, while the meter was on
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "case.h"
#include "crypto/crypto.h"
#include "meter.h"

static const struct count_case *const rooms[] = {
	ws_cases,
	frame_cases,
	mux_cases,
	seal_cases,
	http1_cases,
	h2_cases,
	forward_cases,
	link_cases,
	e2e_cases,
	e2e_flow_cases,
	inspector_cases,
	counts_cases,
	rules_cases,
};

void count_expect(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "count: %s\n", what);
	exit(1);
}

static void list_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rooms); i++)
		for (const struct count_case *c = rooms[i]; c->name; c++)
			printf("%s %s\n", c->name, c->unit);
}

static const struct count_case *find_case(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(rooms); i++)
		for (const struct count_case *c = rooms[i]; c->name; c++)
			if (strcmp(c->name, name) == 0)
				return c;
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		list_cases();
		return 0;
	}
	const struct count_case *c = find_case(argv[1]);
	count_expect(c, "there is no case of that name");
	count_expect(crypto_start() == 0, "the libraries of the ciphers do not start");
	c->prepare();
	count_expect(c->run(c->times) == c->times, "the first run did not do all it should");
	count_expect(meter_run(c->run, c->times) == c->times, "the run did not do all it should");
	printf("%zu %zu\n", c->times, meter_allocations());
	return 0;
}
