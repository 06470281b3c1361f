/* What is offered under which number, and what the exit node's answers make of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/services.h"

static void on_wake(struct mux *m)
{
}

static const struct mux_ops mux_ops = {.wake = on_wake};

/* A link that is up, of which nothing but the mux's waiting frames is looked at. */
struct scene {
	struct link link;
	struct budget budget;
	struct upstreams upstreams;
	struct services services;
};

static void begin(struct scene *s, const char *upstreams)
{
	struct error err;
	struct mux_limits limits = {MUX_BASE_WINDOW, MUX_MAX_WINDOW, 1};
	*s = (struct scene){0};
	log_set_level(LOG_ERROR);
	budget_init(&s->budget, 1 << 20);
	s->link.state = LINK_UP;
	mux_init(&s->link.mux, &mux_ops, &limits, &s->budget, true);
	if (upstreams_add(&s->upstreams, str_from(upstreams), &err))
		fail_msg("%s", err.text);
	assert_int_equal(services_init(&s->services, &s->upstreams), 0);
}

static void end(struct scene *s)
{
	services_deinit(&s->services);
	upstreams_deinit(&s->upstreams);
	mux_deinit(&s->link.mux);
}

/* The next message that was sent; false: none. */
static bool sent(struct scene *s, struct control *out)
{
	struct buf *b = &s->link.mux.frames;
	struct frame f;
	struct error err;
	if (!buf_len(b))
		return false;
	assert_int_equal(frame_read_header(buf_head(b), buf_len(b), &f), 0);
	assert_int_equal(control_decode(f.payload, f.size, &err, out), 0);
	buf_consume(b, FRAME_HEADER + f.size);
	return true;
}

static size_t count_sent(struct scene *s)
{
	struct control m;
	size_t n = 0;
	for (; sent(s, &m); n++)
		control_deinit(&m);
	return n;
}

static void grant(struct scene *s, uint32_t number)
{
	struct control m = {.type = CONTROL_GRANTED, .granted = {number, "http://here/"}};
	services_granted(&s->services, &m);
}

static void refuse(struct scene *s, uint32_t number, enum control_reason reason)
{
	struct control m = {.type = CONTROL_REFUSED, .refused = {number, reason, "no"}};
	services_refused(&s->services, &m);
}

static void test_offer(void **state)
{
	static const struct {
		const char *host, *upstream, *path;
	} rows[] = {
		{"", "http://127.0.0.1:3000", NULL},
		{"a.example", "http://127.0.0.1:1/api/", "/api"},
		{"*.b.example", "http://127.0.0.1:2/x?y", "/x"},
	};
	struct scene s;
	begin(&s, "http://127.0.0.1:3000,a.example=http://127.0.0.1:1/api/,"
		  "*.b.example=http://127.0.0.1:2/x?y");
	services_offer(&s.services, &s.link);
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
		const struct service *service = services_find(&s.services, m.publish.service);
		assert_non_null(service);
		assert_string_equal(service->upstream->text, rows[i].upstream);
		control_deinit(&m);
	}
	assert_int_equal(count_sent(&s), 0);
	end(&s);
}

static void test_numbers(void **state)
{
	struct scene s;
	begin(&s, "a=http://x,b=http://y");
	assert_null(services_find(&s.services, 0));
	assert_null(services_find(&s.services, 3));
	assert_null(services_find(&s.services, UINT32_MAX));
	assert_ptr_not_equal(services_find(&s.services, 1), services_find(&s.services, 2));
	/* Answers about what is not ours, or was not offered, change nothing. */
	grant(&s, 1);
	refuse(&s, 99, CONTROL_REASON_TAKEN);
	assert_int_equal(services_count(&s.services, SERVICE_IDLE), 2);
	end(&s);
}

static void test_offered_again(void **state)
{
	struct scene s;
	begin(&s, "a=http://x,b=http://y,c=http://z");
	services_offer(&s.services, &s.link);
	assert_int_equal(count_sent(&s), 3);
	grant(&s, 1);
	refuse(&s, 2, CONTROL_REASON_TAKEN);
	services_offer(&s.services, &s.link);
	assert_int_equal(count_sent(&s), 1); /* the refused one; the third waits for its answer */
	assert_int_equal(services_count(&s.services, SERVICE_OFFERED), 2);
	grant(&s, 2);
	grant(&s, 3);
	services_offer(&s.services, &s.link);
	assert_int_equal(count_sent(&s), 0);
	/* A new link has to be told all. */
	services_withdrawn(&s.services);
	services_offer(&s.services, &s.link);
	assert_int_equal(count_sent(&s), 3);
	end(&s);
}

static void test_hopeless(void **state)
{
	struct scene s;
	begin(&s, "a=http://x,b=http://y");
	services_offer(&s.services, &s.link);
	refuse(&s, 1, CONTROL_REASON_INVALID);
	assert_false(services_hopeless(&s.services)); /* the other may be granted */
	refuse(&s, 2, CONTROL_REASON_TAKEN);
	assert_false(services_hopeless(&s.services)); /* that will pass */
	services_offer(&s.services, &s.link);
	refuse(&s, 1, CONTROL_REASON_INVALID);
	refuse(&s, 2, CONTROL_REASON_UNSUPPORTED);
	assert_true(services_hopeless(&s.services));
	end(&s);
}

static void test_not_connected(void **state)
{
	struct scene s;
	begin(&s, "a=http://x");
	s.link.state = LINK_CLOSED;
	services_offer(&s.services, &s.link);
	assert_int_equal(services_count(&s.services, SERVICE_IDLE), 1);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offer),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_offered_again),
		cmocka_unit_test(test_hopeless),
		cmocka_unit_test(test_not_connected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
