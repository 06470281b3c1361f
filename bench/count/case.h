/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What is counted: each room's file has a table of cases. A case is run twice, and the second time
 * counts, so that what happens once (a table that grows, a window that opens) is over by then.
 */
#include <stdbool.h>
#include <stddef.h>

/* Sizes that the cases share. */
#define SMALL           200 /* bytes of a request, as they cross a link one by one */
#define ANSWER          900 /* bytes; 64 of them fit into one record */
#define RECORDS_PER_MIB 16  /* of 64 KiB; a few bytes less is what a full one has */
#define MIB             ((size_t)1 << 20)

struct count_case {
	const char *name; /* "room/what", as budget.json has it */
	const char *unit; /* what `run` does `n` of: "MiB", "request" */
	size_t times;     /* units; so many that the first and the last do not show */
	void (*prepare)(void);
	size_t (*run)(size_t n); /* returns how many were done in fact */
};

/* They end in a case without a name. */
extern const struct count_case ws_cases[], frame_cases[], mux_cases[], seal_cases[], http1_cases[],
	h2_cases[], forward_cases[], link_cases[], e2e_cases[], e2e_flow_cases[], inspector_cases[],
	counts_cases[], rules_cases[];

/* Ends the program with a sentence unless `ok`: what does not work must not be counted. */
void count_expect(bool ok, const char *what);
