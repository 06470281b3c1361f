/* SPDX-License-Identifier: MIT */
#include "session_scene.h"

#include <errno.h>

#include "tests/link_config.h"

static struct node_link *node_link_of(struct link *l)
{
	return container_of(link_io_of(l), struct node_link, io);
}

static const uint8_t *on_find_psk(struct link *l, const uint8_t id[TOKEN_ID_SIZE])
{
	return node_link_of(l)->node->key->psk;
}

static void on_up(struct link *l, const struct control *hello)
{
	struct node_link *t = node_link_of(l);
	t->up = true;
	snprintf(t->features, sizeof(t->features), "%s",
		hello->hello.features ? hello->hello.features : "");
	t->resumed = hello->hello.resume_given;
	if (t->resumed)
		assert_memory_equal(hello->hello.resume, t->node->secret, CONTROL_SECRET);
}

void name_session(struct node_link *t)
{
	struct control grant = {.type = CONTROL_SESSION_GRANT};
	memcpy(grant.session.session, t->node->id, sizeof(t->node->id));
	memcpy(grant.session.resume, t->node->secret, sizeof(t->node->secret));
	assert_int_equal(link_send(&t->io.link, &grant), 0);
}

/* With the first that is asked for on a link that has not joined. */
static void begin_session(struct node_link *t)
{
	memset(t->node->secret, (int)t->node->n, sizeof(t->node->secret));
	memset(t->node->id, (int)t->node->n, sizeof(t->node->id));
	name_session(t);
}

static void on_join(struct node_link *t, const struct control *m)
{
	struct link *l = &t->io.link;
	assert_memory_equal(m->join.session, t->node->id, CONTROL_SESSION);
	assert_true(mac_verify(t->node->secret, handshake_hash(&l->handshake), HANDSHAKE_HASH_SIZE,
		m->join.mac));
	t->joined = true;
	if (t->node->names_joins)
		name_session(t);
	if (t->node->no_joins)
		link_close(l, LINK_END_REFUSED, "no such session");
}

static void on_publish(struct node_link *t, const struct control *m)
{
	struct node *node = t->node;
	struct link *l = &t->io.link;
	if (!t->publishes++ && !t->joined && !node->no_session)
		begin_session(t);
	struct control granted = {.type = CONTROL_GRANTED,
		.granted = {.service = m->publish.service, .address = "http://here"}};
	assert_int_equal(link_send(l, &granted), 0);
}

static void on_attach(struct node_link *t, const struct control *m)
{
	struct control attached = {.type = CONTROL_ATTACHED,
		.attached = {.endpoint = m->attach.endpoint,
			.link = 1,
			.id = "web.7f3a9c2e41d05b68",
			.alias = "redis.k7m2q9x4p3ta.exit.example.org",
			.state = CONTROL_ENDPOINT_APPROVED,
			.usable = true}};
	if (!t->attaches++ && !t->publishes && !t->joined)
		begin_session(t);
	assert_int_equal(link_send(&t->io.link, &attached), 0);
}

static void on_control(struct link *l, struct control *m)
{
	struct node_link *t = node_link_of(l);
	if (m->type == CONTROL_JOIN) {
		assert_int_equal(t->messages, 0);
		on_join(t, m);
	} else if (m->type == CONTROL_PUBLISH) {
		on_publish(t, m);
	} else if (m->type == CONTROL_ATTACH) {
		on_attach(t, m);
	} else if (m->type == CONTROL_WITHDRAW) {
		t->withdrawals++;
	}
	t->messages++;
}

static ssize_t stream_pull(struct stream *s, uint8_t *room, size_t max)
{
	return -EAGAIN;
}

static size_t stream_push(struct stream *s, const uint8_t *p, size_t n)
{
	return n;
}

static void stream_push_end(struct stream *s)
{
}

static void stream_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
}

static const struct stream_ops stream_ops = {
	.pull = stream_pull,
	.push = stream_push,
	.push_end = stream_push_end,
	.closed = stream_closed,
};

static struct stream *on_open(struct link *l, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct node_link *t = node_link_of(l);
	struct node *node = t->node;
	assert_true(node->n_streams < NODE_STREAMS);
	struct stream *s = &node->streams[node->n_streams++];
	stream_init(s, &stream_ops);
	t->opens++;
	return s;
}

static void on_goaway(struct link *l, uint8_t reason)
{
}

static const struct link_ops node_link_ops = {
	.find_psk = on_find_psk,
	.up = on_up,
	.control = on_control,
	.open = on_open,
	.goaway = on_goaway,
	.wake = link_io_wake,
};

static void on_ended(struct link_io *c)
{
	container_of(c, struct node_link, io)->ended = true;
}

static void on_changed(struct conn *conn)
{
}

static void on_accepted(struct listener *l, int fd, const struct address *peer)
{
	struct node *node = container_of(l, struct node, listener);
	assert_true(node->n < NODE_LINKS);
	struct node_link *t = &node->links[node->n++];
	*t = (struct node_link){.node = node};
	assert_int_equal(conn_init(&t->conn, node->loop, fd, on_changed), 0);
	if (node->tls)
		assert_int_equal(conn_start_tls(&t->conn, tls_accept(node->tls, true), NULL, 0), 0);
}

/* Answers a link request that is whole by now. */
static void node_link_begin(struct node_link *t)
{
	struct node *node = t->node;
	char answer[UPGRADE_RESPONSE_MAX];
	struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
	size_t scanned = 0;
	if (!t->conn.readable)
		return;
	ssize_t got =
		conn_read(&t->conn, t->request + t->n_request, sizeof(t->request) - t->n_request);
	if (got <= 0)
		return;
	t->n_request += (size_t)got;
	if (http1_parse_request(&h, (uint8_t *)t->request, t->n_request, sizeof(t->request),
		    &scanned) != 0)
		return;
	struct link_config config = link_config_make(&node->budget, &node->random, node->instance);
	config.preface = answer;
	config.preface_size = upgrade_response(&h, 0, answer);
	config.features = node->private ? CONTROL_FEATURE_PRIVATE : NULL;
	t->begun = true;
	struct detached_conn detached = conn_detach(&t->conn);
	if (detached.tls) {
		config.tls13 = tls_version(detached.tls) == TLS_1_3;
		config.cb_given = tls_exporter(detached.tls, config.cb);
		config.cb[0] ^= node->in_between;
	}
	assert_int_equal(link_io_start(&t->io, node->loop, detached, &node_link_ops, &config,
				 on_ended),
		0);
}

void turn(struct scene *s)
{
	loop_turn(s->loop);
	for (size_t i = 0; i < s->node.n; i++)
		if (!s->node.links[i].begun)
			node_link_begin(&s->node.links[i]);
}

void on_tick(struct loop_timer *timer)
{
	loop_timer_set(timer, loop_now(timer->loop) + CLOCK_MS);
}

static void on_client_session_ended(struct client_session *session, enum client_session_end end)
{
	container_of(session, struct scene, session)->ended = (int)end;
}

static const struct option_ranges no_ports;

void prepare(struct scene *s, unsigned links)
{
	struct error err;
	static char upstream[] = "a.example=http://127.0.0.1:1", path[] = "/tunnel";
	struct service_options what = {.upstream = upstream};
	memset(s, 0, sizeof(*s));
	log_set_level(LOG_ERROR);
	s->ended = -1;
	s->loop = s->node.loop = loop_new();
	s->offload = offload_new(OFFLOAD_THREADS);
	s->resolver = resolver_new(s->loop, NULL);
	s->node.key = token_key_new();
	token_key_open_mode(s->node.key);
	budget_init(&s->node.budget, 1 << 20);
	random_pool_init(&s->node.random);
	assert_int_equal(listener_open(&s->node.listener, s->loop, "127.0.0.1", 0, on_accepted,
				 NULL, &err),
		0);
	snprintf(s->authority, sizeof(s->authority), "127.0.0.1:%u", s->node.listener.port);
	s->options = (struct client_options){.remote = s->authority,
		.control_path = path,
		.no_token = true,
		.links = links,
		.dial_timeout = CLOCK_S,
		.max_dials = 1,
		.max_dials_per_visitor = 1,
		.udp_idle = CLOCK_S,
		.base_window = MUX_BASE_WINDOW,
		.max_window = MUX_MAX_WINDOW,
		.max_streams = 10,
		.memory_budget = 1 << 20};
	assert_int_equal(url_parse_remote(str_from(s->authority), &s->options.remote_url, &err), 0);
	assert_int_equal(upstreams_add(&s->upstreams, &what, &no_ports, &err), 0);
	assert_int_equal(publications_set(&s->publications, &s->upstreams, &err, NULL), 0);
	assert_int_equal(upstream_conns_init(&s->upstream_conns, s->loop, s->resolver,
				 &s->publications, &s->options),
		0);
}

void start(struct scene *s)
{
	struct error err;
	assert_int_equal(consumer_init(&s->consumer, s->loop, s->offload, &s->options, &err), 0);
	if (client_session_init(&s->session, s->loop, s->offload, &s->options, &s->publications,
		    &s->upstream_conns, &s->consumer, &err))
		fail_msg("%s", err.text);
	s->session.ended = on_client_session_ended;
	client_session_start(&s->session);
}

void begin(struct scene *s, unsigned links)
{
	prepare(s, links);
	start(s);
}

void end(struct scene *s)
{
	client_session_deinit(&s->session);
	consumer_deinit(&s->consumer);
	local_services_deinit(&s->options.local_services);
	upstream_conns_deinit(&s->upstream_conns);
	publications_deinit(&s->publications);
	upstreams_deinit(&s->upstreams);
	for (size_t i = 0; i < s->node.n; i++) {
		if (s->node.links[i].begun)
			link_io_deinit(&s->node.links[i].io);
		else
			conn_close(&s->node.links[i].conn);
	}
	listener_close(&s->node.listener);
	random_pool_deinit(&s->node.random);
	token_key_free(s->node.key);
	resolver_free(s->resolver);
	offload_free(s->offload);
	loop_free(s->loop);
}

size_t count_up(const struct scene *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->session.n; i++)
		n += s->session.uplinks[i].state == UPLINK_UP;
	return n;
}

size_t count_joined(const struct scene *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->node.n; i++)
		n += s->node.links[i].joined;
	return n;
}

size_t count_published(const struct scene *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->node.n; i++)
		n += s->node.links[i].publishes;
	return n;
}
