/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "mux/mux.h"
#include "server/base/front_tables.h"
#include "server/http/dispatch.h"
#include "server/http/exchange_events.h"
#include "server/http/plan.h"

#define RECORD FRAME_MESSAGE_MAX
#define RATES  1024

/* ---- The worker ---- */

static void nobody_evicted(struct half_open *h, unsigned worker)
{
}

struct scene *scene_new(void)
{
	assert_int_equal(crypto_start(), 0);
	struct scene *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	s->options = (struct server_options){
		.visitor_idle = 75 * CLOCK_S,
		.visitor_stalled = 75 * CLOCK_S,
		.request_head_timeout = 10 * CLOCK_S,
		.request_head_limit = HTTP1_REQUEST_MAX,
		.response_head_timeout = 60 * CLOCK_S,
		.response_head_limit = HTTP1_REQUEST_MAX,
		.head_fields_limit = HTTP1_FIELDS_DEFAULT,
		.kept_streams = 2,
		.kept_idle = 4 * CLOCK_S,
		.retry_body = 64,
		.max_visitors = 8,
		.max_visitors_per_address = 8,
		.max_waiting = 2,
		.max_waiting_per_address = 2,
		.reconnect_grace = 5 * CLOCK_S,
	};
	struct worker *w = &s->worker;
	s->node.n_workers = SCENE_WORKERS;
	s->node.workers[0] = w;
	memcpy(s->node.pseudonym, "tunnel-0123456789abcdef", PSEUDONYM_LEN);
	assert_int_equal(node_limits_init(&s->node, &s->options, nobody_evicted), 0);
	s->node.series = series_book_new(200);
	assert_non_null(s->node.series);
	w->node = &s->node;
	w->opts = &s->options;
	w->loop = loop_new();
	assert_non_null(w->loop);
	budget_init(&w->budget, 1u << 20);
	charges_init(&w->charges, w->loop, &w->budget);
	w->routing = &s->routing;
	w->http = &s->http;
	assert_int_equal(routing_init(&s->routing, w), 0);
	assert_int_equal(http_worker_init(&s->http, w), 0);
	s->identity = calloc(1, sizeof(*s->identity));
	assert_non_null(s->identity);
	s->identity->name = "someone";
	s->identity->max_streams = IDENTITY_STREAMS_ANY;
	return s;
}

void scene_free(struct scene *s)
{
	scene_turn(s);
	http_worker_deinit(&s->http);
	routing_deinit(&s->routing);
	charges_deinit(&s->worker.charges);
	assert_int_equal(s->worker.budget.sum.held, 0);
	node_limits_deinit(&s->node);
	front_tables_free(s->node.front_tables);
	loop_free(s->worker.loop);
	front_release(s->front);
	s->node.series = series_book_free(s->node.series);
	free(s->identity->streams);
	free(s->identity);
	free(s);
}

static void wake_up(struct loop_task *task)
{
}

void scene_turn(struct scene *s)
{
	/* A task that waits keeps the turn from waiting. */
	struct loop_task task;
	loop_task_init(&task, wake_up);
	loop_defer(s->worker.loop, LOOP_PHASE_READ, &task);
	loop_turn(s->worker.loop);
	loop_task_cancel(&task);
}

bool scene_until(struct scene *s, bool (*done)(void *arg), void *arg)
{
	uint64_t end = clock_now() + 10 * CLOCK_S;
	while (!done(arg)) {
		if (clock_now() > end)
			return false;
		usleep(CLOCK_MS);
		scene_turn(s);
	}
	return true;
}

void scene_set_front(struct scene *s, const char *text)
{
	char path[] = "/tmp/front-XXXXXX";
	struct error err;
	front_release(s->front);
	s->worker.front = s->front = NULL;
	if (!text)
		return;
	if (!s->node.front_tables)
		s->node.front_tables = front_tables_new(RATES);
	assert_non_null(s->node.front_tables);
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	if (front_load(path, &s->front, &err) < 0)
		fail_msg("%s", err.text);
	unlink(path);
	s->worker.front = s->front;
}

/* ---- A client ---- */

static struct stream *on_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	*reason_out = FRAME_RESET_DENIED;
	return NULL;
}

static void on_control(struct mux *m, const uint8_t *json, size_t n)
{
}

static void on_goaway(struct mux *m, uint8_t reason)
{
}

static void on_wake(struct mux *m)
{
}

static const struct mux_ops mux_ops = {
	.open = on_open,
	.control = on_control,
	.goaway = on_goaway,
	.wake = on_wake,
};

static void no_timer(struct loop_timer *timer)
{
}

void fake_client_link(struct fake_client *f)
{
	static const struct mux_limits limits = {SCENE_WINDOW, SCENE_WINDOW, 100};
	struct server_link *l = calloc(1, sizeof(*l));
	assert_non_null(l);
	l->worker = &f->scene->worker;
	l->state = SERVER_LINK_ESTABLISHED;
	l->io.loop = f->scene->worker.loop;
	l->io.link.state = LINK_UP;
	loop_timer_init(&l->io.timer, l->io.loop, no_timer);
	mux_init(&l->io.link.mux, &mux_ops, &limits, &f->scene->worker.budget, false);
	mux_set_peer(&l->io.link.mux, SCENE_WINDOW, 4);
	l->session_shard = &f->session.shards[0];
	list_init(&l->of_shard);
	list_append(&l->session_shard->links, &l->of_shard);
	atomic_fetch_add(&l->session_shard->usable, 1);
	f->link = l;
	wait_queue_wake(&f->scene->routing.wait_queue);
}

void fake_client_unlink(struct fake_client *f)
{
	struct server_link *l = f->link;
	if (!l)
		return;
	l->state = SERVER_LINK_CLOSED;
	list_unlink(&l->of_shard);
	atomic_fetch_sub(&l->session_shard->usable, 1);
	mux_close(&l->io.link.mux, FRAME_RESET_LINK_LOST);
	scene_turn(f->scene);
	loop_timer_cancel(&l->io.timer);
	mux_deinit(&l->io.link.mux);
	free(l);
	f->link = NULL;
}

struct fake_client *fake_client_new(struct scene *s, const char *place,
	const struct control *publish)
{
	struct fake_client *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->scene = s;
	strcpy(f->session.name, "0123456789abcdef");
	assert_int_equal(session_base_init(&f->session, s->identity, SCENE_WORKERS), 0);
	struct control plain = {.type = CONTROL_PUBLISH};
	plain.publish.kind = CONTROL_HTTP;
	plain.publish.service = 7;
	f->service = service_new(&f->session, publish ? publish : &plain);
	assert_non_null(f->service);
	snprintf(f->service->place, sizeof(f->service->place), "%s", place);
	f->service->at = loop_now(s->worker.loop);
	const struct route *holder;
	assert_int_equal(service_shard_open(fake_client_shard(f), &s->worker, &holder), 0);
	fake_client_link(f);
	return f;
}

struct service_shard *fake_client_shard(struct fake_client *f)
{
	return &f->service->shards[0];
}

void fake_client_free(struct fake_client *f)
{
	fake_client_unlink(f);
	f->service->at = loop_now(f->scene->worker.loop);
	service_shard_close(fake_client_shard(f), &f->scene->worker);
	service_release(f->service);
	session_base_deinit(&f->session);
	buf_deinit(&f->got);
	free(f);
}

static void take_frame(struct fake_client *f, const struct frame *fr, const uint8_t *payload)
{
	uint64_t taken;
	switch (fr->type) {
	case FRAME_OPEN:
		f->n_opens++;
		break;
	case FRAME_REUSE:
		f->n_reuses++;
		break;
	case FRAME_RESET:
		f->n_resets++;
		f->reset = frame_read_reset(fr, &taken);
		break;
	case FRAME_DATA:
		f->stream = fr->stream;
		assert_int_equal(buf_append(&f->got, payload, fr->size), 0);
		break;
	default:
		break;
	}
}

void fake_client_read(struct fake_client *f)
{
	uint8_t *record = malloc(RECORD);
	assert_non_null(record);
	struct mux *m = &f->link->io.link.mux;
	buf_deinit(&f->got);
	size_t n;
	while (f->link && (n = mux_fill(m, record, RECORD, loop_now(f->scene->worker.loop))) > 0) {
		for (size_t at = 0; at < n;) {
			struct frame fr;
			assert_int_equal(frame_read_header(record + at, n - at, &fr), 0);
			take_frame(f, &fr, record + at + FRAME_HEADER);
			at += FRAME_HEADER + fr.size;
		}
	}
	free(record);
}

/* In exactly allocated memory, so that a sanitizer sees what reads behind it. */
static void feed(struct fake_client *f, const uint8_t *p, size_t n)
{
	uint8_t *exact = malloc(n);
	assert_non_null(exact);
	memcpy(exact, p, n);
	assert_int_equal(mux_input(&f->link->io.link.mux, exact, n,
				 loop_now(f->scene->worker.loop)),
		0);
	free(exact);
}

void fake_client_send(struct fake_client *f, const uint8_t *p, size_t n)
{
	uint8_t record[4096];
	assert_true(FRAME_HEADER + n <= sizeof(record));
	frame_write_header(record, FRAME_DATA, n, f->stream);
	memcpy(record + FRAME_HEADER, p, n);
	feed(f, record, FRAME_HEADER + n);
}

void fake_client_answer(struct fake_client *f, const char *text)
{
	fake_client_send(f, (const uint8_t *)text, strlen(text));
}

void fake_client_fin(struct fake_client *f, uint64_t taken)
{
	uint8_t record[FRAME_SMALL_MAX];
	feed(f, record, frame_write_fin(record, f->stream, taken));
}

void fake_client_reset(struct fake_client *f, enum frame_reset reason, uint64_t taken)
{
	uint8_t record[FRAME_SMALL_MAX];
	feed(f, record, frame_write_reset(record, f->stream, reason, taken));
}

/* ---- A visitor's connection ---- */

static struct fake_conn *conn_of(const struct exchange *ex)
{
	return container_of(ex, struct fake_conn, ex);
}

static ssize_t on_read(struct exchange *ex, uint8_t *room, size_t max)
{
	struct fake_conn *c = conn_of(ex);
	size_t n = MIN(max, buf_len(&c->in));
	if (!n)
		return c->broken ? c->broken : c->closed ? 0 : -EAGAIN;
	memcpy(room, buf_head(&c->in), n);
	buf_consume(&c->in, n);
	return (ssize_t)n;
}

static int on_unread(struct exchange *ex, const uint8_t *p, size_t n)
{
	struct fake_conn *c = conn_of(ex);
	struct buf rest = BUF_NULL;
	assert_int_equal(buf_append(&rest, p, n), 0);
	assert_int_equal(buf_append(&rest, buf_head(&c->in), buf_len(&c->in)), 0);
	buf_deinit(&c->in);
	c->in = rest;
	return 0;
}

static bool on_pending(const struct exchange *ex)
{
	return buf_len(&conn_of(ex)->in) > 0;
}

static void on_watch(struct exchange *ex)
{
	conn_of(ex)->n_watches++;
}

static bool on_room(const struct exchange *ex)
{
	return conn_of(ex)->space > 0;
}

static int on_interim(struct exchange *ex, const struct http1_head *h)
{
	struct fake_conn *c = conn_of(ex);
	c->n_interim++;
	return c->head_result;
}

static int on_head(struct exchange *ex, const struct http1_head *h, struct str added)
{
	struct fake_conn *c = conn_of(ex);
	if (c->head_result)
		return c->head_result;
	c->n_heads++;
	c->status = h->status;
	size_t n = 0;
	c->fields[0] = '\0';
	for (size_t i = 0; i < h->n_fields; i++)
		if (!h->fields[i].hop)
			n += (size_t)snprintf(c->fields + n, sizeof(c->fields) - n, "%.*s: %.*s\n",
				STR_ARG(h->fields[i].name), STR_ARG(h->fields[i].value));
	for (size_t i = 0; i < added.n; i++)
		if (added.p[i] != '\r')
			n += (size_t)snprintf(c->fields + n, sizeof(c->fields) - n, "%c",
				added.p[i]);
	assert_true(n < sizeof(c->fields));
	return 0;
}

static ssize_t on_data(struct exchange *ex, const uint8_t *p, size_t n)
{
	struct fake_conn *c = conn_of(ex);
	size_t taken = MIN(n, c->space);
	if (taken)
		assert_int_equal(buf_append(&c->body, p, taken), 0);
	if (c->space != SIZE_MAX)
		c->space -= taken;
	ex->bytes_out += taken;
	return (ssize_t)taken;
}

static bool on_pass(struct exchange *ex, struct buf *bytes)
{
	struct fake_conn *c = conn_of(ex);
	assert_int_equal(buf_append(&c->body, buf_head(bytes), buf_len(bytes)), 0);
	buf_deinit(bytes);
	return true;
}

static void on_fin(struct exchange *ex)
{
	conn_of(ex)->n_fins++;
}

static bool on_page(struct exchange *ex, struct error_page *page)
{
	struct fake_conn *c = conn_of(ex);
	c->n_pages++;
	c->status = page->status;
	c->page_closes = page->close;
	c->retry_after = page->retry_after;
	snprintf(c->place, sizeof(c->place), "%.*s", STR_ARG(page->location));
	snprintf(c->type, sizeof(c->type), "%.*s", STR_ARG(page->type));
	snprintf(c->text, sizeof(c->text), "%.*s", STR_ARG(page->body));
	snprintf(c->challenge, sizeof(c->challenge), "%.*s", STR_ARG(page->challenge));
	return true;
}

static void note_end(struct fake_conn *c)
{
	c->logged_status = c->ex.status;
	c->logged_why = c->ex.why;
	const struct plan *p = c->ex.plan;
	struct str rule = p && p->decided ? p->decided->name : STR_NULL;
	snprintf(c->logged_rule, sizeof(c->logged_rule), "%.*s", STR_ARG(rule));
}

static void on_end(struct exchange *ex)
{
	struct fake_conn *c = conn_of(ex);
	c->n_ends++;
	note_end(c);
	exchange_end(ex);
}

static void on_abort(struct exchange *ex)
{
	struct fake_conn *c = conn_of(ex);
	c->n_aborts++;
	note_end(c);
	exchange_close(ex, false);
}

static void on_opening(const struct exchange *ex, struct frame_open *open_out)
{
	open_out->tls = FRAME_TLS_1_3;
}

static void on_move(struct exchange *ex, unsigned worker)
{
	struct fake_conn *c = conn_of(ex);
	c->n_moves++;
	c->moved_to = worker;
	ex->moves++;
}

static void on_charge(struct exchange *ex)
{
	struct fake_conn *c = conn_of(ex);
	c->n_charges++;
	c->charged = exchange_memory(ex);
}

static const struct exchange_ops fake_ops = {
	.read = on_read,
	.unread = on_unread,
	.pending = on_pending,
	.watch = on_watch,
	.room = on_room,
	.interim = on_interim,
	.head = on_head,
	.data = on_data,
	.pass = on_pass,
	.fin = on_fin,
	.page = on_page,
	.end = on_end,
	.abort = on_abort,
	.opening = on_opening,
	.move = on_move,
	.charge = on_charge,
};

struct fake_conn *fake_conn_new(struct scene *s)
{
	struct fake_conn *c = calloc(1, sizeof(*c));
	assert_non_null(c);
	c->scene = s;
	c->space = SIZE_MAX;
	assert_true(address_parse(STR("192.0.2.1:5"), &c->downstream.peer));
	assert_true(address_parse(STR("192.0.2.9:80"), &c->downstream.local));
	address_format_ip(&c->downstream.peer, c->downstream.peer_text);
	c->downstream.listener.visits = true;
	c->downstream.listener.port = 80;
	exchange_init(&c->ex, &fake_ops, &s->worker, &c->downstream);
	return c;
}

void fake_conn_free(struct fake_conn *c)
{
	exchange_close(&c->ex, true);
	scene_turn(c->scene);
	buf_deinit(&c->in);
	buf_deinit(&c->body);
	free(c);
}

void fake_conn_send(struct fake_conn *c, const char *text)
{
	assert_int_equal(buf_append(&c->in, text, strlen(text)), 0);
	exchange_readable(&c->ex);
}

void fake_conn_begin(struct fake_conn *c, const char *text)
{
	struct http1_head *h = &c->scene->http.request;
	size_t scanned = 0, n = strlen(text);
	buf_deinit(&c->body);
	assert_int_equal(http1_parse_request(h, (const uint8_t *)text, n, HTTP1_REQUEST_MAX,
				 &scanned),
		HTTP1_OK);
	assert_int_equal(exchange_begin(&c->ex, h), 0);
	if (n > h->size)
		assert_int_equal(buf_append(&c->in, text + h->size, n - h->size), 0);
}

void fake_conn_dispatch(struct fake_conn *c)
{
	dispatch_request(&c->ex, &c->scene->http.request);
}

void fake_conn_ask(struct fake_conn *c, const char *text)
{
	fake_conn_begin(c, text);
	fake_conn_dispatch(c);
}

void assert_bytes(const struct buf *b, const char *text)
{
	if (buf_len(b) != strlen(text) || (*text && memcmp(buf_head(b), text, strlen(text)) != 0))
		fail_msg("\"%.*s\" instead of \"%s\"", (int)buf_len(b),
			buf_len(b) ? (const char *)buf_head(b) : "", text);
}

void assert_begins(const struct buf *b, const char *text)
{
	if (buf_len(b) < strlen(text) || memcmp(buf_head(b), text, strlen(text)) != 0)
		fail_msg("\"%.*s\" does not begin with \"%s\"", (int)buf_len(b),
			buf_len(b) ? (const char *)buf_head(b) : "", text);
}
