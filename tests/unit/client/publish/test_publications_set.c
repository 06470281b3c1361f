/* SPDX-License-Identifier: MIT */
/* What becomes of publications when the configuration is read again, or a link of several is lost. */
#include "publications_scene.h"

static void test_reload_adds_and_removes(void **state)
{
	struct scene s;
	struct publications_change change;
	begin(&s, "a=http://x b=http://y");
	publications_offer(&s.publications, &s.link);
	assert_int_equal(count_sent(&s), 2);
	grant(&s, 1);
	grant(&s, 2);
	set(&s, "c=http://z b=http://y", &change);
	assert_int_equal(change.added, 1);
	assert_int_equal(change.removed, 1);
	assert_int_equal(change.kept, 1);
	assert_int_equal(state_of(&s, 1), PUBLICATION_LEAVING);
	assert_int_equal(state_of(&s, 2), PUBLICATION_GRANTED);
	expect(&s, CONTROL_WITHDRAW, 1);
	struct control m;
	assert_true(sent(&s, &m));
	assert_int_equal(m.publish.service, 3);
	control_deinit(&m);
	/* What was opened before the exit node heard of it is served for a while. */
	publications_retry(&s.publications, CLOCK_S);
	assert_int_equal(state_of(&s, 1), PUBLICATION_LEAVING);
	for (int i = 0; i < PUBLICATIONS_LINGER; i++)
		publications_retry(&s.publications, CLOCK_S);
	assert_null(publications_find(&s.publications, 1));
	/* Its number is not given again. */
	set(&s, "a=http://x", NULL);
	assert_null(publications_find(&s.publications, 1));
	assert_int_equal(state_of(&s, 4), PUBLICATION_IDLE);
	end(&s);
}

/* One whose certificate is not looked at shares nothing with one whose is; those alike share what they read. */
static void test_tls_is_shared_by_those_alike(void **state)
{
	struct scene s;
	begin(&s, "a=https://x b=https://y c=https://z");
	struct error err;
	s.upstreams.v[2].insecure = true;
	assert_int_equal(publications_set(&s.publications, &s.upstreams, &err, NULL), 0);
	struct publication *of[3] = {0};
	for (size_t i = 0; i < s.publications.n; i++)
		if (s.publications.v[i]->state != PUBLICATION_LEAVING)
			of[s.publications.v[i]->upstream.text[8] - 'x'] = s.publications.v[i];
	assert_true(of[0] && of[1] && of[2]);
	assert_ptr_equal(of[0]->tls, of[1]->tls);
	assert_ptr_not_equal(of[0]->tls, of[2]->tls);
	assert_true(of[2]->upstream.insecure);
	end(&s);
}

/* The new one is there before the old one goes, also when it is changed again meanwhile. */
static void test_reload_changes(void **state)
{
	struct scene s;
	begin(&s, "a=http://x");
	publications_offer(&s.publications, &s.link);
	assert_int_equal(count_sent(&s), 1);
	grant(&s, 1);
	set(&s, "a=http://y", NULL);
	expect(&s, CONTROL_PUBLISH, 2);
	assert_int_equal(state_of(&s, 1), PUBLICATION_GRANTED);
	set(&s, "a=http://z", NULL);
	assert_int_equal(state_of(&s, 1), PUBLICATION_GRANTED);
	assert_int_equal(state_of(&s, 2), PUBLICATION_LEAVING);
	expect(&s, CONTROL_WITHDRAW, 2);
	assert_int_equal(count_sent(&s), 1);
	grant(&s, 2); /* too late to matter */
	assert_int_equal(state_of(&s, 1), PUBLICATION_GRANTED);
	refuse(&s, 3, CONTROL_REASON_DENIED);
	assert_int_equal(state_of(&s, 1), PUBLICATION_LEAVING);
	expect(&s, CONTROL_WITHDRAW, 1);
	assert_int_equal(count_sent(&s), 0);
	end(&s);
}

/* A port is one service's at a time: the old one lets go of it, and the new one asks again, at once. */
static void test_reload_changes_a_port(void **state)
{
	static const struct {
		const char *from, *to;
		uint32_t number; /* of the new one */
	} rows[] = {
		{"5=tls+tcp://x:1", "5=tls+tcp://y:1", 2},
		{"7000-7009=tcp://x", "7005-7020=tcp://x", 11},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		begin(&s, rows[i].from);
		publications_offer(&s.publications, &s.link);
		assert_int_equal(count_sent(&s), 1);
		grant_ports(&s, 1, rows[i].number - 1);
		set(&s, rows[i].to, NULL);
		publications_offer(&s.publications, &s.link);
		expect(&s, CONTROL_PUBLISH, rows[i].number);
		refuse(&s, rows[i].number, CONTROL_REASON_TAKEN);
		publications_offer(&s.publications, &s.link);
		expect(&s, CONTROL_WITHDRAW, 1);
		expect(&s, CONTROL_PUBLISH, rows[i].number);
		/* Then it is somebody else's. */
		refuse(&s, rows[i].number, CONTROL_REASON_TAKEN);
		publications_offer(&s.publications, &s.link);
		assert_int_equal(count_sent(&s), 0);
		assert_int_equal(state_of(&s, rows[i].number), PUBLICATION_REFUSED);
		end(&s);
	}
}

static void test_reload_changes_back(void **state)
{
	struct scene s;
	begin(&s, "a=http://x");
	publications_offer(&s.publications, &s.link);
	grant(&s, 1);
	set(&s, "a=http://y", NULL);
	publications_offer(&s.publications, &s.link);
	assert_int_equal(count_sent(&s), 2);
	set(&s, "a=http://x", NULL);
	assert_int_equal(state_of(&s, 1), PUBLICATION_GRANTED);
	expect(&s, CONTROL_WITHDRAW, 2);
	grant(&s, 2);
	assert_int_equal(state_of(&s, 1), PUBLICATION_GRANTED);
	end(&s);
}

/* A new session has heard of nothing that went. */
static void test_reload_and_a_new_session(void **state)
{
	struct scene s;
	begin(&s, "a=http://x b=http://b");
	publications_offer(&s.publications, &s.link);
	grant(&s, 1);
	grant(&s, 2);
	set(&s, "a=http://y", NULL);
	count_sent(&s);
	publications_withdrawn(&s.publications);
	assert_null(publications_find(&s.publications, 1));
	assert_null(publications_find(&s.publications, 2));
	expect(&s, CONTROL_PUBLISH, 3);
	assert_int_equal(count_sent(&s), 0);
	end(&s);
}

/* A link of several went, and with it perhaps what was said on it. */
static void test_said_again(void **state)
{
	struct scene s;
	begin(&s, "a=http://x b=http://b c=http://c");
	publications_offer(&s.publications, &s.link);
	grant(&s, 1);
	grant(&s, 3);
	set(&s, "a=http://x b=http://b", NULL);
	publications_offer(&s.publications, &s.link);
	assert_int_equal(count_sent(&s), 4);
	publications_unanswered(&s.publications);
	expect(&s, CONTROL_PUBLISH, 2);
	assert_int_equal(count_sent(&s), 1); /* the withdrawal */
	end(&s);
}

/* Streams hold what they need of a service that is gone. */
static void test_outlives_its_list(void **state)
{
	struct scene s;
	begin(&s, "a=http://x/path");
	struct publication *publication = publication_ref(publications_find(&s.publications, 1));
	end(&s);
	assert_string_equal(publication->upstream.text, "http://x/path");
	assert_memory_equal(publication->upstream.url.path.p, "/path", 5);
	assert_ptr_equal(publication->upstream.url.path.p, publication->upstream.text + 8);
	publication_unref(publication);
}

/* An exit node that would ask in HTTP/1.1, and does not know better, is told nothing of it. */
static void test_http2_to_upstreams(void **state)
{
	struct scene s;
	struct control m;
	begin(&s, "a=http://x b=h2c://y c=h2://z/p");
	publications_offer(&s.publications, &s.link);
	assert_true(sent(&s, &m));
	assert_int_equal(m.publish.protocol, CONTROL_PROTOCOL_HTTP1);
	control_deinit(&m);
	assert_int_equal(count_sent(&s), 0);
	assert_int_equal(state_of(&s, 2), PUBLICATION_REFUSED);
	assert_non_null(strstr(publications_find(&s.publications, 2)->answer, "older version"));
	assert_false(publications_refused_for_good(&s.publications));
	/* It was upgraded. */
	s.publications.features.h2 = true;
	publications_withdrawn(&s.publications);
	publications_offer(&s.publications, &s.link);
	for (uint32_t i = 1; i <= 3; i++) {
		assert_true(sent(&s, &m));
		assert_int_equal(m.publish.service, i);
		assert_int_equal(m.publish.kind, CONTROL_HTTP);
		assert_int_equal(m.publish.protocol,
			i == 1 ? CONTROL_PROTOCOL_HTTP1 : CONTROL_PROTOCOL_H2);
		assert_int_equal(m.publish.scheme,
			i == 3 ? CONTROL_SCHEME_HTTPS : CONTROL_SCHEME_HTTP);
		control_deinit(&m);
	}
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reload_adds_and_removes),
		cmocka_unit_test(test_tls_is_shared_by_those_alike),
		cmocka_unit_test(test_reload_changes),
		cmocka_unit_test(test_reload_changes_a_port),
		cmocka_unit_test(test_reload_changes_back),
		cmocka_unit_test(test_reload_and_a_new_session),
		cmocka_unit_test(test_said_again),
		cmocka_unit_test(test_outlives_its_list),
		cmocka_unit_test(test_http2_to_upstreams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
