/* SPDX-License-Identifier: MIT */
/*
 * Random approvals, intentions, grants, clients that come and go, against a model that is a few arrays: behind each
 * answer every worker lets those streams pass that the model lets pass, what is open is what it leaves open, and each
 * client was told how it stands; on one, two and four workers. With a number of seconds it walks for as long.
 */
#include "base/clock.h"
#include "tests/unit/server/private_scene.h"

#define WALKS       21
#define STEPS       150
#define CONSUMERS   2 /* web, batch */
#define SERVICES    2 /* redis, api, of team; batch need not wait for api */
#define SLOTS       4 /* sessions, two of each consumer */
#define ATTACHMENTS 12
#define STREAMS     64

static const char *const consumers[] = {"web", "batch", "*"};
static const char *const services[] = {"redis", "api", "*"};

struct model_attachment {
	uint32_t number; /* 0: none */
	unsigned service;
	bool told, usable;
	enum control_endpoint_state state;
};

struct model_slot {
	struct server_link *link; /* NULL: its client is away */
	uint32_t last;            /* number */
	struct model_attachment attachments[ATTACHMENTS];
};

struct model_stream {
	struct attachment_use use;
	bool open;
	unsigned slot;
	uint32_t number;
};

struct model {
	struct private_scene *s;
	struct identity *batch;
	struct credential *batchs;
	unsigned seed;
	struct server_link *provider; /* NULL: it is away */
	enum policy_endpoint_state endpoints[CONSUMERS][SERVICES];
	enum policy_action intentions[CONSUMERS + 1][SERVICES + 1]; /* 0: none */
	bool denies, only_api[CONSUMERS];
	struct model_slot slots[SLOTS];
	struct model_stream streams[STREAMS];
};

static unsigned draw(struct model *m, unsigned n)
{
	return (unsigned)rand_r(&m->seed) % n;
}

static struct identity *identity_of(struct model *m, unsigned consumer)
{
	return consumer ? m->batch : m->s->web;
}

static unsigned consumer_of(unsigned slot)
{
	return slot / (SLOTS / CONSUMERS);
}

/* ---- What it lets pass ---- */

/* As one would look through a list that is sorted by precedence. */
static bool intentions_allow(const struct model *m, unsigned consumer, unsigned service)
{
	const unsigned order[4][2] = {{consumer, service}, {CONSUMERS, service},
		{consumer, SERVICES}, {CONSUMERS, SERVICES}};
	for (unsigned i = 0; i < 4; i++)
		if (m->intentions[order[i][0]][order[i][1]])
			return m->intentions[order[i][0]][order[i][1]] == POLICY_ALLOW;
	return !m->denies;
}

static bool may_pass(const struct model *m, unsigned consumer, unsigned service)
{
	return m->endpoints[consumer][service] == POLICY_APPROVED &&
	       intentions_allow(m, consumer, service) && (!m->only_api[consumer] || service == 1);
}

/* ---- Its clients ---- */

static struct model_attachment *find(struct model_slot *slot, uint32_t number)
{
	for (unsigned i = 0; i < ATTACHMENTS; i++)
		if (number && slot->attachments[i].number == number)
			return &slot->attachments[i];
	return NULL;
}

static void listen_slot(struct model *m, struct model_slot *slot)
{
	struct fake_client *c = client_of(m->s->n, slot->link);
	for (size_t i = 0; i < c->n_messages; i++) {
		const struct message *msg = &c->messages[i];
		struct model_attachment *a = find(slot, msg->service);
		if (msg->type == CONTROL_ATTACHED && a) {
			a->told = true;
			a->usable = msg->usable;
			a->state = msg->state;
		} else if (msg->type == CONTROL_DECLINED && a) {
			*a = (struct model_attachment){0};
		}
	}
	c->n_messages = 0;
}

static void stream_cut(struct attachment_use *use)
{
	struct model_stream *stream = container_of(use, struct model_stream, use);
	attachment_use_end(use);
	stream->open = false;
}

/* ---- What holds ---- */

static void check_attachment(struct model *m, unsigned i, const struct model_attachment *a)
{
	static const enum control_endpoint_state states[] = {
		[POLICY_PENDING] = CONTROL_ENDPOINT_PENDING,
		[POLICY_APPROVED] = CONTROL_ENDPOINT_APPROVED,
		[POLICY_REJECTED] = CONTROL_ENDPOINT_REJECTED,
		[POLICY_DISCONNECTED] = CONTROL_ENDPOINT_DISCONNECTED,
	};
	unsigned consumer = consumer_of(i);
	bool usable = may_pass(m, consumer, a->service);
	const struct session_attachment *real =
		attachments_find(m->slots[i].link->session, a->number);
	assert_non_null(real);
	for (unsigned w = 0; w < m->s->n->node.n_workers; w++)
		assert_int_equal(real->base.shards[w].bar == ATTACHMENT_PASSES, usable);
	assert_true(a->told);
	assert_int_equal(a->usable, usable);
	assert_int_equal(a->state, states[m->endpoints[consumer][a->service]]);
}

static void check_streams(struct model *m)
{
	for (unsigned i = 0; i < STREAMS; i++) {
		const struct model_stream *stream = &m->streams[i];
		if (!stream->open)
			continue;
		struct model_slot *slot = &m->slots[stream->slot];
		const struct model_attachment *a = find(slot, stream->number);
		assert_true(slot->link && a);
		assert_true(may_pass(m, consumer_of(stream->slot), a->service));
	}
}

static void check(struct model *m)
{
	settle(m->s->n);
	for (unsigned i = 0; i < SLOTS; i++) {
		if (!m->slots[i].link)
			continue;
		listen_slot(m, &m->slots[i]);
		for (unsigned k = 0; k < ATTACHMENTS; k++)
			if (m->slots[i].attachments[k].number)
				check_attachment(m, i, &m->slots[i].attachments[k]);
	}
	check_streams(m);
}

/* ---- What clients do ---- */

static void client_leaves(struct model *m, unsigned i)
{
	hang_up(m->slots[i].link);
	memset(m->slots[i].attachments, 0, sizeof(m->slots[i].attachments));
	m->slots[i].link = NULL;
}

static void client_comes_or_leaves(struct model *m)
{
	unsigned i = draw(m, SLOTS);
	char name[8];
	if (m->slots[i].link) {
		client_leaves(m, i);
		return;
	}
	snprintf(name, sizeof(name), "c%u", i);
	m->slots[i].link = dial(m->s->n, consumer_of(i) ? m->batchs : m->s->webs, name, NULL);
	settle(m->s->n);
}

static void client_attaches(struct model *m)
{
	unsigned i = draw(m, SLOTS), service = draw(m, SERVICES), free = 0;
	unsigned consumer = consumer_of(i);
	struct model_slot *slot = &m->slots[i];
	enum policy_endpoint_state *state = &m->endpoints[consumer][service];
	while (free < ATTACHMENTS && slot->attachments[free].number)
		free++;
	if (!slot->link || free == ATTACHMENTS)
		return;
	slot->attachments[free] =
		(struct model_attachment){.number = ++slot->last, .service = service};
	if (!*state && m->only_api[consumer] && service == 0) {
		scene_declined(m->s, slot->link, attach_to(slot->last, services[service]));
		return;
	}
	scene_attach(m->s, slot->link, attach_to(slot->last, services[service]));
	if (!*state)
		*state = consumer == 1 && service == 1 ? POLICY_APPROVED : POLICY_PENDING;
}

static void client_detaches(struct model *m)
{
	struct model_slot *slot = &m->slots[draw(m, SLOTS)];
	struct model_attachment *a = &slot->attachments[draw(m, ATTACHMENTS)];
	struct control detach = {.type = CONTROL_DETACH, .detach.endpoint = a->number};
	if (!slot->link || !a->number)
		return;
	say(slot->link, detach);
	*a = (struct model_attachment){0};
}

static void client_opens(struct model *m)
{
	unsigned i = draw(m, SLOTS), free = 0;
	struct model_slot *slot = &m->slots[i];
	const struct model_attachment *a = &slot->attachments[draw(m, ATTACHMENTS)];
	while (free < STREAMS && m->streams[free].open)
		free++;
	if (!slot->link || !a->number || free == STREAMS)
		return;
	struct session_attachment *real = attachments_find(slot->link->session, a->number);
	struct attachment_shard *shard = &real->base.shards[draw(m, m->s->n->node.n_workers)];
	if (shard->bar != ATTACHMENT_PASSES)
		return;
	struct model_stream *stream = &m->streams[free];
	attachment_use_begin(shard, &stream->use, stream_cut, 0);
	stream->open = true;
	stream->slot = i;
	stream->number = a->number;
}

static void provider_comes_or_leaves(struct model *m)
{
	if (m->provider) {
		hang_up(m->provider);
		m->provider = NULL;
		return;
	}
	m->provider = dial(m->s->n, m->s->teams, "team", NULL);
	for (unsigned i = 0; i < SERVICES; i++) {
		struct control c = publish_private(i, services[i]);
		c.publish.visibility = "@all";
		c.publish.auto_approve = i == 1 ? "batch" : "";
		scene_publish(m->s, m->provider, c);
	}
	client_of(m->s->n, m->provider)->n_messages = 0;
}

/* ---- What operators do ---- */

/* Stored and in force; perhaps a client leaves meanwhile. */
static void change(struct model *m, struct store_row *row, bool takes)
{
	unsigned cut, i = draw(m, SLOTS);
	bool done;
	row_submit(m->s, row, takes, false, &done, &cut);
	unsigned workers = m->s->n->node.n_workers;
	for (unsigned turns = draw(m, 2 * workers); turns > 0; turns--)
		turn(m->s->n, turns % workers);
	if (m->slots[i].link && draw(m, 8) == 0)
		client_leaves(m, i);
	settle_until(m->s->n, done);
}

static struct endpoint *endpoint_of(struct model *m, unsigned consumer, unsigned service)
{
	struct private_service *p = scene_service(m->s, services[service]);
	return catalog_find_endpoint(&m->s->n->catalog, p, identity_of(m, consumer),
		str_from(consumers[consumer]));
}

static void owner_decides(struct model *m)
{
	static const enum policy_endpoint_event events[] = {POLICY_APPROVE, POLICY_APPROVE,
		POLICY_APPROVE, POLICY_REJECT, POLICY_REMOVE};
	unsigned consumer = draw(m, CONSUMERS), service = draw(m, SERVICES);
	enum policy_endpoint_event event = events[draw(m, ARRAY_LEN(events))];
	enum policy_endpoint_state *state = &m->endpoints[consumer][service];
	if (!*state || *state == POLICY_DISCONNECTED)
		return;
	struct store_row row = decided_row(endpoint_of(m, consumer, service), event, "");
	*state = row.endpoint.state;
	change(m, &row, event != POLICY_APPROVE);
}

static void consumer_deletes(struct model *m)
{
	unsigned consumer = draw(m, CONSUMERS), service = draw(m, SERVICES);
	if (!m->endpoints[consumer][service])
		return;
	struct store_row row = endpoint_row(endpoint_of(m, consumer, service));
	row.gone = true;
	m->endpoints[consumer][service] = POLICY_ENDPOINT_NONE;
	change(m, &row, true);
}

static void operator_intends(struct model *m)
{
	unsigned source = draw(m, CONSUMERS + 1), destination = draw(m, SERVICES + 1);
	enum policy_action *is = &m->intentions[source][destination];
	enum policy_action action = draw(m, 2) ? POLICY_ALLOW : POLICY_DENY;
	bool gone = *is && draw(m, 2);
	struct store_row row =
		intention_row(m->s, consumers[source], services[destination], gone ? *is : action);
	row.gone = gone;
	bool takes = gone ? *is == POLICY_ALLOW : action == POLICY_DENY;
	*is = gone ? 0 : action;
	change(m, &row, takes);
}

static void operator_grants(struct model *m)
{
	unsigned consumer = draw(m, CONSUMERS);
	struct store_row row = scene_identity_row(identity_of(m, consumer));
	struct error err;
	m->only_api[consumer] = !m->only_api[consumer];
	policy_grants_clear(&row.identity.grants, POLICY_CONSUME);
	if (m->only_api[consumer])
		assert_int_equal(policy_grants_add(&row.identity.grants, POLICY_CONSUME, STR("api"),
					 &err),
			0);
	change(m, &row, m->only_api[consumer]);
}

static void operator_reloads(struct model *m)
{
	m->denies = !m->denies;
	m->s->n->options.default_intention = m->denies;
	enforce_default_intention(&m->s->n->registrar);
}

/* ---- Walks ---- */

static void step(struct model *m)
{
	static void (*const steps[])(struct model * m) = {
		client_comes_or_leaves,
		client_attaches,
		client_attaches,
		client_attaches,
		client_detaches,
		client_opens,
		client_opens,
		client_opens,
		client_opens,
		provider_comes_or_leaves,
		owner_decides,
		owner_decides,
		owner_decides,
		consumer_deletes,
		operator_intends,
		operator_intends,
		operator_grants,
		operator_reloads,
	};
	steps[draw(m, ARRAY_LEN(steps))](m);
	check(m);
}

static void walk(unsigned seed, unsigned workers)
{
	struct model *m = calloc(1, sizeof(*m));
	assert_non_null(m);
	print_message("seed %u, %u workers\n", seed, workers);
	m->seed = seed;
	m->s = private_scene_open_on(workers);
	void *s = m->s;
	m->batch = scene_identity(m->s, "batch");
	m->batchs = scene_credential(m->s, m->batch);
	provider_comes_or_leaves(m);
	for (unsigned i = 0; i < SLOTS; i++)
		client_comes_or_leaves(m);
	for (unsigned i = 0; i < STEPS; i++)
		step(m);
	for (unsigned i = 0; i < SLOTS; i++)
		if (m->slots[i].link)
			client_leaves(m, i);
	settle(m->s->n);
	for (unsigned i = 0; i < STREAMS; i++)
		assert_false(m->streams[i].open);
	private_scene_close(&s);
	free(m);
}

static unsigned seconds;

static void the_node_agrees_with_the_model(void **state)
{
	static const unsigned workers[] = {1, 2, 4};
	uint64_t end = clock_now() + seconds * CLOCK_S;
	unsigned seed = seconds ? (unsigned)clock_now() : 1;
	for (unsigned i = 0; seconds ? clock_now() < end : i < WALKS; i++)
		walk(seed + i, workers[i % ARRAY_LEN(workers)]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_node_agrees_with_the_model),
	};
	seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
