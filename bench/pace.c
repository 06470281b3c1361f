/* SPDX-License-Identifier: MIT */
/*
 * Small requests at a fixed rate, whoever answers how fast: each has its moment, and its time counts
 * from there, also while it waits for a connection to be free. A generator that waits for an answer
 * before it asks anew would not see the moments in which nobody answers.
 *
 *	pace ADDRESS PORT PATH RATE CONNECTIONS SECONDS
 *
 * Prints one line of JSON; times in microseconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX  (64 << 10) /* bytes of an answer with its head */
#define RATE_MAX    1000000
#define SECONDS_MAX 600
#define LOOK_NS     100000000u  /* between two looks at the clock when nothing is due */
#define LINGER_NS   5000000000u /* how long answers may take that are missing at the end */

struct visitor {
	int fd;
	uint64_t due; /* the moment of the request under way, in ns */
	size_t got;
	char in[ANSWER_MAX];
};

struct pace {
	struct visitor *visitors;
	struct visitor **idle;
	size_t n_idle;
	char request[512];
	size_t request_size;
	uint32_t *took; /* µs of each answered request */
	size_t answered;
	int epoll;
};

static void fail(const char *what)
{
	fprintf(stderr, "pace: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void visitor_connect(struct visitor *c, const struct sockaddr_in *to, int epoll)
{
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	int one = 1;
	if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		fail("connecting");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		fail("epoll");
}

static void visitor_ask(struct pace *p, struct visitor *c, uint64_t due)
{
	c->due = due;
	c->got = 0;
	if (write(c->fd, p->request, p->request_size) != (ssize_t)p->request_size)
		fail("asking");
}

/* Whether the whole answer is there: head and Content-Length bytes. */
static bool visitor_answered(struct visitor *c)
{
	c->in[c->got] = 0;
	char *end = strstr(c->in, "\r\n\r\n");
	if (!end)
		return false;
	if (memcmp(c->in, "HTTP/1.1 200 ", 13) != 0) {
		fprintf(stderr, "pace: not 200: %.60s\n", c->in);
		exit(1);
	}
	char *length = strcasestr(c->in, "\r\ncontent-length:");
	if (!length || length > end) {
		fprintf(stderr, "pace: an answer without Content-Length\n");
		exit(1);
	}
	size_t body = strtoul(length + 17, NULL, 10);
	return c->got >= (size_t)(end + 4 - c->in) + body;
}

static void visitor_read(struct pace *p, struct visitor *c)
{
	ssize_t n = read(c->fd, c->in + c->got, sizeof(c->in) - 1 - c->got);
	if (n <= 0)
		fail(n ? "reading" : "the connection ended while reading");
	c->got += (size_t)n;
	if (!visitor_answered(c))
		return;
	p->took[p->answered++] = (uint32_t)((now_ns() - c->due) / 1000);
	p->idle[p->n_idle++] = c;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static void pace_run(struct pace *p, size_t n, double rate)
{
	uint64_t start = now_ns(), deadline = 0;
	size_t asked = 0;
	while (p->answered < n) {
		uint64_t now = now_ns(), due = 0;
		while (asked < n && p->n_idle &&
			(due = start + (uint64_t)((double)asked * 1e9 / rate)) <= now) {
			visitor_ask(p, p->idle[--p->n_idle], due);
			asked++;
		}
		if (asked == n && !deadline)
			deadline = now + LINGER_NS;
		if (deadline && now > deadline)
			break;
		uint64_t wait = p->n_idle && asked < n && due > now ? due - now : LOOK_NS;
		struct timespec t = {(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)};
		struct epoll_event events[64];
		int m = epoll_pwait2(p->epoll, events, 64, &t, NULL);
		for (int i = 0; i < m; i++)
			visitor_read(p, events[i].data.ptr);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	if (argc != 7 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
		fprintf(stderr, "usage: pace ADDRESS PORT PATH RATE CONNECTIONS SECONDS\n");
		return 2;
	}
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	double rate = atof(argv[4]);
	int connections = atoi(argv[5]), seconds = atoi(argv[6]);
	size_t n = (size_t)(rate * seconds);
	if (rate <= 0 || rate > RATE_MAX || connections < 1 || seconds < 1 ||
		seconds > SECONDS_MAX || n < 1)
		return 2;

	struct pace p = {.epoll = epoll_create1(0)};
	p.request_size = (size_t)snprintf(p.request, sizeof(p.request),
		"GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", argv[3], argv[1]);
	p.visitors = calloc((size_t)connections, sizeof(*p.visitors));
	p.idle = calloc((size_t)connections, sizeof(struct visitor *));
	p.took = calloc(n, sizeof(*p.took));
	if (p.epoll < 0 || !p.visitors || !p.idle || !p.took || p.request_size >= sizeof(p.request))
		fail("starting");
	for (int i = 0; i < connections; i++) {
		visitor_connect(&p.visitors[i], &to, p.epoll);
		p.idle[p.n_idle++] = &p.visitors[i];
	}
	prctl(PR_SET_TIMERSLACK, 1); /* ns; the usual 50 µs would show */
	pace_run(&p, n, rate);

	qsort(p.took, p.answered, sizeof(*p.took), by_size);
	if (!p.answered) {
		fprintf(stderr, "pace: no answer\n");
		return 1;
	}
	printf("{\"asked\": %zu, \"answered\": %zu, \"p50\": %u, \"p90\": %u, \"p99\": %u, "
	       "\"max\": %u}\n",
		n, p.answered, p.took[p.answered / 2], p.took[p.answered * 9 / 10],
		p.took[p.answered * 99 / 100], p.took[p.answered - 1]);
	return 0;
}
