/* SPDX-License-Identifier: MIT */
#include "upstream_scene.h"

static void visitor_opening(struct stream *s, struct frame_open *out)
{
	struct visitor *v = container_of(s, struct visitor, stream);
	*out = (struct frame_open){.kind = v->kind, .service = v->service};
	out->visitor = (struct frame_addr){.family = 4, .port = 4321, .ip = {10, 0, 0, v->ip}};
	out->link = v->link;
	if (v->link)
		snprintf(out->consumer, sizeof(out->consumer), "web-%u", v->link);
	out->local = (struct frame_addr){.family = 4, .port = 443, .ip = {192, 0, 2, 1}};
}

static ssize_t visitor_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct visitor *v = container_of(s, struct visitor, stream);
	size_t n = v->data ? strlen(v->data) : 0;
	if (!n)
		return v->fin ? 0 : -EAGAIN;
	memcpy(room, v->data, n);
	v->data = NULL;
	return (ssize_t)n;
}

static size_t visitor_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct visitor *v = container_of(s, struct visitor, stream);
	n = MIN(n, sizeof(v->got) - v->n_got);
	memcpy(v->got + v->n_got, p, n);
	v->n_got += n;
	return n;
}

static void visitor_push_end(struct stream *s)
{
}

static void visitor_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	struct visitor *v = container_of(s, struct visitor, stream);
	v->closed = true;
	v->reason = reason;
}

static const struct stream_ops visitor_ops = {
	.opening = visitor_opening,
	.pull = visitor_pull,
	.push = visitor_push,
	.push_end = visitor_push_end,
	.closed = visitor_closed,
};

static struct stream *client_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	return upstream_conns_open(&container_of(m, struct scene, client)->upstream_conns, open,
		reason_out);
}

static struct stream *server_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
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

static const struct mux_ops client_ops = {client_open, on_control, on_goaway, on_wake};
static const struct mux_ops server_ops = {server_open, on_control, on_goaway, on_wake};

static void on_accepted(struct listener *l, int fd, const struct address *peer)
{
	struct scene *s = container_of(l, struct scene, upstream);
	s->accepted[s->n_accepted++] = fd;
}

void carry(struct mux *from, struct mux *to)
{
	uint8_t record[FRAME_MESSAGE_MAX];
	size_t n;
	while ((n = mux_fill(from, record, sizeof(record), clock_now())))
		assert_int_equal(mux_input(to, record, n, clock_now()), 0);
}

/* Both directions once, then what the sockets have to say. */
void turn(struct scene *s)
{
	carry(&s->server, &s->client);
	loop_turn(s->loop);
	carry(&s->client, &s->server);
}

void on_tick(struct loop_timer *timer)
{
	loop_timer_set(timer, loop_now(timer->loop) + CLOCK_MS);
}

void settle(struct scene *s, uint64_t time)
{
	uint64_t end = clock_now() + time;
	UNTIL(s, clock_now() >= end);
}

static const struct option_ranges no_ports;

void begin_as(struct scene *s, const char *upstream, struct service_options what)
{
	*s = (struct scene){.options = {.dial_timeout = SCENE_PATIENCE,
				    .max_dials = 16,
				    .max_dials_per_visitor = 4,
				    .queue_timeout = SCENE_PATIENCE,
				    .udp_idle = CLOCK_S}};
	struct error err;
	s->loop = loop_new();
	s->resolver = resolver_new(s->loop, NULL);
	assert_int_equal(listener_open(&s->upstream, s->loop, "127.0.0.1", 0, on_accepted, NULL,
				 &err),
		0);
	/* A "%u" in it is where the listener is. */
	char text[128];
	const char *port = strstr(upstream, "%u");
	if (port)
		snprintf(text, sizeof(text), "%.*s%u%s", (int)(port - upstream), upstream,
			s->upstream.port, port + 2);
	else
		snprintf(text, sizeof(text), "%s", upstream);
	what.upstream = text;
	if (upstreams_add(&s->upstreams, &what, &no_ports, &err))
		fail_msg("%s", err.text);
	assert_int_equal(publications_set(&s->publications, &s->upstreams, &err, NULL), 0);
	assert_int_equal(upstream_conns_init(&s->upstream_conns, s->loop, s->resolver,
				 &s->publications, &s->options),
		0);
	budget_init(&s->budget, 1 << 20);
	struct mux_limits limits = {MUX_BASE_WINDOW, MUX_MAX_WINDOW, 100};
	mux_init(&s->client, &client_ops, &limits, &s->budget, true);
	mux_init(&s->server, &server_ops, &limits, &s->budget, false);
	mux_set_peer(&s->client, MUX_BASE_WINDOW, 100);
	mux_set_peer(&s->server, MUX_BASE_WINDOW, 100);
}

void end(struct scene *s)
{
	mux_deinit(&s->server);
	mux_deinit(&s->client);
	assert_int_equal(s->upstream_conns.n, 0);
	listener_close(&s->upstream);
	for (size_t i = 0; i < s->n_accepted; i++)
		close(s->accepted[i]);
	upstream_conns_deinit(&s->upstream_conns);
	resolver_free(s->resolver);
	loop_free(s->loop);
	publications_deinit(&s->publications);
	upstreams_deinit(&s->upstreams);
}

void begin(struct scene *s, const char *upstream)
{
	begin_as(s, upstream ? upstream : "http://127.0.0.1:%u", (struct service_options){0});
}

void visit(struct scene *s, struct visitor *v)
{
	stream_init(&v->stream, &visitor_ops);
	if (!v->service)
		v->service = 1;
	if (!v->kind)
		v->kind = FRAME_KIND_HTTP;
	assert_int_equal(mux_open(&s->server, &v->stream), 0);
}
