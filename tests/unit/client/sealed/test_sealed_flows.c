/* SPDX-License-Identifier: MIT */
/*
 * Datagrams between two clients as they are, through an exit node that a test plays: who is let in, when the upstream has
 * a socket, and what a handshake that is lost comes to. (What may be done to datagrams at random is in
 * tests/unit/net/test_end_to_end_flow_hostile.c.)
 */
#include "sealed_scene.h"

#include <dirent.h>
#include <netinet/in.h>

#include "net/e2e_flow.h"

static void begin_usable(struct scene *s, const char *known_keys)
{
	forget_all();
	begin(s, &(struct scene_options){.udp = true, .known_keys = known_keys});
	attach(s, s->published_key);
	UNTIL(s, endpoint(s)->state == CLIENT_ENDPOINT_USABLE);
}

static int count_descriptors(void)
{
	int n = 0;
	DIR *dir = opendir("/proc/self/fd");
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* The upstream sends back what it has. Whether there was anything. */
static bool echo(struct scene *s)
{
	static uint8_t data[70000];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n =
		recvfrom(s->udp, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *)&from, &len);
	if (n >= 0)
		sendto(s->udp, data, (size_t)n, 0, (struct sockaddr *)&from, len);
	return n >= 0;
}

static bool has_no_flow(struct scene *s)
{
	return list_empty(&s->consumer.flows.all) &&
	       !flow_queue_count(&s->upstream_conns.flows.queue);
}

static void there_and_back(void **state)
{
	struct scene s;
	begin_usable(&s, NULL);
	int a = connect_program(&s), b = connect_program(&s);
	say(a, "one");
	say(b, "other");
	UNTIL(&s, echo(&s));
	UNTIL(&s, echo(&s));
	UNTIL(&s, hears(a, "one"));
	UNTIL(&s, hears(b, "other"));
	assert_int_equal(s.n_joins, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(s.joins[i].open.kind, FRAME_KIND_UDP);
		assert_true(s.joins[i].near.passed > E2E_FLOW_FIRST + E2E_FLOW_OVERHEAD);
	}
	say(a, "again");
	UNTIL(&s, echo(&s));
	UNTIL(&s, hears(a, "again"));
	assert_int_equal(s.n_joins, 2);
	close(a);
	close(b);
	end(&s);
}

static void too_large(void **state)
{
	static char data[FRAME_DATAGRAM_MAX];
	struct scene s;
	begin_usable(&s, NULL);
	int program = connect_program(&s);
	assert_int_equal(send(program, data, sizeof(data), 0), sizeof(data));
	assert_int_equal(send(program, data, E2E_FLOW_DATAGRAM_MAX + 1, 0),
		E2E_FLOW_DATAGRAM_MAX + 1);
	say(program, "small");
	UNTIL(&s, echo(&s));
	UNTIL(&s, hears(program, "small"));
	close(program);
	end(&s);
}

/* Not even a socket is made for who has another key. */
static void a_key_that_is_not_listed(void **state)
{
	struct scene s;
	char text[KEY_TEXT_LEN + 1];
	struct key_pair other;
	key_pair_random(&other);
	key_text(other.public, text);
	FILE *f = fopen("listed", "w");
	assert_non_null(f);
	fprintf(f, "web %s\n", text);
	fclose(f);
	begin_usable(&s, "listed");
	int program = connect_program(&s), before = count_descriptors();
	say(program, "word");
	UNTIL(&s, s.n_joins == 1 && s.joins[0].far.closed);
	assert_int_equal(s.joins[0].far.reason, FRAME_RESET_DENIED);
	UNTIL(&s, has_no_flow(&s));
	assert_int_equal(count_descriptors(), before);
	assert_false(echo(&s));
	close(program);
	end(&s);
}

static int to_lose;

static void lose_first(struct scene *s, struct node_end *from, struct buf *bytes)
{
	if (from->to_provider && buf_len(bytes) == E2E_FLOW_FIRST && to_lose-- > 0)
		bytes->end = bytes->start;
}

static void a_lost_handshake_is_said_again(void **state)
{
	struct scene s;
	begin_usable(&s, NULL);
	to_lose = 2;
	s.meddle = lose_first;
	int program = connect_program(&s);
	say(program, "word");
	UNTIL(&s, echo(&s));
	UNTIL(&s, hears(program, "word"));
	assert_int_equal(s.n_joins, 1);
	close(program);
	end(&s);
}

static void nobody_answers(void **state)
{
	struct scene s;
	begin_usable(&s, NULL);
	to_lose = 1000;
	s.meddle = lose_first;
	int program = connect_program(&s);
	uint64_t from = clock_now();
	say(program, "word");
	UNTIL(&s, s.n_joins == 1 && s.joins[0].near.closed);
	assert_int_equal(s.joins[0].near.reason, FRAME_RESET_TIMEOUT);
	assert_true(clock_now() - from >= (E2E_FLOW_REPEATS + 1) * E2E_FLOW_REPEAT_EVERY);
	assert_int_equal(1000 - to_lose, 1 + E2E_FLOW_REPEATS);
	UNTIL(&s, has_no_flow(&s));
	/* Another datagram is another flow. */
	to_lose = 0;
	say(program, "again");
	UNTIL(&s, echo(&s));
	UNTIL(&s, hears(program, "again"));
	assert_int_equal(s.n_joins, 2);
	close(program);
	end(&s);
}

static void cut_when_asked(struct scene *s, struct node_end *from, struct buf *bytes)
{
	if (!from->to_provider)
		bytes->end = bytes->start;
}

/* The stream ends while the file of keys is being read, and when its answer is on the way. */
static void ends_while_it_is_asked(void **state)
{
	for (int turns = 0; turns < 4; turns++) {
		struct scene s;
		begin_usable(&s, NULL);
		s.meddle = cut_when_asked;
		int program = connect_program(&s);
		say(program, "word");
		UNTIL(&s, s.n_joins == 1 && s.joins[0].near.passed);
		for (int i = 0; i < turns; i++)
			turn(&s);
		stream_reset(&s.joins[0].far.stream, FRAME_RESET_CANCELLED);
		UNTIL(&s, !flow_queue_count(&s.upstream_conns.flows.queue));
		assert_false(echo(&s));
		close(program);
		end(&s);
	}
}

static void refused_when_not_sealed(void **state)
{
	struct scene s;
	begin_usable(&s, NULL);
	attach(&s, NULL);
	UNTIL(&s, endpoint(&s)->state == CLIENT_ENDPOINT_BARRED);
	int program = connect_program(&s);
	say(program, "word");
	for (int i = 0; i < 20; i++)
		turn(&s);
	assert_int_equal(s.n_joins, 0);
	close(program);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(too_large),
		cmocka_unit_test(a_key_that_is_not_listed),
		cmocka_unit_test(a_lost_handshake_is_said_again),
		cmocka_unit_test(nobody_answers),
		cmocka_unit_test(ends_while_it_is_asked),
		cmocka_unit_test(refused_when_not_sealed),
	};
	return cmocka_run_group_tests(tests, in_own_folder, leave_folder);
}
