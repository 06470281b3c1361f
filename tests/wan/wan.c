/* SPDX-License-Identifier: MIT */
/*
 * A long path between two network namespaces: what one side's TUN device sends, the other's receives
 * later, at a limited rate, and not always. For machines whose kernel has no netem.
 *
 *	wan --ns-a A --addr-a 10.0.0.1/24 --ns-b B --addr-b 10.0.0.2/24 --delay 50 --rate 100000000
 *
 * Says "ready" on standard output, runs until SIGTERM or SIGINT, and then prints one line of counts
 * for each direction.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/macros.h"
#include "direction.h"
#include "tun.h"

#define NS_MS 1000000u /* nanoseconds in a millisecond */

/*
 * How long we look away after each turn. Waking for each packet would cost two task switches for
 * each 120 µs of a 100 Mbit/s line; 10,000 turns a second at most cost a few percent of a core, and
 * 0.1 ms is nothing beside the delays that are asked for.
 */
#define TURN_NS 100000

#define REORDER_LATE_MS 5   /* some forty packets at 100 Mbit/s: more than three, so TCP notices */
#define TURN_PACKETS    512 /* of a side in one turn, so that what is due is not kept waiting */

struct wan {
	int tun[2];
	struct direction way[2]; /* 0: what tun[0] sends, 1: what tun[1] sends */
	sigset_t waiting;        /* signals blocked while we wait; else one could come before it */
};

static volatile sig_atomic_t ended;

static void on_end(int number)
{
	ended = number;
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
		.tv_nsec = (long)(ns % 1000000000u)};
}

static int collect(struct wan *w, int side)
{
	uint8_t packet[TUN_MTU];
	for (int i = 0; i < TURN_PACKETS; i++) {
		ssize_t n = read(w->tun[side], packet, sizeof(packet));
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (direction_take(&w->way[side], packet, (size_t)n, now_ns()) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void deliver(struct wan *w, int side)
{
	struct packet *p;
	while ((p = direction_give(&w->way[side], now_ns()))) {
		/* What the other side's kernel refuses is lost, as on any wire. */
		ssize_t n = write(w->tun[!side], p->data, p->size);
		(void)n;
		free(p);
	}
}

/* Until a packet comes or is due. */
static void wait_turn(struct wan *w)
{
	struct pollfd p[2] = {{.fd = w->tun[0], .events = POLLIN},
		{.fd = w->tun[1], .events = POLLIN}};
	uint64_t due = 0;
	for (int i = 0; i < 2; i++) {
		uint64_t next = direction_next(&w->way[i]);
		if (next && (!due || next < due))
			due = next;
	}
	uint64_t now = now_ns();
	struct timespec left = timespec_of(due > now ? due - now : 0);
	ppoll(p, 2, due ? &left : NULL, &w->waiting);
	struct timespec turn = timespec_of(TURN_NS);
	nanosleep(&turn, NULL);
}

static int run(struct wan *w)
{
	while (!ended) {
		wait_turn(w);
		for (int i = 0; i < 2; i++) {
			int r = collect(w, i);
			if (r < 0)
				return r;
		}
		deliver(w, 0);
		deliver(w, 1);
	}
	return 0;
}

static void report(const char *name, const struct direction *d)
{
	const struct counts *c = &d->counts;
	printf("%s packets=%" PRIu64 " bytes=%" PRIu64 " lost=%" PRIu64 " dropped=%" PRIu64
	       " reordered=%" PRIu64 " late_max_us=%" PRIu64 "\n",
		name, c->packets, c->bytes, c->lost, c->dropped, c->reordered, c->late_max / 1000);
}

static const struct option options[] = {
	{"ns-a", required_argument, NULL, 'a'},
	{"ns-b", required_argument, NULL, 'b'},
	{"addr-a", required_argument, NULL, 'A'},
	{"addr-b", required_argument, NULL, 'B'},
	{"delay", required_argument, NULL, 'd'},
	{"rate", required_argument, NULL, 'r'},
	{"queue", required_argument, NULL, 'q'},
	{"loss", required_argument, NULL, 'l'},
	{"reorder", required_argument, NULL, 'o'},
	{"seed", required_argument, NULL, 's'},
	{0},
};

static const char usage[] =
	"usage: wan --ns-a NAME --addr-a IP/BITS --ns-b NAME --addr-b IP/BITS [OPTION...]\n"
	"  --delay MS         one way (50)\n"
	"  --rate BIT/S       (100000000)\n"
	"  --queue BYTES      before the line; default: what it sends in a round trip\n"
	"  --loss PERCENT     (0)\n"
	"  --reorder PERCENT  of packets that arrive 5 ms late (0)\n"
	"  --seed NUMBER      of loss and reordering (1)\n"
	"Numbers are for both directions, or FROM-A,FROM-B.\n";

/* One number for both directions, or two. */
static int parse_pair(const char *text, double out[2])
{
	char *end;
	out[0] = out[1] = strtod(text, &end);
	if (end != text && *end == ',') {
		text = end + 1;
		out[1] = strtod(text, &end);
	}
	return end == text || *end || !(out[0] >= 0) || !(out[1] >= 0) ? -EINVAL : 0;
}

struct setup {
	const char *ns[2], *addr[2];
	double delay[2], rate[2], queue[2], loss[2], reorder[2], seed[2];
};

static int parse(int argc, char **argv, struct setup *s)
{
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		int r = 0;
		switch (c) {
		case 'a':
		case 'b':
			s->ns[c - 'a'] = optarg;
			break;
		case 'A':
		case 'B':
			s->addr[c - 'A'] = optarg;
			break;
		case 'd':
			r = parse_pair(optarg, s->delay);
			break;
		case 'r':
			r = parse_pair(optarg, s->rate);
			break;
		case 'q':
			r = parse_pair(optarg, s->queue);
			break;
		case 'l':
			r = parse_pair(optarg, s->loss);
			break;
		case 'o':
			r = parse_pair(optarg, s->reorder);
			break;
		case 's':
			r = parse_pair(optarg, s->seed);
			break;
		default:
			r = -EINVAL;
		}
		if (r < 0)
			return r;
	}
	bool whole = s->ns[0] && s->ns[1] && s->addr[0] && s->addr[1];
	return optind < argc || !whole || s->rate[0] < 1 || s->rate[1] < 1 ? -EINVAL : 0;
}

static struct terms terms_of(const struct setup *s, int side)
{
	struct terms t = {
		.delay = (uint64_t)(s->delay[side] * NS_MS),
		.rate = (uint64_t)s->rate[side],
		.queue = (uint64_t)s->queue[side],
		.loss = s->loss[side] / 100,
		.reorder = s->reorder[side] / 100,
		.reorder_late = (uint64_t)REORDER_LATE_MS * NS_MS,
		.seed = (uint64_t)s->seed[side] * 2 + (uint64_t)side,
	};
	if (!t.queue)
		t.queue = (uint64_t)(s->rate[side] / 8 * (s->delay[0] + s->delay[1]) / 1000);
	/* Less than a packet would let nothing through. */
	t.queue = MAX(t.queue, TUN_MTU);
	return t;
}

static void keep_time(void)
{
	/* The kernel would round each sleep up by 50 µs, and a busy machine by whole time slices. */
	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	struct sched_param p = {.sched_priority = 1};
	sched_setscheduler(0, SCHED_RR, &p); /* as far as we may */
}

int main(int argc, char **argv)
{
	struct setup s = {.delay = {50, 50}, .rate = {1e8, 1e8}, .seed = {1, 1}};
	if (parse(argc, argv, &s) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	struct wan w = {.tun = {-1, -1}};
	struct sigaction end = {.sa_handler = on_end};
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	sigset_t ends;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, &w.waiting);
	/* Whoever started us and died has nobody left to end us. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);

	for (int i = 0; i < 2; i++) {
		struct terms t = terms_of(&s, i);
		direction_init(&w.way[i], &t);
		w.tun[i] = tun_open(s.ns[i], s.addr[i]);
		if (w.tun[i] < 0)
			return 1;
	}
	keep_time();
	puts("ready");
	fflush(stdout);

	int r = run(&w);
	if (r < 0)
		fprintf(stderr, "wan: %s\n", strerror(-r));
	report("a-to-b", &w.way[0]);
	report("b-to-a", &w.way[1]);
	for (int i = 0; i < 2; i++) {
		close(w.tun[i]);
		direction_deinit(&w.way[i]);
	}
	return r < 0;
}
