/* SPDX-License-Identifier: MIT */
/* What is published under which number, and what the exit node's answers make of it. */
#include "publications_scene.h"

static void test_offer(void **state)
{
	static const struct {
		const char *host, *upstream, *path;
	} rows[] = {
		{"", "http://127.0.0.1:3000", NULL},
		{"a.example", "http://127.0.0.1:1/api/", "/api"},
		{"*.b.example", "http://127.0.0.1:2/x?***", "/x"},
	};
	struct scene s;
	begin(&s, "http://127.0.0.1:3000,a.example=http://127.0.0.1:1/api/,"
		  "*.b.example=http://127.0.0.1:2/x?y");
	publications_offer(&s.publications, &s.link);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct control m;
		assert_true(sent(&s, &m));
		assert_int_equal(m.type, CONTROL_PUBLISH);
		assert_int_equal(m.publish.kind, CONTROL_HTTP);
		assert_string_equal(m.publish.host, rows[i].host);
		assert_string_equal(m.publish.upstream, rows[i].upstream);
		if (rows[i].path)
			assert_string_equal(m.publish.path, rows[i].path);
		else
			assert_null(m.publish.path);
		const struct publication *publication =
			publications_find(&s.publications, m.publish.service);
		assert_non_null(publication);
		assert_string_equal(publication->upstream.text, rows[i].upstream);
		control_deinit(&m);
	}
	assert_int_equal(count_sent(&s), 0);
	end(&s);
}

static void test_numbers(void **state)
{
	struct scene s;
	begin(&s, "a=http://x,b=http://y");
	assert_null(publications_find(&s.publications, 0));
	assert_null(publications_find(&s.publications, 3));
	assert_null(publications_find(&s.publications, UINT32_MAX));
	assert_ptr_not_equal(publications_find(&s.publications, 1),
		publications_find(&s.publications, 2));
	/* Answers about what is not ours, or was not offered, change nothing. */
	grant(&s, 1);
	refuse(&s, 99, CONTROL_REASON_TAKEN);
	assert_int_equal(publications_count(&s.publications, PUBLICATION_IDLE), 2);
	end(&s);
}

static void test_offered_again(void **state)
{
	struct scene s;
	begin(&s, "a=http://x,b=http://y,c=http://z");
	publications_offer(&s.publications, &s.link);
	assert_int_equal(count_sent(&s), 3);
	grant(&s, 1);
	refuse(&s, 2, CONTROL_REASON_TAKEN);
	publications_retry(&s.publications, CLOCK_S);
	publications_offer(&s.publications, &s.link);
	assert_int_equal(count_sent(&s), 1); /* the refused one; the third waits for its answer */
	assert_int_equal(publications_count(&s.publications, PUBLICATION_OFFERED), 2);
	grant(&s, 2);
	grant(&s, 3);
	publications_offer(&s.publications, &s.link);
	assert_int_equal(count_sent(&s), 0);
	/* A new link has to be told all. */
	publications_withdrawn(&s.publications);
	publications_offer(&s.publications, &s.link);
	assert_int_equal(count_sent(&s), 3);
	end(&s);
}

static void test_refused_for_good(void **state)
{
	struct scene s;
	begin(&s, "a=http://x,b=http://y");
	publications_offer(&s.publications, &s.link);
	refuse(&s, 1, CONTROL_REASON_INVALID);
	assert_false(publications_refused_for_good(&s.publications)); /* the other may be granted */
	refuse(&s, 2, CONTROL_REASON_TAKEN);
	assert_false(publications_refused_for_good(&s.publications)); /* that will pass */
	publications_retry(&s.publications, CLOCK_S);
	publications_offer(&s.publications, &s.link);
	refuse(&s, 1, CONTROL_REASON_INVALID);
	refuse(&s, 2, CONTROL_REASON_UNSUPPORTED);
	assert_true(publications_refused_for_good(&s.publications));
	end(&s);
	/* A client that publishes nothing, as after a reload, goes on. */
	begin(&s, "");
	assert_false(publications_refused_for_good(&s.publications));
	end(&s);
}

/* What is asked of the exit node for each kind of upstream. */
static void test_what_is_asked(void **state)
{
	static const struct {
		const char *upstream, *host, *rewrite;
		enum control_kind kind;
		enum control_tls tls;
		int port; /* -1: none */
	} rows[] = {
		{"http://127.0.0.1:1", "", NULL, CONTROL_HTTP, CONTROL_TLS_NONE, -1},
		{"a.example=https://b.example", "a.example", "b.example", CONTROL_HTTP,
			CONTROL_TLS_NONE, -1},
		{"a.example=https://[::1]:8443", "a.example", "[::1]:8443", CONTROL_HTTP,
			CONTROL_TLS_NONE, -1},
		{"2222=tcp://127.0.0.1:22", "", NULL, CONTROL_TCP, CONTROL_TLS_NONE, 2222},
		{"0=tcp://127.0.0.1:22", "", NULL, CONTROL_TCP, CONTROL_TLS_NONE, 0},
		{"53=udp://127.0.0.1:53", "", NULL, CONTROL_UDP, CONTROL_TLS_NONE, 53},
		{"5432=tls+tcp://127.0.0.1:5432", "", NULL, CONTROL_TCP, CONTROL_TLS_TERMINATE,
			5432},
		{"a.example=sni+tcp://127.0.0.1:443", "a.example", NULL, CONTROL_TCP,
			CONTROL_TLS_PASS, -1},
		{"a.example=unix:/run/x.sock", "a.example", NULL, CONTROL_HTTP, CONTROL_TLS_NONE,
			-1},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		struct control m;
		begin(&s, rows[i].upstream);
		publications_offer(&s.publications, &s.link);
		assert_true(sent(&s, &m));
		assert_int_equal(m.publish.kind, rows[i].kind);
		assert_int_equal(m.publish.tls, rows[i].tls);
		assert_string_equal(m.publish.host, rows[i].host);
		assert_int_equal(m.publish.port_given, rows[i].port >= 0);
		if (rows[i].port >= 0)
			assert_int_equal(m.publish.port, rows[i].port);
		assert_int_equal(m.publish.rewrite != NULL, rows[i].rewrite != NULL);
		if (rows[i].rewrite)
			assert_string_equal(m.publish.rewrite, rows[i].rewrite);
		enum control_scheme scheme = strstr(rows[i].upstream, "https:")
						     ? CONTROL_SCHEME_HTTPS
						     : CONTROL_SCHEME_HTTP;
		assert_int_equal(m.publish.scheme,
			rows[i].kind == CONTROL_HTTP ? scheme : CONTROL_SCHEME_UNKNOWN);
		assert_false(m.publish.host_only);
		control_deinit(&m);
		end(&s);
	}
}

/* The settings behind an --upstream that the exit node is told. */
static void test_settings(void **state)
{
	static const struct {
		struct service_options what;
		bool per_visitor, half_closed;
	} rows[] = {
		{.what = {0}},
		{.what = {.proxy_protocol = UPSTREAM_PROXY_V1}, .per_visitor = true},
		{.what = {.proxy_protocol = UPSTREAM_PROXY_V2}, .per_visitor = true},
		{.what = {.half_closed = 1}, .half_closed = true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static char upstream[] = "a.example=http://127.0.0.1:1";
		static const struct option_ranges no_ports;
		struct scene s;
		struct control m;
		struct error err;
		struct service_options what = rows[i].what;
		what.upstream = upstream;
		begin(&s, "");
		assert_int_equal(upstreams_add(&s.upstreams, &what, &no_ports, &err), 0);
		s.upstreams.v[0].exclusive = i == 0;
		assert_int_equal(publications_set(&s.publications, &s.upstreams, &err, NULL), 0);
		publications_offer(&s.publications, &s.link);
		assert_true(sent(&s, &m));
		assert_int_equal(m.publish.per_visitor, rows[i].per_visitor);
		assert_int_equal(m.publish.half_closed, rows[i].half_closed);
		assert_int_equal(m.publish.exclusive, i == 0);
		control_deinit(&m);
		/* By an exit node that does not know it: only who asked for it misses it. */
		grant(&s, 1);
		assert_int_equal(publications_find(&s.publications, 1)->not_exclusive, i == 0);
		end(&s);
	}
}

/* The port that the exit node picked is asked for again, and another one when that is gone. */
static void test_port_is_kept(void **state)
{
	struct scene s;
	begin(&s, "0=tcp://127.0.0.1:22");
	static const struct {
		uint32_t asked, granted; /* 0: refused */
	} rows[] = {{0, 40001}, {40001, 40001}, {40001, 0}, {0, 40002}, {40002, 40002}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct control m;
		publications_offer(&s.publications, &s.link);
		assert_true(sent(&s, &m));
		assert_int_equal(m.publish.port, rows[i].asked);
		control_deinit(&m);
		if (!rows[i].granted) {
			refuse(&s, 1, CONTROL_REASON_TAKEN);
			assert_int_equal(publications_count(&s.publications, PUBLICATION_IDLE), 1);
			continue;
		}
		struct control granted = {.type = CONTROL_GRANTED,
			.granted = {.service = 1,
				.address = "tcp://here",
				.port = rows[i].granted}};
		publications_granted(&s.publications, &granted, CLOCK_S);
		publications_withdrawn(&s.publications);
	}
	end(&s);
}

/* One message for all of a range, whose ports are told apart by number. */
static void test_range(void **state)
{
	struct scene s;
	struct control m;
	begin(&s, "a=http://x 7000-9999=tcp://x:5000-7999 b=http://y");
	publications_offer(&s.publications, &s.link);
	expect(&s, CONTROL_PUBLISH, 1);
	assert_true(sent(&s, &m));
	assert_int_equal(m.publish.service, 2);
	assert_int_equal(m.publish.port, 7000);
	assert_int_equal(m.publish.ports, 3000);
	control_deinit(&m);
	expect(&s, CONTROL_PUBLISH, 3002);
	const struct publication *range = publications_find(&s.publications, 2);
	assert_ptr_equal(publications_find(&s.publications, 3001), range);
	assert_ptr_not_equal(publications_find(&s.publications, 3002), range);
	assert_null(publications_find(&s.publications, 3003));
	assert_int_equal(publication_port(range, 2), 5000);
	assert_int_equal(publication_port(range, 3001), 7999);
	grant_ports(&s, 2, 3000);
	assert_int_equal(range->state, PUBLICATION_GRANTED);
	assert_int_equal(count_sent(&s), 0);
	end(&s);
}

/* An exit node that knows of no ranges has granted the first port, and is asked for each then. */
static void test_range_of_an_older_version(void **state)
{
	struct scene s;
	struct control m;
	begin(&s, "7001-7003=tcp://x");
	publications_offer(&s.publications, &s.link);
	assert_int_equal(count_sent(&s), 1);
	grant_ports(&s, 1, 0);
	for (uint32_t i = 1; i <= 3; i++) {
		assert_true(sent(&s, &m));
		assert_int_equal(m.publish.service, i);
		assert_int_equal(m.publish.port, 7000 + i);
		assert_int_equal(m.publish.ports, 0);
		control_deinit(&m);
	}
	const struct publication *range = publications_find(&s.publications, 1);
	grant_ports(&s, 1, 0);
	grant_ports(&s, 2, 0);
	assert_int_equal(range->state, PUBLICATION_OFFERED);
	grant_ports(&s, 3, 0);
	assert_int_equal(range->state, PUBLICATION_GRANTED);
	assert_int_equal(range->port, 7001);
	assert_int_equal(count_sent(&s), 0);

	/* Another session may be an exit node of a newer version; one refusal is a refusal of all. */
	publications_withdrawn(&s.publications);
	publications_offer(&s.publications, &s.link);
	assert_int_equal(count_sent(&s), 1);
	grant_ports(&s, 1, 0);
	assert_int_equal(count_sent(&s), 3);
	grant_ports(&s, 1, 0);
	refuse(&s, 2, CONTROL_REASON_TAKEN);
	grant_ports(&s, 3, 0);
	assert_int_equal(range->state, PUBLICATION_REFUSED);
	assert_string_equal(range->answer, "no"); /* and not the last port's address */
	publications_retry(&s.publications, CLOCK_S);
	publications_offer(&s.publications, &s.link);
	assert_int_equal(count_sent(&s), 3);

	/* And all of it is withdrawn. */
	for (uint32_t i = 1; i <= 3; i++)
		grant_ports(&s, i, 0);
	set(&s, "a=http://x", NULL);
	publications_offer(&s.publications, &s.link);
	for (uint32_t i = 1; i <= 3; i++)
		expect(&s, CONTROL_WITHDRAW, i);
	expect(&s, CONTROL_PUBLISH, 4);
	end(&s);
}

static void test_not_connected(void **state)
{
	struct scene s;
	begin(&s, "a=http://x");
	s.link.state = LINK_CLOSED;
	publications_offer(&s.publications, &s.link);
	assert_int_equal(publications_count(&s.publications, PUBLICATION_IDLE), 1);
	end(&s);
}

/* An exit node that grants and refuses by turns fills no log, and its last word is said in the end. */
static void test_answers_that_are_logged(void **state)
{
	struct scene s;
	uint64_t now = CLOCK_S;
	begin(&s, "a.example=http://127.0.0.1:1");
	publications_offer(&s.publications, &s.link);
	const struct publication *publication = publications_find(&s.publications, 1);
	const struct log_limit *limit = &s.publications.log_answers;
	unsigned burst = PUBLICATIONS_LOG_BURST(1);
	for (unsigned i = 0; i < burst; i++) {
		if (i % 2)
			refuse(&s, 1, CONTROL_REASON_TAKEN);
		else
			grant(&s, 1);
		assert_true(publication->answer_logged);
		assert_int_equal(limit->similar, 0);
	}
	for (unsigned i = 0; i < 1000; i++) {
		refuse(&s, 1, CONTROL_REASON_TAKEN);
		grant(&s, 1);
	}
	assert_false(publication->answer_logged);
	assert_in_range(limit->similar, 1900, 2000);
	/* The same again is no news, and no reason to say it either. */
	unsigned before = limit->similar;
	publications_retry(&s.publications, now);
	assert_false(publication->answer_logged);
	publications_retry(&s.publications, now + PUBLICATIONS_LOG_EVERY);
	assert_true(publication->answer_logged);
	assert_int_equal(publication->state, PUBLICATION_GRANTED);
	assert_int_equal(limit->similar, 0);
	assert_true(before > 0);
	publications_retry(&s.publications, now + PUBLICATIONS_LOG_EVERY);
	assert_int_equal(limit->similar, 0);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offer),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_offered_again),
		cmocka_unit_test(test_refused_for_good),
		cmocka_unit_test(test_what_is_asked),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_port_is_kept),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_range_of_an_older_version),
		cmocka_unit_test(test_not_connected),
		cmocka_unit_test(test_answers_that_are_logged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
