/* SPDX-License-Identifier: MIT */
#include "client/upstream/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/publish/publication_log.h"
#include "client/upstream/upstream_dial.h"
#include "crypto/random.h"
#include "wire/http1.h"

#define ANSWER_MAX (16 * 1024) /* bytes of a head, interim ones included */
#define FIELDS_MAX 128
#define WHY_SIZE   200

struct probe {
	struct probes *probes;
	struct list link;
	struct publication *pub; /* counted, and not among its streams */
	struct frame_open open;
	struct upstream_dial dial;
	struct conn conn; /* fd -1 until it is there */
	struct buf request, answer;
	size_t sent, came;       /* bytes */
	struct loop_timer timer; /* the next one; or the end of this one's time */
	struct loop_task work;
	bool under_way;
	uint64_t began;              /* µs */
	unsigned samples, n_samples; /* a bit each, the last one lowest */
};

static void probe_free(struct probe *p)
{
	upstream_dial_cancel(&p->dial);
	conn_close(&p->conn);
	loop_timer_cancel(&p->timer);
	loop_task_cancel(&p->work);
	list_unlink(&p->link);
	buf_deinit(&p->request);
	buf_deinit(&p->answer);
	p->pub->health.probed = false;
	publication_unref(p->pub);
	free(p);
}

/* ---- What it tells ---- */

/* A tenth more or less, so that what began together does not stay together. */
static uint64_t pause_of(const struct probe *p, bool doubt)
{
	uint64_t every = p->pub->upstream.probe.every;
	uint32_t random;
	if (doubt)
		return MIN(every, PROBE_DOUBT);
	random_bytes(&random, sizeof(random));
	return every - every / 10 + ((every / 5 * random) >> 32);
}

/* The one way out of a sample. `why`: the rest of a sentence about the upstream; NULL: it was good. */
static void probe_done(struct probe *p, const char *why)
{
	struct publication_health *health = &p->pub->health;
	uint64_t now = loop_now(p->probes->all->loop);
	p->under_way = false;
	upstream_dial_cancel(&p->dial);
	conn_close(&p->conn);
	loop_task_cancel(&p->work);
	unsigned all = (1u << PROBE_SAMPLES) - 1;
	p->samples = p->n_samples ? (p->samples << 1 | !why) & all : why ? 0 : all;
	p->n_samples++;
	bool down = __builtin_popcount(p->samples) < PROBE_HEALTHY;
	bool changed = down != health->down;
	loop_timer_set(&p->timer, now + pause_of(p, down != (why != NULL)));
	health->latency = why ? 0 : now - p->began;
	health->down = down;
	if (!changed)
		return;
	publication_log_health(p->pub, why);
	p->probes->changed(p->probes->arg);
}

/* ---- One sample ---- */

static void probe_check_answer(struct probe *p)
{
	struct http1_head h;
	char why[WHY_SIZE];
	size_t scanned = 0, n = buf_len(&p->answer);
	if (http1_head_init(&h, FIELDS_MAX) < 0) {
		probe_done(p, "could not be probed: out of memory");
		return;
	}
	int r = http1_parse_response(&h, buf_head(&p->answer), n, ANSWER_MAX, HTTP1_GET, &scanned);
	unsigned status = h.status;
	size_t size = h.size;
	http1_head_deinit(&h);
	if (r == HTTP1_MORE)
		return;
	if (r == HTTP1_OK && status < 200 && status != 101) {
		buf_consume(&p->answer, size);
		loop_defer(p->conn.loop, LOOP_PHASE_WRITE, &p->work);
	} else if (r != HTTP1_OK) {
		probe_done(p, "answers its probe with what is not valid HTTP");
	} else if (upstream_probe_expects(&p->pub->upstream.probe, status)) {
		probe_done(p, NULL);
	} else {
		snprintf(why, sizeof(why), "answers its probe with %u", status);
		probe_done(p, why);
	}
}

/* False: it is over. */
static bool probe_write(struct probe *p)
{
	while (p->sent < buf_len(&p->request) && p->conn.writable) {
		ssize_t n = conn_write(&p->conn, buf_head(&p->request) + p->sent,
			buf_len(&p->request) - p->sent);
		if (n == -EAGAIN)
			break;
		if (n < 0) {
			probe_done(p, "has ended the connection of its probe");
			return false;
		}
		p->sent += (size_t)n;
	}
	return true;
}

static void probe_work(struct loop_task *task)
{
	struct probe *p = container_of(task, struct probe, work);
	uint8_t bytes[4096];
	if (!probe_write(p))
		return;
	ssize_t n = p->conn.readable ? conn_read(&p->conn, bytes, sizeof(bytes)) : -EAGAIN;
	if (n == -EAGAIN) {
		if (buf_len(&p->answer))
			probe_check_answer(p);
		return;
	}
	p->came += n > 0 ? (size_t)n : 0;
	if (n <= 0 || buf_append(&p->answer, bytes, (size_t)n) < 0)
		probe_done(p, "has ended the connection of its probe");
	else if (p->came > ANSWER_MAX)
		probe_done(p, "answers its probe with more than 16 KiB of heads");
	else
		probe_check_answer(p);
	/* One piece a turn: an upstream could send without an end. */
	if (p->under_way && p->conn.readable)
		loop_defer(p->conn.loop, LOOP_PHASE_WRITE, &p->work);
}

static void probe_changed(struct conn *conn)
{
	loop_defer(conn->loop, LOOP_PHASE_WRITE, &container_of(conn, struct probe, conn)->work);
}

static void probe_connected(struct upstream_dial *dial, struct detached_conn detached)
{
	struct probe *p = container_of(dial, struct probe, dial);
	if (p->pub->upstream.probe.kind == UPSTREAM_PROBE_CONNECT) {
		detached_conn_close(&detached);
		probe_done(p, NULL);
	} else if (conn_attach(&p->conn, dial->loop, detached, probe_changed) < 0) {
		probe_done(p, "could not be probed: out of memory");
	} else {
		conn_assume_writable(&p->conn);
		loop_defer(dial->loop, LOOP_PHASE_WRITE, &p->work);
	}
}

static void probe_failed(struct upstream_dial *dial, enum frame_reset reason, const char *why)
{
	char text[WHY_SIZE];
	snprintf(text, sizeof(text), "cannot be probed: %s", why);
	probe_done(container_of(dial, struct probe, dial), text);
}

static void probe_begin(struct probe *p)
{
	struct upstream_conns *all = p->probes->all;
	p->began = loop_now(all->loop);
	p->sent = p->came = 0;
	p->answer.start = p->answer.end = 0;
	p->under_way = true;
	p->dial = (struct upstream_dial){.loop = all->loop,
		.resolver = all->resolver,
		.files = &all->files,
		.pub = p->pub,
		.open = &p->open,
		.connection = log_new_connection(),
		.deadline = p->began + PROBE_TIME,
		.connected = probe_connected,
		.failed = probe_failed};
	loop_timer_set(&p->timer, p->began + PROBE_TIME);
	upstream_dial_start(&p->dial);
}

static void probe_due(struct loop_timer *timer)
{
	struct probe *p = container_of(timer, struct probe, timer);
	if (p->under_way)
		probe_done(p, "has not answered its probe in 3 s");
	else if (p->pub->state == PUBLICATION_LEAVING || p->pub->successor)
		probe_free(p);
	else
		probe_begin(p);
}

/* ---- All ---- */

/* The name that visitors ask for, if there is one. */
static const char *host_of(const struct upstream *u, char host[URL_AUTHORITY_SIZE])
{
	if (u->rewrite)
		return u->rewrite;
	if (*u->host && *u->host != '*')
		return u->host;
	url_host_field(&u->url, host);
	return host;
}

static int write_request(struct probe *p)
{
	const struct upstream *u = &p->pub->upstream;
	char host[URL_AUTHORITY_SIZE], *text = NULL;
	int n = asprintf(&text,
		"GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: tunnel-probe\r\nAccept: */*\r\n"
		"Connection: close\r\n\r\n",
		u->probe.path, host_of(u, host));
	if (n < 0)
		return -ENOMEM;
	int r = buf_append(&p->request, text, (size_t)n);
	free(text);
	return r;
}

/* Without memory it is not probed, as if it had no --probe. */
static void probe_new(struct probes *probes, struct publication *pub)
{
	struct probe *p = calloc(1, sizeof(*p));
	if (!p)
		return;
	p->probes = probes;
	p->pub = publication_ref(pub);
	pub->health.probed = true;
	p->open = (struct frame_open){.kind = FRAME_KIND_TCP, .service = pub->number};
	p->conn.fd = -1;
	loop_task_init(&p->work, probe_work);
	loop_timer_init(&p->timer, probes->all->loop, probe_due);
	list_init(&p->link);
	list_append(&probes->list, &p->link);
	if (pub->upstream.probe.kind == UPSTREAM_PROBE_GET && write_request(p) < 0)
		probe_free(p);
	else
		loop_timer_set(&p->timer, loop_now(probes->all->loop));
}

void probes_init(struct probes *probes, struct upstream_conns *all, void (*changed)(void *arg),
	void *arg)
{
	*probes = (struct probes){.all = all, .changed = changed, .arg = arg};
	list_init(&probes->list);
}

void probes_deinit(struct probes *probes)
{
	while (probes->all && !list_empty(&probes->list))
		probe_free(list_first(&probes->list, struct probe, link));
}

void probes_set(struct probes *probes)
{
	const struct publications *s = probes->all->publications;
	for (size_t i = 0; i < s->n; i++) {
		struct publication *pub = s->v[i];
		if (pub->upstream.probe.kind != UPSTREAM_PROBE_NONE && !pub->health.probed &&
			pub->state != PUBLICATION_LEAVING)
			probe_new(probes, pub);
	}
}
