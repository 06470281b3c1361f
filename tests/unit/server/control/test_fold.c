/* SPDX-License-Identifier: MIT */
/* Whether streams may pass at an endpoint, as all that decides about it changes, and what is open then. */
#include "tests/unit/server/private_scene.h"

#define STREAMS 3

/* Web uses redis, approved, with a stream on each worker. */
struct use {
	struct attachment_use use;
	bool cut;
};

struct pair {
	struct private_scene *s;
	struct server_link *provider, *consumer;
	struct session_attachment *attachment;
	struct endpoint *endpoint;
	struct use uses[STREAMS];
};

static void use_cut(struct attachment_use *use)
{
	container_of(use, struct use, use)->cut = true;
	attachment_use_end(use);
}

/* As bridges do. */
static void streams_open(struct pair *p)
{
	for (unsigned i = 0; i < STREAMS; i++) {
		p->uses[i].cut = false;
		assert_int_equal(p->attachment->base.shards[i].bar, ATTACHMENT_PASSES);
		attachment_use_begin(&p->attachment->base.shards[i], &p->uses[i].use, use_cut, 0);
	}
}

static void streams_end(struct pair *p)
{
	for (unsigned i = 0; i < STREAMS; i++)
		attachment_use_end(&p->uses[i].use);
}

static unsigned streams_cut(const struct pair *p)
{
	unsigned n = 0;
	for (unsigned i = 0; i < STREAMS; i++)
		n += p->uses[i].cut;
	return n;
}

static unsigned workers_that_let_pass(const struct pair *p)
{
	unsigned n = 0;
	for (unsigned i = 0; i < WORKERS; i++)
		n += p->attachment->base.shards[i].bar == ATTACHMENT_PASSES;
	return n;
}

static const struct message *attached(struct pair *p)
{
	return told(p->s->n, p->consumer, CONTROL_ATTACHED, 1);
}

static int pair_open(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));
	private_scene_open((void **)&p->s);
	struct private_scene *s = p->s;
	struct control c = publish_private(1, "redis");
	c.publish.visibility = "@all";
	p->provider = dial(s->n, s->teams, "team", NULL);
	scene_publish(s, p->provider, c);
	p->consumer = dial(s->n, s->webs, "web", NULL);
	scene_attach(s, p->consumer, attach_to(1, "redis"));
	p->endpoint = scene_endpoint(s, "redis");
	p->attachment = attachments_find(p->consumer->session, 1);
	assert_int_equal(workers_that_let_pass(p), 0);
	assert_int_equal(decide(s, p->endpoint, POLICY_APPROVE, "ticket 4711"), 0);
	assert_int_equal(workers_that_let_pass(p), WORKERS);
	streams_open(p);
	*state = p;
	return 0;
}

static int pair_close(void **state)
{
	struct pair *p = *state;
	void *s = p->s;
	streams_end(p);
	private_scene_close(&s);
	free(p);
	return 0;
}

/* ---- Approvals ---- */

static void its_owner_decides(void **state)
{
	struct pair *p = *state;
	const struct message *m = attached(p);
	assert_int_equal(m->state, CONTROL_ENDPOINT_APPROVED);
	assert_true(m->usable);
	assert_string_equal(m->text, "ticket 4711");
	/* Approved again what is live goes on. */
	assert_int_equal(decide(p->s, p->endpoint, POLICY_APPROVE, "ticket 4712"), 0);
	assert_string_equal(attached(p)->text, "ticket 4712");
	assert_int_equal(streams_cut(p), 0);

	assert_int_equal(decide(p->s, p->endpoint, POLICY_REJECT, "not this quarter"), STREAMS);
	assert_int_equal(streams_cut(p), STREAMS);
	assert_int_equal(workers_that_let_pass(p), 0);
	m = attached(p);
	assert_int_equal(m->state, CONTROL_ENDPOINT_REJECTED);
	assert_false(m->usable);
	assert_string_equal(m->text, "not this quarter");

	decide(p->s, p->endpoint, POLICY_APPROVE, "");
	assert_int_equal(workers_that_let_pass(p), WORKERS);
	assert_true(attached(p)->usable);
}

/* Removed by the provider's side it is Disconnected, also for who asks again, until its consumer deletes it. */
static void its_owner_removes_it(void **state)
{
	struct pair *p = *state;
	struct private_scene *s = p->s;
	assert_int_equal(decide(s, p->endpoint, POLICY_REMOVE, ""), STREAMS);
	assert_int_equal(attached(p)->state, CONTROL_ENDPOINT_DISCONNECTED);
	const struct message *m = scene_attach(s, p->consumer, attach_to(2, "redis"));
	assert_int_equal(m->state, CONTROL_ENDPOINT_DISCONNECTED);
	assert_false(m->usable);
	uint32_t link = m->link;
	struct store_row row = endpoint_row(p->endpoint);
	row.gone = true;
	row_change(s, &row, true, false);
	assert_int_equal(told(s->n, p->consumer, CONTROL_DECLINED, 1)->reason,
		CONTROL_REASON_UNKNOWN);
	assert_int_equal(p->consumer->session->n_attachments, 0);
	m = scene_attach(s, p->consumer, attach_to(1, "redis"));
	assert_int_equal(m->state, CONTROL_ENDPOINT_PENDING);
	assert_true(m->link > link); /* never given twice */
}

static void its_consumer_deletes_it(void **state)
{
	struct pair *p = *state;
	struct store_row row = endpoint_row(p->endpoint);
	row.gone = true;
	assert_int_equal(row_change(p->s, &row, true, false), STREAMS);
	assert_non_null(told(p->s->n, p->consumer, CONTROL_DECLINED, 1));
	assert_int_equal(p->consumer->session->n_attachments, 0);
}

static void the_private_service_is_deleted(void **state)
{
	struct pair *p = *state;
	struct private_service *service = p->endpoint->service;
	struct store_row row = {.kind = STORE_SERVICE, .rev = service->value.rev};
	assert_int_equal(policy_private_service_copy(&row.service, &service->value), 0);
	row.service.deleted = true;
	assert_int_equal(row_change(p->s, &row, true, false), STREAMS);
	assert_int_equal(workers_that_let_pass(p), 0);
	assert_int_equal(attached(p)->state, CONTROL_ENDPOINT_DISCONNECTED);
	assert_int_equal(told(p->s->n, p->provider, CONTROL_REFUSED, 1)->reason,
		CONTROL_REASON_DENIED);
}

/* ---- Intentions ---- */

static void an_intention_denies(void **state)
{
	struct pair *p = *state;
	assert_int_equal(intend(p->s, "web", "redis", POLICY_DENY, false), STREAMS);
	assert_int_equal(workers_that_let_pass(p), 0);
	const struct message *m = attached(p);
	assert_int_equal(m->state, CONTROL_ENDPOINT_APPROVED);
	assert_false(m->usable);
	assert_string_equal(m->text, "an intention denies it: web => redis");
	intend(p->s, "web", "redis", POLICY_ALLOW, false);
	assert_int_equal(workers_that_let_pass(p), WORKERS);
	assert_true(attached(p)->usable);
	streams_open(p);
	/* One that says less does not count beside it. */
	assert_int_equal(intend(p->s, "*", "*", POLICY_DENY, false), 0);
	assert_int_equal(streams_cut(p), 0);
	assert_int_equal(intend(p->s, "*", "redis", POLICY_DENY, false), 0);
	assert_int_equal(workers_that_let_pass(p), WORKERS);
	assert_int_equal(intend(p->s, "web", "redis", POLICY_DENY, false), STREAMS);
}

/* --keep-live: nothing new, and what is open goes on, unless something else bars it. */
static void what_is_live_can_be_kept(void **state)
{
	struct pair *p = *state;
	assert_int_equal(intend(p->s, "web", "redis", POLICY_DENY, true), 0);
	assert_int_equal(workers_that_let_pass(p), 0);
	assert_false(attached(p)->usable);
	/* Another change that it is looked at for. */
	assert_int_equal(intend(p->s, "*", "redis", POLICY_DENY, false), 0);
	assert_int_equal(streams_cut(p), 0);
	assert_int_equal(decide(p->s, p->endpoint, POLICY_REJECT, ""), STREAMS);
	assert_int_equal(streams_cut(p), STREAMS);
}

/* The same deny again without --keep-live, or another that decides: what the first one left alone goes. */
static void what_was_kept_is_cut_by_another_deny(void **state)
{
	struct pair *p = *state;
	assert_int_equal(intend(p->s, "*", "redis", POLICY_DENY, true), 0);
	assert_int_equal(intend(p->s, "*", "redis", POLICY_DENY, true), 0);
	assert_int_equal(intend(p->s, "*", "*", POLICY_DENY, false), 0);
	assert_true(attachments_any_kept(&p->s->n->registrar));
	assert_int_equal(intend(p->s, "*", "redis", POLICY_DENY, false), STREAMS);
	assert_false(attachments_any_kept(&p->s->n->registrar));
	intend(p->s, "*", "redis", POLICY_ALLOW, false);
	streams_open(p);
	assert_int_equal(intend(p->s, "*", "redis", POLICY_DENY, true), 0);
	assert_int_equal(intend(p->s, "web", "redis", POLICY_DENY, false), STREAMS);
	assert_int_equal(streams_cut(p), STREAMS);
}

static void the_default_denies(void **state)
{
	struct pair *p = *state;
	struct exit_node *n = p->s->n;
	n->options.default_intention = 1;
	enforce_default_intention(&n->registrar);
	settle(n);
	assert_int_equal(streams_cut(p), STREAMS);
	assert_string_equal(attached(p)->text,
		"no intention allows web => redis, and the default is deny");
	intend(p->s, "web", "*", POLICY_ALLOW, false);
	assert_int_equal(workers_that_let_pass(p), WORKERS);
	n->options.default_intention = 0;
	enforce_default_intention(&n->registrar);
	settle(n);
	assert_int_equal(workers_that_let_pass(p), WORKERS);
}

/* ---- Identities ---- */

static void consume_is_granted_no_more(void **state)
{
	struct pair *p = *state;
	struct error err;
	struct store_row row = scene_identity_row(p->s->web);
	policy_grants_clear(&row.identity.grants, POLICY_CONSUME);
	assert_int_equal(policy_grants_add(&row.identity.grants, POLICY_CONSUME, STR("api"), &err),
		0);
	assert_int_equal(row_change(p->s, &row, true, false), STREAMS);
	assert_int_equal(workers_that_let_pass(p), 0);
	assert_non_null(strstr(attached(p)->text, "--consume 'api,redis'"));
	/* Nothing is told about what is not granted, be it there or not. */
	const struct message *m = scene_declined(p->s, p->consumer, attach_to(7, "mysql"));
	assert_int_equal(m->reason, CONTROL_REASON_DENIED);
}

static void revoke_identity(struct private_scene *s, const struct identity *i)
{
	struct store_row row = scene_identity_row(i);
	row.identity.revoked = true;
	row_change(s, &row, true, false);
}

static void its_consumer_is_revoked(void **state)
{
	struct pair *p = *state;
	revoke_identity(p->s, p->s->web);
	assert_int_equal(streams_cut(p), STREAMS);
	assert_true(list_empty(&p->s->web->sessions));
	assert_true(list_empty(&p->endpoint->attachments));
	assert_true(client_of(p->s->n, p->consumer)->ended);
}

static void its_owner_is_revoked(void **state)
{
	struct pair *p = *state;
	revoke_identity(p->s, p->s->team);
	assert_int_equal(streams_cut(p), STREAMS);
	assert_int_equal(workers_that_let_pass(p), 0);
	assert_non_null(strstr(attached(p)->text, "is not active any more"));
	assert_int_equal(p->endpoint->service->n_services, 0);
}

static void its_consumer_expires(void **state)
{
	struct pair *p = *state;
	struct registrar *r = &p->s->n->registrar;
	struct store_row row = scene_identity_row(p->s->web);
	row.identity.expires_at = policy_now() + CLOCK_S / 10;
	row_change(p->s, &row, true, false);
	assert_int_equal(streams_cut(p), 0);
	usleep(110000);
	r->expiry.fired(&r->expiry);
	settle(p->s->n);
	assert_int_equal(streams_cut(p), STREAMS);
	assert_true(list_empty(&p->s->web->sessions));
}

/* ---- In flight ---- */

/* Before the answer, and wherever the change is on its way, nothing is told that does not hold. */
static void the_answer_comes_behind_the_cut(void **state)
{
	struct pair *p = *state;
	struct private_scene *s = p->s;
	unsigned cut;
	bool done;
	struct store_row row = decided_row(p->endpoint, POLICY_REJECT, "");
	row_submit(s, &row, true, false, &done, &cut);
	for (unsigned i = 0; !done && i < 10000; i++) {
		turn(s->n, i % WORKERS);
		if (done || attached(p)->state == CONTROL_ENDPOINT_REJECTED)
			assert_int_equal(streams_cut(p), STREAMS);
		usleep(100);
	}
	assert_true(done);
	assert_int_equal(cut, STREAMS);
	settle(s->n);
	row = decided_row(p->endpoint, POLICY_APPROVE, "");
	row_submit(s, &row, false, false, &done, &cut);
	for (unsigned i = 0; !done && i < 10000; i++) {
		turn(s->n, i % WORKERS);
		if (done || attached(p)->usable)
			assert_int_equal(workers_that_let_pass(p), WORKERS);
		usleep(100);
	}
	assert_true(done);
}

/* Its client leaves while a change is on its way. */
static void its_client_leaves_meanwhile(void **state)
{
	struct pair *p = *state;
	unsigned cut;
	bool done;
	struct store_row row = decided_row(p->endpoint, POLICY_REJECT, "");
	row_submit(p->s, &row, true, false, &done, &cut);
	turn(p->s->n, 0);
	hang_up(p->consumer);
	settle_until(p->s->n, done);
	settle(p->s->n);
	assert_int_equal(streams_cut(p), STREAMS);
	assert_true(list_empty(&p->s->web->sessions));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, pair_open, pair_close)
	const struct CMUnitTest tests[] = {
		TEST(its_owner_decides),
		TEST(its_owner_removes_it),
		TEST(its_consumer_deletes_it),
		TEST(the_private_service_is_deleted),
		TEST(an_intention_denies),
		TEST(what_is_live_can_be_kept),
		TEST(what_was_kept_is_cut_by_another_deny),
		TEST(the_default_denies),
		TEST(consume_is_granted_no_more),
		TEST(its_consumer_is_revoked),
		TEST(its_owner_is_revoked),
		TEST(its_consumer_expires),
		TEST(the_answer_comes_behind_the_cut),
		TEST(its_client_leaves_meanwhile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
