/* SPDX-License-Identifier: MIT */
/* What becomes of all that lives when rights change, on all workers, in the orders that are hard. */
#include <sys/resource.h>

#include "base/clock.h"
#include "crypto/random.h"
#include "mux/shaper.h"
#include "tests/unit/emulated.h"
#include "tests/unit/server/actors.h"

static void revoke_token(struct exit_node *n, const struct credential *k)
{
	struct store_row row = credential_row(k);
	row.credential.revoked_at = policy_now();
	put(n, &row);
}

/* What the keyring of a link's worker says about that key id. */
static struct credential *look_up(struct exit_node *n, unsigned worker, const struct credential *k)
{
	struct credential *owner;
	keyring_find(n->node.workers[worker]->keyring, k->value.key_id, &owner);
	return owner;
}

/* ---- Tokens ---- */

static void a_revoked_token_takes_all_with_it(void **state)
{
	struct exit_node *n = *state;
	struct actors is = actors(n);
	struct asked asked;
	uint16_t port = exit_node_ports(n);
	struct server_link *l = dial(n, is.token, "a", NULL), *idle = dial(n, is.token, "b", NULL);
	struct server_link *other = dial(n, is.others, "c", NULL);
	assert_int_equal(ask(n, l, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
	assert_int_equal(ask(n, l, publish_port(2, CONTROL_TCP, port))->type, CONTROL_GRANTED);
	assert_int_equal(ask(n, other, publish_http(1, "b.example"))->type, CONTROL_GRANTED);
	int fd = visit(port);
	settle_until(n, client_of(n, l)->n_opens == 1);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_ptr_equal(look_up(n, i, is.token), is.token);

	revoke_token(n, is.token);
	enforce(n, &asked);
	/* No claim is there any more, before anybody was told. */
	assert_int_equal(visit(port), -1);
	settle(n);
	assert_true(asked.done);
	assert_int_equal(asked.enforcement.result.sessions, 1);
	assert_int_equal(asked.enforcement.result.streams, 1);
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_null(look_up(n, i, is.token));
		assert_ptr_equal(look_up(n, i, is.others), is.others);
	}
	assert_true(is_cut(fd));
	close(fd);
	assert_true(client_of(n, l)->ended && client_of(n, idle)->ended);
	assert_int_equal(client_of(n, l)->goaway, FRAME_GOAWAY_DENIED);
	assert_int_equal(client_of(n, idle)->n_goaways, 1);
	assert_int_equal(workers_with(n, "b.example"), WORKERS);
	assert_null(service_shard_at(n, 0, "a.example"));
	assert_true(list_empty(&is.team->sessions));
	assert_false(client_of(n, other)->ended);
}

/* Messages that were under way when the token was revoked are not heard. */
static void a_denied_link_claims_nothing(void **state)
{
	struct exit_node *n = *state;
	struct actors is = actors(n);
	struct asked asked;
	struct server_link *l = dial(n, is.token, "a", NULL);
	settle(n);
	publish(l, 1, "a.example");
	revoke_token(n, is.token);
	enforce(n, &asked);
	/* Also before its worker knows. */
	for (int i = 0; i < WORKERS; i++) {
		turn(n, 0);
		assert_true(list_empty(&is.team->sessions));
		assert_int_equal(workers_with(n, "a.example"), 0);
	}
	settle(n);
	assert_true(asked.done);
	assert_true(list_empty(&is.team->sessions));
	assert_null(told(n, l, CONTROL_GRANTED, 1));
}

/* While a service is on its way to all workers. */
static void a_claim_that_is_under_way_is_taken_back(void **state)
{
	struct exit_node *n = *state;
	struct actors is = actors(n);
	struct asked asked;
	struct server_link *l = dial(n, is.token, "a", NULL);
	settle(n);
	publish(l, 1, "a.example");
	while (!service_shard_at(n, 0, "a.example"))
		turn(n, l->worker->index), turn(n, 0);
	revoke_token(n, is.token);
	enforced(n, &asked);
	assert_int_equal(workers_with(n, "a.example"), 0);
}

static void the_overlap_of_a_rotation_ends(void **state)
{
	struct exit_node *n = *state;
	struct actors is = actors(n);
	struct asked asked;
	struct credential *next = add_credential(n, is.team);
	struct store_row row = credential_row(is.token);
	row.credential.expires_at = policy_now() + 200 * CLOCK_MS;
	put(n, &row);
	enforced(n, &asked);
	struct server_link *old = dial(n, is.token, "a", NULL), *new = dial(n, next, "b", NULL);
	/* Two tokens, one identity (rule 27): they share the name. */
	assert_int_equal(ask(n, old, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
	assert_int_equal(ask(n, new, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
	assert_int_equal(is.team->n_sessions, 2);
	settle_until(n, client_of(n, old)->ended);
	settle(n);
	assert_int_equal(client_of(n, old)->goaway, FRAME_GOAWAY_DENIED);
	assert_false(client_of(n, new)->ended);
	assert_int_equal(is.team->n_sessions, 1);
	assert_int_equal(workers_with(n, "a.example"), WORKERS);
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_null(look_up(n, i, is.token));
		assert_ptr_equal(look_up(n, i, next), next);
	}
}

/* ---- Identities ---- */

/* On links that are there, on whichever worker; and gone with the grant. */
static void a_rate_holds_and_is_lifted(void **state)
{
	struct exit_node *n = *state;
	struct actors is = actors(n);
	struct asked asked;
	struct server_link *links[2];
	for (unsigned i = 0; i < 2; i++) {
		links[i] = dial(n, is.token, i ? "b" : "a", NULL);
		assert_int_equal(ask(n, links[i], publish_http(1, "a.example"))->type,
			CONTROL_GRANTED);
	}
	for (int round = 0; round < 2; round++) {
		struct store_row row = identity_row(n, "team");
		row.identity.rate_down = 1000 * (uint64_t)(round + 1);
		put(n, &row);
		enforced(n, &asked);
		settle(n);
		struct rate *rate = is.team->rate;
		assert_int_equal(rate_bucket_limit(&rate->down), 1000 * (round + 1));
		assert_true(rate_bucket_limit(&rate->up) == RATE_NONE);
		for (int i = 0; i < 2; i++)
			assert_ptr_equal(links[i]->io.link.mux.shaper->pull.bucket, &rate->down);
	}
	struct store_row row = identity_row(n, "team");
	row.identity.rate_down = POLICY_NONE;
	put(n, &row);
	enforced(n, &asked);
	settle(n);
	for (int i = 0; i < 2; i++)
		assert_null(links[i]->io.link.mux.shaper);
}

static void an_identity_expires(void **state)
{
	struct exit_node *n = *state;
	struct actors is = actors(n);
	struct asked asked;
	struct server_link *l = dial(n, is.token, "a", NULL);
	assert_int_equal(ask(n, l, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
	struct store_row row = identity_row(n, "team");
	row.identity.expires_at = policy_now() + 100 * CLOCK_MS;
	put(n, &row);
	assert_int_equal(enforced(n, &asked)->sessions, 0);
	settle_until(n, client_of(n, l)->ended);
	settle(n);
	assert_null(look_up(n, 1, is.token));
	/* And is given more time: the same token is good again. */
	row = identity_row(n, "team");
	row.identity.expires_at = POLICY_NONE;
	put(n, &row);
	enforced(n, &asked);
	assert_ptr_equal(look_up(n, 1, is.token), is.token);
}

static void a_deleted_identity_is_not_the_next_one_of_its_name(void **state)
{
	struct exit_node *n = *state;
	struct actors is = actors(n);
	struct asked asked;
	struct server_link *l = dial(n, is.token, "a", NULL);
	assert_int_equal(ask(n, l, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
	struct store_row row = identity_row(n, "team");
	row.gone = true;
	put(n, &row);
	assert_int_equal(enforced(n, &asked)->sessions, 1);
	assert_true(client_of(n, l)->ended);
	assert_null(catalog_find(&n->catalog, STR("team")));
	struct identity *again = add_identity(n, "team");
	assert_ptr_not_equal(again, is.team);
	struct credential *k = add_credential(n, again);
	enforced(n, &asked);
	assert_null(look_up(n, 0, is.token));
	l = dial(n, k, "a", NULL);
	/* What the one before had is nobody's now. */
	assert_int_equal(ask(n, l, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
	assert_int_equal(workers_with(n, "a.example"), WORKERS);
}

/* Its client lost its link just now: the names wait for it, alone or not, as long as it may come back. */
static void what_was_lost_is_others_to_have(void **state)
{
	struct exit_node *n = *state;
	struct actors is = actors(n);
	struct asked asked;
	struct server_link *l = dial(n, is.token, "a", NULL),
			   *other = dial(n, is.others, "b", NULL);
	struct control alone = publish_http(2, "c.example");
	alone.publish.exclusive = true;
	assert_int_equal(ask(n, l, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
	assert_int_equal(ask(n, l, alone)->type, CONTROL_GRANTED);
	hang_up(l);
	settle(n);
	assert_int_equal(ask(n, other, publish_http(1, "a.example"))->type, CONTROL_REFUSED);
	revoke_token(n, is.token);
	enforced(n, &asked);
	assert_int_equal(ask(n, other, publish_http(2, "a.example"))->type, CONTROL_GRANTED);
	assert_int_equal(ask(n, other, publish_http(3, "c.example"))->type, CONTROL_GRANTED);
	assert_int_equal(workers_with(n, "a.example"), WORKERS);
	assert_int_equal(workers_with(n, "c.example"), WORKERS);
}

/* ---- Grants ---- */

static void what_is_granted_no_more_is_withdrawn(void **state)
{
	struct exit_node *n = *state;
	struct actors is = actors(n);
	struct asked asked;
	struct error err;
	uint16_t port = exit_node_ports(n), kept = (uint16_t)(port + 1);
	struct server_link *l = dial(n, is.token, "a", NULL);
	assert_int_equal(ask(n, l, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
	assert_int_equal(ask(n, l, publish_http(2, "b.example"))->type, CONTROL_GRANTED);
	assert_int_equal(ask(n, l, publish_port(3, CONTROL_TCP, port))->type, CONTROL_GRANTED);
	assert_int_equal(ask(n, l, publish_port(4, CONTROL_TCP, kept))->type, CONTROL_GRANTED);
	int gone = visit(port), stays = visit(kept);
	settle_until(n, client_of(n, l)->n_opens == 2);

	struct store_row row = identity_row(n, "team");
	struct policy_grants *g = &row.identity.grants;
	char text[8];
	snprintf(text, sizeof(text), "%u", kept);
	policy_grants_clear(g, POLICY_HOST);
	policy_grants_clear(g, POLICY_TCP_PORT);
	assert_int_equal(policy_grants_add(g, POLICY_HOST, STR("b.example"), &err), 0);
	assert_int_equal(policy_grants_add(g, POLICY_TCP_PORT, str_from(text), &err), 0);
	put(n, &row);
	const struct enforce_result *result = enforced(n, &asked);
	assert_int_equal(result->services, 2);
	assert_int_equal(result->sessions, 0);
	assert_int_equal(workers_with(n, "a.example"), 0);
	assert_int_equal(workers_with(n, "b.example"), WORKERS);
	assert_int_equal(visit(port), -1);
	/* What was under way to it, too. */
	assert_true(is_cut(gone));
	assert_false(is_cut(stays));
	const struct message *m = told(n, l, CONTROL_REFUSED, 1);
	assert_int_equal(m->reason, CONTROL_REASON_DENIED);
	assert_non_null(strstr(m->text, "tunnel token update team --hosts 'b.example,a.example'"));
	assert_non_null(told(n, l, CONTROL_REFUSED, 3));
	assert_null(told(n, l, CONTROL_REFUSED, 2));
	assert_false(client_of(n, l)->ended);
	close(gone);
	close(stays);
	/* It asks again, as clients do, in vain; and when it may again, it gets it. */
	assert_int_equal(ask(n, l, publish_http(1, "a.example"))->type, CONTROL_REFUSED);
	row = identity_row(n, "team");
	assert_int_equal(policy_grants_add(&row.identity.grants, POLICY_HOST, STR("*"), &err), 0);
	put(n, &row);
	assert_int_equal(enforced(n, &asked)->services, 0);
	assert_int_equal(ask(n, l, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
}

static void what_is_granted_no_more_is_others_to_have(void **state)
{
	struct exit_node *n = *state;
	struct actors is = actors(n);
	struct asked asked;
	struct server_link *l = dial(n, is.token, "a", NULL),
			   *other = dial(n, is.others, "b", NULL);
	assert_int_equal(ask(n, l, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
	struct store_row row = identity_row(n, "team");
	policy_grants_clear(&row.identity.grants, POLICY_HOST);
	put(n, &row);
	assert_int_equal(enforced(n, &asked)->services, 1);
	assert_int_equal(ask(n, other, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
	assert_int_equal(workers_with(n, "a.example"), WORKERS);
}

static void an_address_is_allowed_no_more(void **state)
{
	struct exit_node *n = *state;
	struct actors is = actors(n);
	struct asked asked;
	struct error err;
	struct server_link *l = dial(n, is.token, "a", NULL), *idle = dial(n, is.token, "b", NULL);
	assert_int_equal(ask(n, l, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
	struct store_row row = identity_row(n, "team");
	assert_int_equal(policy_grants_add(&row.identity.grants, POLICY_FROM,
				 STR("198.51.100.0/24"), &err),
		0);
	put(n, &row);
	assert_int_equal(enforced(n, &asked)->sessions, 1);
	assert_true(client_of(n, l)->ended && client_of(n, idle)->ended);
	/* Its token is good, only not from there. */
	assert_ptr_equal(look_up(n, 2, is.token), is.token);
}

/* One link of several may stay where it comes from: the session goes on with it, and what it publishes. */
static void a_session_goes_on_by_the_links_that_may(void **state)
{
	struct exit_node *n = *state;
	struct actors is = actors(n);
	struct asked asked;
	struct error err;
	struct server_link *l = dial(n, is.token, "a", NULL), *home = dial(n, is.token, "a", NULL);
	assert_int_equal(ask(n, l, publish_http(1, "a.example"))->type, CONTROL_GRANTED);
	join(home, l->session, l->session->resume);
	settle(n);
	home->peer.bytes[0] = 198;
	struct store_row row = identity_row(n, "team");
	assert_int_equal(policy_grants_add(&row.identity.grants, POLICY_FROM, STR("198.0.0.0/8"),
				 &err),
		0);
	put(n, &row);
	assert_int_equal(enforced(n, &asked)->sessions, 0);
	home->peer.bytes[0] = 192; /* by which it is counted */
	assert_true(client_of(n, l)->ended);
	assert_false(client_of(n, home)->ended);
	assert_int_equal(workers_with(n, "a.example"), WORKERS);
}

/* ---- In flight ---- */

#define ROUNDS 400
#define IN_FLIGHT \
	25 /* links of a round, all from one address (HALF_OPEN_PER_ADDRESS): 10,000 in all */

static uint32_t draw(uint32_t below)
{
	uint32_t random;
	random_bytes(&random, sizeof(random));
	return random % below;
}

/* A link looks up its key and proves it at any moment around the answer; a turn of any worker comes between. */
static void try_in_flight(struct exit_node *n, const struct credential *k)
{
	struct server_link *links[IN_FLIGHT];
	struct asked asked;
	bool looked[IN_FLIGHT] = {false}, proved[IN_FLIGHT] = {false}, asks = false;
	unsigned left = IN_FLIGHT;
	for (unsigned i = 0; i < IN_FLIGHT; i++)
		links[i] = dial_begin(n);
	asked.done = false;
	while (left || !asks || !asked.done) {
		unsigned i = draw(IN_FLIGHT);
		turn(n, draw(WORKERS));
		if (!asks && left < IN_FLIGHT * 3 / 4 && draw(4) == 0) {
			asks = true;
			revoke_token(n, k);
			enforce(n, &asked);
		}
		if (proved[i])
			continue;
		if (!looked[i]) {
			links[i]->credential = look_up(n, links[i]->worker->index, k);
			looked[i] = true;
			assert_false(asked.done && links[i]->credential);
		} else if (links[i]->credential) {
			dial_proved(links[i], "a", NULL, NULL);
			publish(links[i], 1, "a.example");
			proved[i] = true;
			left--;
		} else {
			hang_up(links[i]);
			proved[i] = true;
			left--;
		}
	}
}

static void no_handshake_gets_in_behind_the_answer(void **state)
{
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	unsigned late = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct exit_node *n = exit_node_new(&exit_node_options);
		struct actors is = actors(n);
		try_in_flight(n, is.token);
		settle(n);
		assert_true(list_empty(&n->registrar.sessions));
		assert_true(list_empty(&n->registrar.unbound));
		assert_int_equal(is.team->n_sessions, 0);
		assert_int_equal(workers_with(n, "a.example"), 0);
		for (size_t i = 0; i < n->n_clients; i++) {
			late += client_of(n, n->clients[i].link)->n_goaways;
			assert_true(n->clients[i].ended);
		}
		exit_node_free(n);
	}
	/* Many came up with a key that their worker had found before. */
	print_message("of %u tries %u were up and told to go\n", ROUNDS * IN_FLIGHT, late);
	assert_true(late > ROUNDS);
}

/* ---- Many ---- */

/* Sessions of one identity, each with a name. Emulated, a thousand take longer to come than a link may be silent. */
#define MANY (EMULATED ? 100 : 1000)

static void a_thousand_sessions_end_within_a_second(void **state)
{
	struct server_options options = exit_node_options;
	options.max_sessions = options.max_handshakes = MANY + 10;
	struct exit_node *n = exit_node_new(&options);
	struct actors is = actors(n);
	struct asked asked;
	for (unsigned i = 0; i < MANY; i++) {
		char name[32];
		snprintf(name, sizeof(name), "h%u.example", i);
		struct server_link *l = dial(n, is.token, name, NULL);
		publish(l, 1, name);
		turn(n, l->worker->index);
	}
	settle(n);
	char last[32];
	snprintf(last, sizeof(last), "h%u.example", MANY - 1);
	assert_int_equal(is.team->n_sessions, MANY);
	assert_int_equal(workers_with(n, last), WORKERS);
	uint64_t began = clock_now();
	revoke_token(n, is.token);
	enforce(n, &asked);
	while (!asked.done || is.team->n_sessions)
		settle(n);
	uint64_t took = clock_now() - began;
	print_message("%d sessions ended in %llu ms\n", MANY,
		(unsigned long long)(took / CLOCK_MS));
	assert_int_equal(asked.enforcement.result.sessions, MANY);
	assert_true(took < CLOCK_S);
	for (unsigned i = 0; i < MANY; i += MANY / 9) {
		assert_true(client_of(n, n->clients[i].link)->ended);
		assert_int_equal(n->clients[i].goaway, FRAME_GOAWAY_DENIED);
	}
	exit_node_free(n);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, exit_node_open, exit_node_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_revoked_token_takes_all_with_it),
		TEST(a_denied_link_claims_nothing),
		TEST(a_claim_that_is_under_way_is_taken_back),
		TEST(the_overlap_of_a_rotation_ends),
		TEST(a_rate_holds_and_is_lifted),
		TEST(an_identity_expires),
		TEST(a_deleted_identity_is_not_the_next_one_of_its_name),
		TEST(what_was_lost_is_others_to_have),
		TEST(what_is_granted_no_more_is_withdrawn),
		TEST(what_is_granted_no_more_is_others_to_have),
		TEST(an_address_is_allowed_no_more),
		TEST(a_session_goes_on_by_the_links_that_may),
		cmocka_unit_test(no_handshake_gets_in_behind_the_answer),
		cmocka_unit_test(a_thousand_sessions_end_within_a_second),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
