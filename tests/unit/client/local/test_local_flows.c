/* SPDX-License-Identifier: MIT */
/* Local programs that send datagrams: a stream for each sender, and answers that find who asked. */
#include "local_scene.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static int sender(const struct scene *s, uint32_t number)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(local_port_number(&endpoint(s, number)->port)),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* -1: nothing is there. */
static ssize_t receive(int fd, char got[64])
{
	return recv(fd, got, 64, MSG_DONTWAIT);
}

static void test_each_sender(void **state)
{
	struct scene s;
	char got[64];
	begin(&s, "dns=udp:0 other=udp:0");
	offer(&s);
	attached(&s, 1, CONTROL_ENDPOINT_APPROVED, true, NULL);
	int a = sender(&s, 1), b = sender(&s, 1);
	assert_int_equal(send(a, "one", 3, 0), 3);
	assert_int_equal(send(b, "", 0, 0), 0);
	assert_int_equal(send(a, "three", 5, 0), 5);
	UNTIL(&s, receive(a, got) == 3);
	assert_memory_equal(got, "one", 3);
	UNTIL(&s, receive(a, got) == 5);
	UNTIL(&s, receive(b, got) == 0);
	assert_int_equal(s.n_fars, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(s.fars[i].open.kind, FRAME_KIND_UDP);
		assert_int_equal(s.fars[i].open.service, 1);
		assert_int_equal(s.fars[i].open.visitor.family, 4);
	}
	close(a);
	close(b);
	end(&s);
}

/* Nothing waits: what may not be sent now is dropped, and the next one tries again. */
static void test_dropped(void **state)
{
	struct scene s;
	char got[64];
	begin(&s, "dns=udp:0");
	use(&s, 1);
	int fd = sender(&s, 1);
	attached(&s, 1, CONTROL_ENDPOINT_APPROVED, false, NULL);
	assert_int_equal(send(fd, "lost", 4, 0), 4);
	settle(&s, 20 * CLOCK_MS);
	assert_int_equal(s.n_fars, 0);
	attached(&s, 1, CONTROL_ENDPOINT_APPROVED, true, NULL);
	s.away = true;
	assert_int_equal(send(fd, "lost", 4, 0), 4);
	settle(&s, 20 * CLOCK_MS);
	s.away = false;
	assert_int_equal(send(fd, "kept", 4, 0), 4);
	UNTIL(&s, receive(fd, got) == 4);
	assert_memory_equal(got, "kept", 4);
	assert_int_equal(s.fars[0].got, 1);
	close(fd);
	end(&s);
}

static void test_cut(void **state)
{
	struct scene s;
	char got[64];
	begin(&s, "dns=udp:0");
	use(&s, 1);
	int fd = sender(&s, 1);
	assert_int_equal(send(fd, "a", 1, 0), 1);
	UNTIL(&s, receive(fd, got) == 1);
	flow_abort(&s.fars[0].flow, FRAME_RESET_DENIED);
	UNTIL(&s, list_empty(&s.consumer.flows.all));
	/* A flow that is gone is none: the sender has another one. */
	assert_int_equal(send(fd, "b", 1, 0), 1);
	UNTIL(&s, receive(fd, got) == 1);
	assert_int_equal(s.n_fars, 2);
	close(fd);
	end(&s);
}

/* A port that is closed has no flows. */
static void test_rejected(void **state)
{
	struct scene s;
	char got[64];
	begin(&s, "dns=udp:0 other=udp:0");
	use(&s, 1);
	attached(&s, 2, CONTROL_ENDPOINT_APPROVED, true, NULL);
	int one = sender(&s, 1), two = sender(&s, 2);
	assert_int_equal(send(one, "a", 1, 0), 1);
	assert_int_equal(send(two, "a", 1, 0), 1);
	UNTIL(&s, receive(two, got) == 1 && s.n_fars == 2);
	attached(&s, 1, CONTROL_ENDPOINT_REJECTED, false, NULL);
	size_t first = s.fars[0].open.service == 1 ? 0 : 1;
	UNTIL(&s, s.fars[first].closed);
	assert_int_equal(s.fars[first].reason, FRAME_RESET_NONE);
	assert_false(s.fars[!first].closed);
	close(one);
	close(two);
	end(&s);
}

static void test_idle(void **state)
{
	struct scene s;
	begin_with(&s, "dns=udp:0", (struct client_options){.udp_idle = 20 * CLOCK_MS});
	s.mute = true;
	use(&s, 1);
	int fd = sender(&s, 1);
	assert_int_equal(send(fd, "a", 1, 0), 1);
	UNTIL(&s, s.n_fars == 1 && s.fars[0].closed);
	assert_int_equal(s.fars[0].reason, FRAME_RESET_TIMEOUT);
	assert_true(list_empty(&s.consumer.flows.all));
	close(fd);
	end(&s);
}

static void test_drain(void **state)
{
	struct scene s;
	begin(&s, "dns=udp:0");
	use(&s, 1);
	int fd = sender(&s, 1);
	assert_int_equal(send(fd, "a", 1, 0), 1);
	UNTIL(&s, s.n_fars == 1);
	consumer_drain(&s.consumer);
	UNTIL(&s, s.fars[0].closed);
	assert_true(list_empty(&s.consumer.flows.all));
	close(fd);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_sender),
		cmocka_unit_test(test_dropped),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_rejected),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_drain),
	};
	return cmocka_run_group_tests(tests, in_own_folder, leave_folder);
}
