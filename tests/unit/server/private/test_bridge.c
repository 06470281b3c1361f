/* SPDX-License-Identifier: MIT */
/*
 * A consumer's stream and the one to its provider, joined, on one worker and across two: who may open, what arrives,
 * how it ends, what is counted.
 */
#include "scene.h"

#include "server/route/routing.h"

/* On one worker, and on two. */
static const unsigned ways[][2] = {{1, 1}, {1, 2}, {2, 0}};
#define WAYS ARRAY_LEN(ways)

static struct scene *scene_way(size_t way, enum control_kind kind)
{
	return scene_new(ways[way][0], ways[way][1], kind);
}

static struct fake_client *consumer_of(struct scene *s)
{
	return client_of(s->n, s->consumer);
}

static struct fake_client *provider_of(struct scene *s)
{
	return client_of(s->n, s->provider);
}

/* ---- Who may ---- */

static enum frame_reset refused(struct scene *s, enum frame_kind kind, uint32_t number)
{
	static uint32_t id = 1;
	unsigned before = consumer_of(s)->n_resets;
	scene_open(s, id, kind, number);
	id += 2;
	settle(s->n);
	assert_int_equal(consumer_of(s)->n_resets, before + 1);
	assert_int_equal(provider_of(s)->n_opens, 0);
	return consumer_of(s)->reset;
}

static void who_may_not(void **state)
{
	struct scene *s = scene_new(0, 0, CONTROL_TCP);
	assert_int_equal(refused(s, FRAME_KIND_TCP, ATTACHED + 1), FRAME_RESET_UNKNOWN_SERVICE);
	assert_int_equal(refused(s, FRAME_KIND_TCP, SERVICE), FRAME_RESET_UNKNOWN_SERVICE);
	assert_int_equal(refused(s, FRAME_KIND_UDP, ATTACHED), FRAME_RESET_UNKNOWN_SERVICE);
	assert_int_equal(refused(s, FRAME_KIND_HTTP, ATTACHED), FRAME_RESET_DENIED);
	assert_int_equal(refused(s, (enum frame_kind)9, ATTACHED), FRAME_RESET_DENIED);
	assert_int_equal(scene_set(s, false, false), 0);
	assert_int_equal(refused(s, FRAME_KIND_TCP, ATTACHED), FRAME_RESET_DENIED);
	/* Whoever tries again and again has one line in the audit log. */
	assert_int_equal(scene_audited(s, "stream.deny"), 1);
	assert_int_equal(refused(s, FRAME_KIND_TCP, ATTACHED), FRAME_RESET_DENIED);
	assert_int_equal(scene_audited(s, "stream.deny"), 1);
	scene_set(s, true, false);
	alice.identity->max_streams = 0;
	assert_int_equal(refused(s, FRAME_KIND_TCP, ATTACHED), FRAME_RESET_BUSY);
	alice.identity->max_streams = IDENTITY_STREAMS_ANY;
	bob.identity->max_streams = 0;
	assert_int_equal(refused(s, FRAME_KIND_TCP, ATTACHED), FRAME_RESET_BUSY);
	bob.identity->max_streams = IDENTITY_STREAMS_ANY;
	s->consumer->worker->draining = true;
	assert_int_equal(refused(s, FRAME_KIND_TCP, ATTACHED), FRAME_RESET_BUSY);
	s->consumer->worker->draining = false;
	server_link_rest(s->consumer);
	assert_int_equal(refused(s, FRAME_KIND_TCP, ATTACHED), FRAME_RESET_BUSY);
	scene_free(s);
}

/* A link that the registrar has said nothing of, also one of the consumer's. */
static void who_has_no_session(void **state)
{
	struct scene *s = scene_new(0, 0, CONTROL_TCP);
	struct server_link *l = dial(s->n, &alice, "consumer", NULL), *was = s->consumer;
	settle(s->n);
	s->consumer = l;
	assert_int_equal(refused(s, FRAME_KIND_TCP, ATTACHED), FRAME_RESET_DENIED);
	s->consumer = was;
	scene_free(s);
}

/* So many in all; what ended makes room. */
static void how_many(void **state)
{
	struct scene *s = scene_new(1, 2, CONTROL_TCP);
	s->n->options.max_private_streams = 2;
	for (uint32_t id = 1; id <= 5; id += 2)
		scene_open(s, id, FRAME_KIND_TCP, ATTACHED);
	settle(s->n);
	assert_int_equal(consumer_of(s)->n_resets, 1);
	assert_int_equal(consumer_of(s)->reset, FRAME_RESET_BUSY);
	assert_int_equal(scene_bridges(s), 2);
	client_reset(consumer_of(s), 1, FRAME_RESET_CANCELLED);
	settle(s->n);
	assert_int_equal(scene_bridges(s), 1);
	scene_join(s, 7);
	assert_int_equal(scene_bridges(s), 2);
	assert_int_equal(provider_of(s)->n_opens, 3);
	scene_free(s);
}

/* So many of one consumer, whichever way each of them ends. */
static void how_many_of_one(void **state)
{
	struct scene *s = scene_new(1, 2, CONTROL_TCP);
	s->n->options.max_private_streams_per_identity = 2;
	for (uint32_t id = 1; id <= 5; id += 2)
		scene_open(s, id, FRAME_KIND_TCP, ATTACHED);
	settle(s->n);
	assert_int_equal(consumer_of(s)->n_resets, 1);
	assert_int_equal(consumer_of(s)->reset, FRAME_RESET_BUSY);
	assert_int_equal(scene_bridges(s), 2);
	assert_int_equal(alice.identity->private_streams, 2);
	assert_int_equal(bob.identity->private_streams, 0);
	client_reset(consumer_of(s), 1, FRAME_RESET_CANCELLED);
	settle(s->n);
	scene_join(s, 7);
	assert_int_equal(scene_set(s, false, false), 2);
	settle(s->n);
	assert_int_equal(alice.identity->private_streams, 0);
	scene_set(s, true, false);
	for (uint32_t id = 9; id <= 11; id += 2)
		scene_join(s, id);
	scene_free(s);
	assert_int_equal(alice.identity->private_streams, 0);
}

/* ---- What the provider is told ---- */

static void what_the_provider_is_told(void **state)
{
	for (size_t way = 0; way < WAYS; way++) {
		struct scene *s = scene_way(way, CONTROL_TCP);
		scene_join(s, 1);
		const struct frame_open *open = &provider_of(s)->open;
		assert_int_equal(open->kind, FRAME_KIND_TCP);
		assert_int_equal(open->service, SERVICE);
		/* Where its link comes from, and not what it states (rule 48), but for the port. */
		assert_int_equal(open->visitor.family, 4);
		assert_memory_equal(open->visitor.ip, ((uint8_t[]){192, 0, 2, 1}), 4);
		assert_int_equal(open->visitor.port, 4321);
		assert_int_equal(open->local.family, 0);
		assert_int_equal(open->tls, FRAME_TLS_NONE);
		assert_int_equal(open->link, LINK_ID);
		assert_string_equal(open->consumer, "alice");
		scene_free(s);
	}
}

/* Whoever opens and resets as fast as he can makes nobody dial. */
static void what_is_reset_at_once(void **state)
{
	for (size_t way = 0; way < WAYS; way++) {
		struct scene *s = scene_way(way, CONTROL_TCP);
		for (uint32_t id = 1; id < 2000; id += 2) {
			scene_open(s, id, FRAME_KIND_TCP, ATTACHED);
			client_data(consumer_of(s), id, "GET /");
			client_reset(consumer_of(s), id, FRAME_RESET_CANCELLED);
		}
		settle(s->n);
		assert_int_equal(provider_of(s)->n_opens, 0);
		assert_int_equal(scene_bridges(s), 0);
		scene_free(s);
	}
}

/* A client uses what it provides itself: both streams are in one link. */
static void one_client_is_both(void **state)
{
	struct scene *s = scene_new(1, 2, CONTROL_TCP);
	scene_withdraw(s, s->services[0]);
	for (unsigned i = 0; i < WORKERS; i++)
		routing_forget_private(s->n->node.workers[i]->routing, STR("redis"));
	scene_provide(s, s->consumer, CONTROL_TCP);
	scene_open(s, 1, FRAME_KIND_TCP, ATTACHED);
	client_data(consumer_of(s), 1, "to myself");
	client_fin(consumer_of(s), 1, 0);
	settle(s->n);
	assert_int_equal(consumer_of(s)->n_opens, 1);
	assert_int_equal(s->consumer->active, 2);
	assert_true(scene_got(s, s->consumer, "to myself"));
	assert_int_equal(consumer_of(s)->n_fins, 1);
	client_fin(consumer_of(s), consumer_of(s)->stream, 9);
	settle(s->n);
	assert_int_equal(consumer_of(s)->n_fins, 2);
	assert_int_equal(scene_bridges(s), 0);
	scene_free(s);
}

/* ---- Bytes ---- */

static void bytes_go_both_ways(void **state)
{
	for (size_t way = 0; way < WAYS; way++) {
		struct scene *s = scene_way(way, CONTROL_TCP);
		uint32_t id = scene_join(s, 1);
		struct service_shard *shard = &s->services[0]->shards[ways[way][1]];
		assert_int_equal(shard->outstanding, 1);
		assert_int_equal(s->provider->active, 1);
		assert_int_equal(s->consumer->active, 1);
		assert_int_equal(attachment_shard_streams(&s->attachment, s->consumer->worker), 1);
		client_data(consumer_of(s), 1, "PING");
		client_data(consumer_of(s), 1, " me");
		settle(s->n);
		assert_true(scene_got(s, s->provider, "PING me"));
		client_data(provider_of(s), id, "PONG");
		settle(s->n);
		assert_true(scene_got(s, s->consumer, "PONG"));
		/* Half-close stays half-close. */
		client_fin(consumer_of(s), 1, 4);
		settle(s->n);
		assert_int_equal(provider_of(s)->n_fins, 1);
		assert_int_equal(consumer_of(s)->n_fins, 0);
		client_data(provider_of(s), id, " and more");
		settle(s->n);
		assert_true(scene_got(s, s->consumer, "PONG and more"));
		assert_int_equal(scene_bridges(s), 1);
		client_fin(provider_of(s), id, 7);
		settle(s->n);
		assert_int_equal(consumer_of(s)->n_fins, 1);
		assert_int_equal(consumer_of(s)->n_resets + provider_of(s)->n_resets, 0);
		assert_int_equal(scene_bridges(s), 0);
		assert_int_equal(shard->outstanding, 0);
		assert_int_equal(attachment_shard_streams(&s->attachment, s->consumer->worker), 0);
		assert_string_equal(scene_logged(s),
			" method=PRIVATE host=redis bytes_in=7 bytes_out=13 consumer=alice "
			"link=77");
		scene_free(s);
	}
}

/* What comes with OPEN, and its end, before there is a far end. */
static void bytes_that_come_early(void **state)
{
	for (size_t way = 0; way < WAYS; way++) {
		for (int with = 0; with < 2; with++) {
			struct scene *s = scene_way(way, CONTROL_TCP);
			scene_open(s, 1, FRAME_KIND_TCP, ATTACHED);
			if (with)
				client_data(consumer_of(s), 1, "early");
			client_fin(consumer_of(s), 1, 0);
			scene_shuffle(s, (unsigned)way);
			assert_true(scene_got(s, s->provider, with ? "early" : ""));
			assert_int_equal(provider_of(s)->n_fins, 1);
			client_data(provider_of(s), provider_of(s)->stream, "answer");
			client_fin(provider_of(s), provider_of(s)->stream, 5);
			settle(s->n);
			assert_true(scene_got(s, s->consumer, "answer"));
			assert_int_equal(consumer_of(s)->n_fins, 1);
			assert_int_equal(scene_bridges(s), 0);
			scene_free(s);
		}
	}
}

/* As much as its credit lets it, without an answer. */
static size_t send_all(struct scene *s, struct fake_client *c, uint32_t id)
{
	static char text[2001];
	size_t sent = 0;
	memset(text, 'x', sizeof(text) - 1);
	struct stream *stream = list_first(&c->link->io.link.mux.streams, struct stream, all);
	assert_int_equal(stream->id, id);
	/* A stream whose queue is not empty has a window that does not move. */
	for (int i = 0; i < 500; i++) {
		while (stream->granted >= sizeof(text)) {
			client_data(c, id, text);
			sent += strlen(text);
		}
		settle(s->n);
		client_of(s->n, c->link);
	}
	return sent;
}

/*
 * Whoever does not read has his windows, a full bridge, and no more. What waits for him is charged to his link and
 * the other's; it moves on when he reads, and the rest comes whole.
 */
static void a_reader_that_stalls(void **state)
{
	for (size_t way = 0; way < WAYS; way++) {
		struct scene *s = scene_way(way, CONTROL_TCP);
		uint32_t id = scene_join(s, 1);
		size_t sent = send_all(s, provider_of(s), id);
		size_t got = buf_len(&consumer_of(s)->got);
		assert_int_equal(got, CLIENT_WINDOW);
		struct stream *near =
			list_first(&s->consumer->io.link.mux.streams, struct stream, all);
		struct stream *far =
			list_first(&s->provider->io.link.mux.streams, struct stream, all);
		size_t waits = sent - got;
		assert_true(waits > BRIDGE_OWED_MAX / 2);
		assert_true(waits < BRIDGE_OWED_MAX + s->n->options.max_window);
		assert_true(near->charged > BRIDGE_OWED_MAX / 2);
		assert_true(near->charged < 2 * BRIDGE_OWED_MAX);
		assert_true(near->charged + far->charged >= waits);
		client_fin(provider_of(s), id, 0);
		while (buf_len(&consumer_of(s)->got) < sent) {
			uint8_t frame[FRAME_SMALL_MAX];
			client_send(consumer_of(s), frame, frame_write_window(frame, 1, 30000));
			scene_shuffle(s, (unsigned)sent);
			assert_true(buf_len(&consumer_of(s)->got) > got);
			got = buf_len(&consumer_of(s)->got);
		}
		settle(s->n);
		assert_int_equal(buf_len(&consumer_of(s)->got), sent);
		assert_int_equal(consumer_of(s)->n_fins, 1);
		assert_int_equal(scene_held(s), 0);
		scene_free(s);
	}
}

/* Single bytes cost no more memory than a full bridge does. */
static void bytes_one_by_one(void **state)
{
	for (size_t way = 0; way < WAYS; way++) {
		struct scene *s = scene_way(way, CONTROL_TCP);
		scene_join(s, 1);
		uint8_t frame[FRAME_SMALL_MAX];
		/* The provider's client takes nothing. */
		struct stream *far =
			list_first(&s->provider->io.link.mux.streams, struct stream, all);
		far->credit = 0;
		for (int i = 0; i < 60000; i++) {
			frame_write_header(frame, FRAME_DATA, 1, 1);
			frame[FRAME_HEADER] = (uint8_t)('a' + i % 26);
			client_send(consumer_of(s), frame, FRAME_HEADER + 1);
			if (i % 100 == 0)
				settle(s->n);
		}
		settle(s->n);
		assert_true(far->charged <= 2 * BRIDGE_OWED_MAX);
		frame_write_header(frame, FRAME_WINDOW, 4, provider_of(s)->stream);
		client_send(provider_of(s), frame,
			frame_write_window(frame, provider_of(s)->stream, 60000));
		settle(s->n);
		const struct buf *got = &provider_of(s)->got;
		assert_int_equal(buf_len(got), 60000);
		for (int i = 0; i < 60000; i++)
			assert_int_equal(buf_head(got)[i], 'a' + i % 26);
		assert_int_equal(scene_held(s), 0);
		scene_free(s);
	}
}

/* ---- Ends ---- */

struct reasons {
	enum frame_reset said, told;
	const char *why; /* in the log; NULL: none */
};

/* By the consumer's client: a dial of its own is nothing to the provider. */
static void ends_by_the_consumer(void **state)
{
	static const struct reasons rows[] = {
		{FRAME_RESET_NONE, FRAME_RESET_NONE, NULL},
		{FRAME_RESET_CANCELLED, FRAME_RESET_CANCELLED, "cancelled"},
		{FRAME_RESET_ABORTED, FRAME_RESET_ABORTED, "aborted"},
		{FRAME_RESET_TIMEOUT, FRAME_RESET_TIMEOUT, "timeout"},
		{FRAME_RESET_LINK_LOST, FRAME_RESET_ABORTED, "aborted"},
		{FRAME_RESET_REFUSED, FRAME_RESET_CANCELLED, "refused"},
		{FRAME_RESET_SURPLUS, FRAME_RESET_ABORTED, "surplus"},
		{FRAME_RESET_NO_MEMORY, FRAME_RESET_NO_MEMORY, "no_memory"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows) * WAYS; i++) {
		const struct reasons *row = &rows[i / WAYS];
		struct scene *s = scene_way(i % WAYS, CONTROL_TCP);
		char want[200];
		scene_join(s, 1);
		client_data(consumer_of(s), 1, "half");
		client_reset(consumer_of(s), 1, row->said);
		scene_shuffle(s, (unsigned)i);
		assert_int_equal(provider_of(s)->n_resets, 1);
		assert_int_equal(provider_of(s)->reset, row->told);
		assert_int_equal(consumer_of(s)->n_resets, 0);
		assert_int_equal(scene_bridges(s), 0);
		snprintf(want, sizeof(want),
			" method=PRIVATE host=redis bytes_in=4 bytes_out=0 consumer=alice "
			"link=77%s%s",
			row->why ? " why=" : "", row->why ? row->why : "");
		assert_string_equal(scene_logged(s), want);
		scene_free(s);
	}
}

/* By the provider's. Something has gone that way, so no other is tried. */
static void ends_by_the_provider(void **state)
{
	static const struct reasons rows[] = {
		/* "Done with" is the opener's to say (rule 24). */
		{FRAME_RESET_NONE, FRAME_RESET_CANCELLED, "cancelled"},
		{FRAME_RESET_ABORTED, FRAME_RESET_ABORTED, "aborted"},
		{FRAME_RESET_LINK_LOST, FRAME_RESET_ABORTED, "aborted"},
		{FRAME_RESET_REFUSED, FRAME_RESET_REFUSED, "refused"},
		{FRAME_RESET_DIAL_TIMEOUT, FRAME_RESET_DIAL_TIMEOUT, "dial_timeout"},
		{FRAME_RESET_BUSY, FRAME_RESET_BUSY, "busy"},
		{FRAME_RESET_UNKNOWN_SERVICE, FRAME_RESET_UNKNOWN_SERVICE, "unknown_service"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows) * WAYS; i++) {
		const struct reasons *row = &rows[i / WAYS];
		struct scene *s = scene_way(i % WAYS, CONTROL_TCP);
		uint32_t id = scene_join(s, 1);
		client_data(consumer_of(s), 1, "SELECT");
		settle(s->n);
		client_reset(provider_of(s), id, row->said);
		scene_shuffle(s, (unsigned)i);
		assert_int_equal(consumer_of(s)->n_resets, 1);
		assert_int_equal(consumer_of(s)->reset, row->told);
		assert_int_equal(provider_of(s)->n_resets, 0);
		assert_int_equal(provider_of(s)->n_opens, 1);
		assert_int_equal(scene_bridges(s), 0);
		assert_non_null(strstr(scene_logged(s), row->why));
		scene_free(s);
	}
}

static void ends_with_a_link(void **state)
{
	for (size_t i = 0; i < 2 * WAYS; i++) {
		struct scene *s = scene_way(i / 2, CONTROL_TCP);
		struct server_link *gone = i % 2 ? s->consumer : s->provider,
				   *stays = i % 2 ? s->provider : s->consumer;
		uint32_t id = scene_join(s, 1);
		client_data(consumer_of(s), 1, "half of");
		client_data(provider_of(s), id, "something");
		hang_up(gone);
		/* As the registrar does, which has heard of it. */
		if (i % 2)
			scene_detach(s);
		else
			scene_withdraw(s, s->services[0]);
		scene_shuffle(s, (unsigned)i);
		assert_int_equal(client_of(s->n, stays)->n_resets, 1);
		assert_int_equal(client_of(s->n, stays)->reset, FRAME_RESET_ABORTED);
		assert_int_equal(scene_bridges(s), 0);
		scene_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_may_not),
		cmocka_unit_test(who_has_no_session),
		cmocka_unit_test(how_many),
		cmocka_unit_test(how_many_of_one),
		cmocka_unit_test(what_the_provider_is_told),
		cmocka_unit_test(what_is_reset_at_once),
		cmocka_unit_test(one_client_is_both),
		cmocka_unit_test(bytes_go_both_ways),
		cmocka_unit_test(bytes_that_come_early),
		cmocka_unit_test(a_reader_that_stalls),
		cmocka_unit_test(bytes_one_by_one),
		cmocka_unit_test(ends_by_the_consumer),
		cmocka_unit_test(ends_by_the_provider),
		cmocka_unit_test(ends_with_a_link),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
