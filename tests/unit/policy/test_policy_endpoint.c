/* SPDX-License-Identifier: MIT */
/* Endpoints: their states, by a table and by random walks, and what they are called. */
#include "policy/endpoint.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

/* ---- States ---- */

#define NONE POLICY_ENDPOINT_NONE
#define PEND POLICY_PENDING
#define APPR POLICY_APPROVED
#define REJE POLICY_REJECTED
#define DISC POLICY_DISCONNECTED
#define NO   9 /* refused */

/* By hand, once more: behind each state, for how it was approved, the event. */
static const struct step_row {
	enum policy_endpoint_event event;
	enum policy_endpoint_how how;
	unsigned behind[DISC + 1]; /* None, Pending, Approved, Rejected, Disconnected */
} step_rows[] = {
	{POLICY_REQUEST, POLICY_HOW_NOT, {PEND, PEND, APPR, REJE, DISC}},
	{POLICY_REQUEST, POLICY_HOW_AUTO, {APPR, PEND, APPR, REJE, DISC}},
	{POLICY_REQUEST, POLICY_HOW_OWNER, {APPR, PEND, APPR, REJE, DISC}},
	{POLICY_APPROVE, POLICY_HOW_NOT, {NO, APPR, APPR, APPR, NO}},
	{POLICY_REJECT, POLICY_HOW_MANUAL, {NO, REJE, REJE, REJE, NO}},
	{POLICY_REMOVE, POLICY_HOW_MANUAL, {NO, DISC, DISC, DISC, NO}},
	{POLICY_DELETE, POLICY_HOW_MANUAL, {NO, NONE, NONE, NONE, NONE}},
	{POLICY_CHANGE_KEY, POLICY_HOW_MANUAL, {NO, PEND, PEND, REJE, DISC}},
	{POLICY_CHANGE_KEY, POLICY_HOW_AUTO, {NO, PEND, APPR, REJE, DISC}},
	{POLICY_CHANGE_KEY, POLICY_HOW_OWNER, {NO, PEND, APPR, REJE, DISC}},
	{POLICY_DELETE_SERVICE, POLICY_HOW_AUTO, {NO, DISC, DISC, DISC, DISC}},
};

static void test_steps(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(step_rows); i++)
		for (enum policy_endpoint_state from = NONE; from <= DISC; from++) {
			const struct step_row *row = &step_rows[i];
			struct policy_endpoint_outcome outcome = {.state = NO};
			struct error err = {""};
			int r = policy_endpoint_step(from, row->how, row->event, &outcome, &err);
			assert_int_equal(r, row->behind[from] == NO ? -EPERM : 0);
			assert_int_equal(outcome.state, row->behind[from]);
			assert_int_equal(err.text[0] == '\0', r == 0);
			assert_int_equal(outcome.cuts,
				r == 0 && from == APPR && row->behind[from] != APPR);
		}
}

static void test_sentences(void **state)
{
	struct policy_endpoint_outcome outcome;
	struct error err;
	policy_endpoint_step(DISC, POLICY_HOW_NOT, POLICY_APPROVE, &outcome, &err);
	assert_string_equal(err.text,
		"it was removed: the consumer has to delete it and ask again");
	policy_endpoint_step(NONE, POLICY_HOW_NOT, POLICY_REJECT, &outcome, &err);
	assert_string_equal(err.text, "there is no such endpoint");
}

/*
 * Whatever happens in whatever order: from Disconnected nothing leads but deletion, usable is what is Approved, it
 * is Approved only by who may, and what is live ends whenever it is not usable any more.
 */
static void test_walks(void **state)
{
	unsigned seed = 20261128;
	size_t visits[DISC + 1] = {0};
	for (unsigned walk = 0; walk < 2000; walk++) {
		struct policy_endpoint e;
		enum policy_endpoint_how how = (enum policy_endpoint_how[]){POLICY_HOW_NOT,
			POLICY_HOW_AUTO, POLICY_HOW_OWNER}[rand_r(&seed) % 3];
		assert_int_equal(policy_endpoint_init(&e, "web", how), 0);
		assert_int_equal(policy_endpoint_usable(&e), how != POLICY_HOW_NOT);
		bool live = policy_endpoint_usable(&e), there = true;
		for (unsigned step = 0; there && step < 30; step++) {
			enum policy_endpoint_event event = (enum policy_endpoint_event)(
				rand_r(&seed) % POLICY_ENDPOINT_EVENTS);
			enum policy_endpoint_state was = e.state;
			struct policy_endpoint_outcome outcome = {.state = was};
			struct error err;
			if (event == POLICY_DELETE && rand_r(&seed) % 8)
				continue;
			visits[was]++;
			int r = policy_endpoint_apply(&e, event, STR("why"), "api", &outcome, &err);
			if (r)
				assert_true(was == DISC && e.state == DISC);
			there = outcome.state != NONE;
			assert_int_equal(there, event != POLICY_DELETE);
			if (there)
				assert_int_equal(e.state, outcome.state);
			if (was == DISC && there)
				assert_int_equal(e.state, DISC);
			if (was != APPR && there && e.state == APPR)
				assert_int_equal(event, POLICY_APPROVE);
			live &= !outcome.cuts;
			live |= event == POLICY_APPROVE && r == 0;
			if (there) {
				assert_int_equal(policy_endpoint_usable(&e), e.state == APPR);
				assert_int_equal(live, policy_endpoint_usable(&e));
				assert_int_equal(e.how != POLICY_HOW_NOT, e.state == APPR);
			} else {
				assert_false(live);
			}
		}
		policy_endpoint_deinit(&e);
	}
	for (enum policy_endpoint_state s = PEND; s <= DISC; s++)
		assert_true(visits[s] > 1000);
}

/* ---- What an event makes of a value ---- */

static void expect(const struct policy_endpoint *e, enum policy_endpoint_state state,
	enum policy_endpoint_how how, const char *description, const char *by)
{
	assert_int_equal(e->state, state);
	assert_int_equal(e->how, how);
	assert_string_equal(e->description, description);
	assert_string_equal(e->decided_by, by);
}

static void test_apply(void **state)
{
	struct policy_endpoint e;
	struct policy_endpoint_outcome outcome;
	struct error err;
	assert_int_equal(policy_endpoint_init(&e, "web", POLICY_HOW_NOT), 0);
	expect(&e, PEND, POLICY_HOW_NOT, "", "");
	e.updated_at = 0;
	assert_int_equal(policy_endpoint_apply(&e, POLICY_REQUEST, STR("x"), "x", &outcome, &err),
		0);
	expect(&e, PEND, POLICY_HOW_NOT, "", "");
	assert_int_equal(e.updated_at, 0);

	policy_endpoint_apply(&e, POLICY_APPROVE, STR("ticket 4711"), "api", &outcome, &err);
	expect(&e, APPR, POLICY_HOW_MANUAL, "ticket 4711", "api");
	assert_false(outcome.cuts);
	assert_true(e.updated_at > 0);
	policy_endpoint_apply(&e, POLICY_APPROVE, STR("again"), "uid 0", &outcome, &err);
	expect(&e, APPR, POLICY_HOW_MANUAL, "again", "uid 0");
	assert_false(outcome.cuts);

	policy_endpoint_apply(&e, POLICY_CHANGE_KEY, STR("x"), "web", &outcome, &err);
	expect(&e, PEND, POLICY_HOW_NOT, "its key changed", "web");
	assert_true(outcome.cuts);
	policy_endpoint_apply(&e, POLICY_REJECT, STR(""), "api", &outcome, &err);
	expect(&e, REJE, POLICY_HOW_NOT, "", "api");

	policy_endpoint_apply(&e, POLICY_DELETE_SERVICE, STR("x"), "api", &outcome, &err);
	expect(&e, DISC, POLICY_HOW_NOT, "the private service was deleted", "api");
	e.updated_at = 0;
	assert_int_equal(policy_endpoint_apply(&e, POLICY_REMOVE, STR("x"), "other", &outcome,
				 &err),
		-EPERM);
	assert_int_equal(policy_endpoint_apply(&e, POLICY_DELETE_SERVICE, STR("x"), "other",
				 &outcome, &err),
		0);
	expect(&e, DISC, POLICY_HOW_NOT, "the private service was deleted", "api");
	assert_int_equal(e.updated_at, 0);
	assert_int_equal(policy_endpoint_apply(&e, POLICY_DELETE, STR(""), "web", &outcome, &err),
		0);
	assert_int_equal(outcome.state, NONE);
	policy_endpoint_deinit(&e);
}

/* Approved once more by hand it is still as it was approved first. */
static void test_approved_without_waiting(void **state)
{
	struct policy_private_service s;
	struct policy_endpoint e;
	struct policy_endpoint_outcome outcome;
	struct error err;
	assert_int_equal(policy_private_service_init(&s, "redis", 1, POLICY_TCP), 0);
	assert_int_equal(policy_private_service_set_lists(&s, "api,web", "web", &err), 0);
	assert_int_equal(policy_endpoint_requested(&s, "api", false), POLICY_HOW_NOT);
	assert_int_equal(policy_endpoint_requested(&s, "web", false), POLICY_HOW_AUTO);
	assert_int_equal(policy_endpoint_requested(&s, "web", true), POLICY_HOW_OWNER);
	policy_private_service_deinit(&s);

	assert_int_equal(policy_endpoint_init(&e, "web", POLICY_HOW_AUTO), 0);
	expect(&e, APPR, POLICY_HOW_AUTO, "Auto-Approved", "");
	policy_endpoint_apply(&e, POLICY_APPROVE, STR("fine"), "api", &outcome, &err);
	expect(&e, APPR, POLICY_HOW_AUTO, "fine", "api");
	policy_endpoint_apply(&e, POLICY_CHANGE_KEY, STR(""), "web", &outcome, &err);
	expect(&e, APPR, POLICY_HOW_AUTO, "fine", "api");
	assert_false(outcome.cuts);
	policy_endpoint_deinit(&e);
	assert_int_equal(policy_endpoint_init(&e, "web", POLICY_HOW_OWNER), 0);
	expect(&e, APPR, POLICY_HOW_OWNER, "", "");
	policy_endpoint_deinit(&e);
}

static void test_values(void **state)
{
	static const uint8_t zeros[POLICY_UID_SIZE];
	struct policy_endpoint e, copy, other;
	assert_int_equal(policy_endpoint_init(&e, "web", POLICY_HOW_NOT), 0);
	assert_int_equal(policy_endpoint_init(&other, "web", POLICY_HOW_NOT), 0);
	assert_memory_not_equal(e.uid, zeros, POLICY_UID_SIZE);
	assert_memory_not_equal(e.uid, other.uid, POLICY_UID_SIZE);
	e.link = 12;
	assert_int_equal(policy_endpoint_copy(&copy, &e), 0);
	policy_endpoint_deinit(&e);
	policy_endpoint_deinit(&e);
	assert_string_equal(copy.name, "web");
	assert_string_equal(copy.message, "");
	assert_int_equal(copy.link, 12);
	assert_true(copy.last_used_at == POLICY_NONE && copy.created_at == copy.updated_at);
	policy_endpoint_deinit(&copy);
	policy_endpoint_deinit(&other);
}

static void test_forgotten(void **state)
{
	struct policy_endpoint e;
	assert_int_equal(policy_endpoint_init(&e, "web", POLICY_HOW_NOT), 0);
	uint64_t made = e.created_at;
	assert_false(policy_endpoint_forgotten(&e, made + POLICY_PENDING_MAX - 1));
	assert_true(policy_endpoint_forgotten(&e, made + POLICY_PENDING_MAX));
	assert_false(policy_endpoint_forgotten(&e, made - 1));
	e.last_used_at = made + 5;
	assert_false(policy_endpoint_forgotten(&e, made + POLICY_PENDING_MAX));
	assert_true(policy_endpoint_forgotten(&e, made + POLICY_PENDING_MAX + 5));
	e.last_used_at = 3;
	assert_false(policy_endpoint_forgotten(&e, POLICY_PENDING_MAX + 3));
	e.state = POLICY_REJECTED;
	assert_false(policy_endpoint_forgotten(&e, POLICY_NONE));
	policy_endpoint_deinit(&e);
}

/* ---- Words ---- */

static void test_words(void **state)
{
	static const struct {
		enum policy_endpoint_state state;
		const char *name, *provisioning;
	} table[] = {
		{PEND, "Pending", "Pending"},
		{APPR, "Approved", "Succeeded"},
		{REJE, "Rejected", "Succeeded"},
		{DISC, "Disconnected", "Succeeded"},
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		assert_string_equal(policy_endpoint_state_name(table[i].state), table[i].name);
		assert_string_equal(policy_endpoint_provisioning(table[i].state),
			table[i].provisioning);
	}
	assert_string_equal(policy_endpoint_how_name(POLICY_HOW_NOT), "");
	assert_string_equal(policy_endpoint_how_name(POLICY_HOW_MANUAL), "manual");
	assert_string_equal(policy_endpoint_how_name(POLICY_HOW_AUTO), "auto");
	assert_string_equal(policy_endpoint_how_name(POLICY_HOW_OWNER), "owner");
}

static void test_message(void **state)
{
	char long_one[POLICY_MESSAGE_SIZE + 3] = "";
	struct error err = {""};
	for (unsigned i = 0; i < POLICY_MESSAGE_MAX; i++)
		strcat(long_one, "\xf0\x9f\x94\x91"); /* a key, of four bytes */
	assert_int_equal(policy_message_check(STR(""), &err), 0);
	assert_int_equal(policy_message_check(STR("for the new web server, ticket 4711"), &err), 0);
	assert_int_equal(policy_message_check(str_from(long_one), &err), 0);
	strcat(long_one, "a");
	assert_int_equal(policy_message_check(str_from(long_one), &err), -EINVAL);
	assert_string_equal(err.text, "the message is longer than 140 characters");
	/* Bytes that only go on with a character begin none: there is a bound for them too. */
	memset(long_one, 0x80, sizeof long_one);
	assert_int_equal(policy_message_check((struct str){long_one, POLICY_MESSAGE_SIZE + 1},
				 &err),
		-EINVAL);
	assert_int_equal(policy_message_check(STR("a\nb"), &err), -EINVAL);
	assert_int_equal(policy_message_check(STR("\x1b[31m"), &err), -EINVAL);
	assert_int_equal(policy_message_check(STR("\x7f"), &err), -EINVAL);
	assert_string_equal(err.text, "the message has a control character in it");
}

static const uint8_t uid[POLICY_UID_SIZE] = {0x7f, 0x3a, 0x9c, 0x2e, 0x41, 0xd0, 0x5b, 0x68, 0xff,
	0xee, 0xdd};

static void test_id(void **state)
{
	static const struct {
		const char *in, *service, *consumer, *digits; /* NULL: refused */
	} table[] = {
		{"web.7f3a9c2e41d05b68", "", "web", "7f3a9c2e41d05b68"},
		{"WEB.7F3A", "", "web", "7f3a"},
		{"web.", "", "web", ""},
		{"web", "", "web", ""},
		{"/services/super-api/privateEndpointConnections/web.7f3a9c2e41d05b68", "super-api",
			"web", "7f3a9c2e41d05b68"},
		{"/Services/Super-API/privateendpointconnections/web", "super-api", "web", ""},
		{"web.7f3a9c2e41d05b68f", NULL, NULL, NULL},
		{"web.7g", NULL, NULL, NULL},
		{"web.7f.3a", NULL, NULL, NULL},
		{".7f3a", NULL, NULL, NULL},
		{"", NULL, NULL, NULL},
		{"*", NULL, NULL, NULL},
		{"/services/super-api/web.7f3a", NULL, NULL, NULL},
		{"/services/super-api", NULL, NULL, NULL},
		{"/services//privateEndpointConnections/web", NULL, NULL, NULL},
		{"/services/a/privateEndpointConnections/", NULL, NULL, NULL},
		{"super-api/web.7f3a", NULL, NULL, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct policy_endpoint_id id = {.service = "untouched"};
		struct error err = {""};
		int r = policy_endpoint_id_parse(str_from(table[i].in), &id, &err);
		assert_int_equal(r, table[i].service ? 0 : -EINVAL);
		assert_int_equal(err.text[0] == '\0', r == 0);
		assert_string_equal(id.service, table[i].service ? table[i].service : "untouched");
		if (r)
			continue;
		assert_string_equal(id.consumer, table[i].consumer);
		assert_string_equal(id.digits, table[i].digits);
		assert_true(policy_endpoint_id_covers(&id, uid));
	}
}

static void test_id_format(void **state)
{
	char text[POLICY_ENDPOINT_ID_SIZE], name[POLICY_NAME_SIZE];
	struct policy_endpoint_id id;
	struct error err;
	uint8_t other[POLICY_UID_SIZE];
	assert_string_equal(policy_endpoint_id_format("web", uid, text), "web.7f3a9c2e41d05b68");
	memset(name, 'a', sizeof name);
	name[POLICY_NAME_MAX] = '\0';
	policy_endpoint_id_format(name, uid, text);
	assert_int_equal(strlen(text), POLICY_ENDPOINT_ID_SIZE - 1);
	assert_int_equal(policy_endpoint_id_parse(str_from(text), &id, &err), 0);
	assert_string_equal(id.consumer, name);
	assert_true(policy_endpoint_id_covers(&id, uid));
	/* Each of the bytes that are shown tells two apart. */
	for (size_t i = 0; i < POLICY_UID_DIGITS / 2; i++) {
		memcpy(other, uid, sizeof other);
		other[i] ^= 1;
		assert_false(policy_endpoint_id_covers(&id, other));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_sentences),
		cmocka_unit_test(test_walks),
		cmocka_unit_test(test_apply),
		cmocka_unit_test(test_approved_without_waiting),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_forgotten),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_id),
		cmocka_unit_test(test_id_format),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
