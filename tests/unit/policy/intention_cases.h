/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Who may use what: the intentions that there are, the default, and what comes out of it. Consul 1.16.3 was asked
 * the same, once with either default, and agreed in every case (PUT /v1/connect/intentions/exact, then GET
 * /v1/connect/intentions/check).
 */
#include <stdbool.h>

#include "policy/intention.h"

struct intention_case {
	int number;
	const char *why;
	enum policy_action otherwise; /* the default */
	struct intention_said {
		const char *source, *destination;
		enum policy_action action;
	} intentions[5]; /* in the order in which they were made; a pair again replaces */
	struct intention_said deleted;    /* after that; no source: none is */
	const char *source, *destination; /* of the connection */
	bool allowed;
	const char *by; /* NULL: the default */
	unsigned precedence;
};

static const struct intention_case intention_cases[] = {
	{1, "no intention at all: the default decides", POLICY_ALLOW, {{0}}, {0}, "web", "redis",
		true, NULL, 0},
	{2, "no intention at all: the default decides", POLICY_DENY, {{0}}, {0}, "web", "redis",
		false, NULL, 0},
	{3, "an intention for another destination does not count", POLICY_DENY,
		{{"web", "db", POLICY_ALLOW}}, {0}, "web", "redis", false, NULL, 0},
	{5, "direction matters: redis to web says nothing of web to redis", POLICY_ALLOW,
		{{"redis", "web", POLICY_DENY}}, {0}, "web", "redis", true, NULL, 0},
	{6, "direction matters, the other way", POLICY_DENY, {{"redis", "web", POLICY_ALLOW}}, {0},
		"web", "redis", false, NULL, 0},
	{8, "a name is compared whole: redis-2 is not redis", POLICY_DENY,
		{{"web", "redis", POLICY_ALLOW}}, {0}, "web", "redis-2", false, NULL, 0},
	{9, "exact source and destination", POLICY_DENY, {{"web", "redis", POLICY_ALLOW}}, {0},
		"web", "redis", true, "web => redis", 9},
	{11, "any source to one destination", POLICY_DENY, {{"*", "redis", POLICY_ALLOW}}, {0},
		"web", "redis", true, "* => redis", 8},
	{12, "any source to one destination", POLICY_ALLOW, {{"*", "redis", POLICY_DENY}}, {0},
		"web", "redis", false, "* => redis", 8},
	{13, "one source to any destination", POLICY_DENY, {{"web", "*", POLICY_ALLOW}}, {0}, "web",
		"redis", true, "web => *", 6},
	{15, "anything to anything", POLICY_DENY, {{"*", "*", POLICY_ALLOW}}, {0}, "web", "redis",
		true, "* => *", 5},
	{16, "anything to anything", POLICY_ALLOW, {{"*", "*", POLICY_DENY}}, {0}, "web", "redis",
		false, "* => *", 5},
	{18, "9 before 8", POLICY_ALLOW,
		{{"web", "redis", POLICY_DENY}, {"*", "redis", POLICY_ALLOW}}, {0}, "web", "redis",
		false, "web => redis", 9},
	{19, "9 before 6", POLICY_ALLOW,
		{{"web", "redis", POLICY_ALLOW}, {"web", "*", POLICY_DENY}}, {0}, "web", "redis",
		true, "web => redis", 9},
	{21, "9 before 5", POLICY_ALLOW, {{"web", "redis", POLICY_ALLOW}, {"*", "*", POLICY_DENY}},
		{0}, "web", "redis", true, "web => redis", 9},
	{22, "9 before 5", POLICY_ALLOW, {{"web", "redis", POLICY_DENY}, {"*", "*", POLICY_ALLOW}},
		{0}, "web", "redis", false, "web => redis", 9},
	{23, "8 before 6: who is protected is more specific than who asks", POLICY_ALLOW,
		{{"*", "redis", POLICY_DENY}, {"web", "*", POLICY_ALLOW}}, {0}, "web", "redis",
		false, "* => redis", 8},
	{25, "8 before 5", POLICY_ALLOW, {{"*", "redis", POLICY_ALLOW}, {"*", "*", POLICY_DENY}},
		{0}, "web", "redis", true, "* => redis", 8},
	{26, "8 before 5", POLICY_ALLOW, {{"*", "redis", POLICY_DENY}, {"*", "*", POLICY_ALLOW}},
		{0}, "web", "redis", false, "* => redis", 8},
	{28, "6 before 5", POLICY_ALLOW, {{"web", "*", POLICY_DENY}, {"*", "*", POLICY_ALLOW}}, {0},
		"web", "redis", false, "web => *", 6},
	{29, "of three wildcards the one with the destination decides, deny beside it or not",
		POLICY_ALLOW,
		{{"*", "redis", POLICY_ALLOW}, {"web", "*", POLICY_DENY}, {"*", "*", POLICY_DENY}},
		{0}, "web", "redis", true, "* => redis", 8},
	{31, "all four: the exact one alone counts", POLICY_ALLOW,
		{{"web", "redis", POLICY_ALLOW}, {"*", "redis", POLICY_DENY},
			{"web", "*", POLICY_DENY}, {"*", "*", POLICY_DENY}},
		{0}, "web", "redis", true, "web => redis", 9},
	{32, "all four: the exact one alone counts", POLICY_ALLOW,
		{{"web", "redis", POLICY_DENY}, {"*", "redis", POLICY_ALLOW},
			{"web", "*", POLICY_ALLOW}, {"*", "*", POLICY_ALLOW}},
		{0}, "web", "redis", false, "web => redis", 9},
	{33, "all four seen from another source: 8 decides", POLICY_ALLOW,
		{{"web", "redis", POLICY_ALLOW}, {"*", "redis", POLICY_DENY},
			{"web", "*", POLICY_ALLOW}, {"*", "*", POLICY_ALLOW}},
		{0}, "api", "redis", false, "* => redis", 8},
	{35, "all four seen from elsewhere: 5 decides", POLICY_ALLOW,
		{{"web", "redis", POLICY_ALLOW}, {"*", "redis", POLICY_ALLOW},
			{"web", "*", POLICY_ALLOW}, {"*", "*", POLICY_DENY}},
		{0}, "api", "db", false, "* => *", 5},
	{36, "the order of creation is of no consequence", POLICY_ALLOW,
		{{"*", "*", POLICY_DENY}, {"*", "redis", POLICY_DENY}, {"web", "*", POLICY_DENY},
			{"web", "redis", POLICY_ALLOW}},
		{0}, "web", "redis", true, "web => redis", 9},
	{38, "two sources of one destination are two matters (the denied one)", POLICY_ALLOW,
		{{"web", "redis", POLICY_ALLOW}, {"api", "redis", POLICY_DENY}}, {0}, "api",
		"redis", false, "api => redis", 9},
	{39, "two sources of one destination are two matters (the allowed one)", POLICY_DENY,
		{{"web", "redis", POLICY_ALLOW}, {"api", "redis", POLICY_DENY}}, {0}, "web",
		"redis", true, "web => redis", 9},
	{41, "replaced: what was said last counts", POLICY_DENY,
		{{"web", "redis", POLICY_DENY}, {"web", "redis", POLICY_ALLOW}}, {0}, "web",
		"redis", true, "web => redis", 9},
	{42, "deleted: the next less specific one decides", POLICY_ALLOW,
		{{"web", "redis", POLICY_ALLOW}, {"*", "redis", POLICY_DENY}}, {"web", "redis", 0},
		"web", "redis", false, "* => redis", 8},
	{43, "deleted: the next less specific one decides", POLICY_DENY,
		{{"web", "redis", POLICY_DENY}, {"*", "redis", POLICY_ALLOW}}, {"web", "redis", 0},
		"web", "redis", true, "* => redis", 8},
	{45, "deleted, and no other: the default decides", POLICY_DENY,
		{{"web", "redis", POLICY_ALLOW}}, {"web", "redis", 0}, "web", "redis", false, NULL,
		0},
	{46, "to itself it is a source like any other", POLICY_ALLOW, {{"*", "web", POLICY_DENY}},
		{0}, "web", "web", false, "* => web", 8},
	{48, "a name that nobody bears yet may be allowed", POLICY_DENY,
		{{"ghost", "redis", POLICY_ALLOW}}, {0}, "ghost", "redis", true, "ghost => redis",
		9},
	{49, "a name that nobody bears yet may be denied", POLICY_ALLOW,
		{{"web", "ghost", POLICY_DENY}}, {0}, "web", "ghost", false, "web => ghost", 9},
	{51, "allow everything but one pair: the others go on", POLICY_DENY,
		{{"*", "*", POLICY_ALLOW}, {"web", "redis", POLICY_DENY}}, {0}, "web", "db", true,
		"* => *", 5},
	{52, "deny everything to redis but one source", POLICY_ALLOW,
		{{"*", "redis", POLICY_DENY}, {"web", "redis", POLICY_ALLOW}}, {0}, "web", "redis",
		true, "web => redis", 9},
	{53, "deny everything to redis but one source: the others are out", POLICY_ALLOW,
		{{"*", "redis", POLICY_DENY}, {"web", "redis", POLICY_ALLOW}}, {0}, "batch",
		"redis", false, "* => redis", 8},
	{55, "lock-down with an opening: nothing else", POLICY_ALLOW,
		{{"*", "*", POLICY_DENY}, {"*", "status", POLICY_ALLOW}}, {0}, "web", "redis",
		false, "* => *", 5},
	{56, "one who may talk to nobody, against an open destination", POLICY_ALLOW,
		{{"evil", "*", POLICY_DENY}, {"*", "status", POLICY_ALLOW}}, {0}, "evil", "status",
		true, "* => status", 8},
};
