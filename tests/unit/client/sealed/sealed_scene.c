/* SPDX-License-Identifier: MIT */
#include "sealed_scene.h"

#include <netinet/in.h>

/* ---- The exit node's streams ---- */

static struct node_end *node_end_of(struct stream *s)
{
	return container_of(s, struct node_end, stream);
}

static struct join *join_of(struct node_end *n)
{
	return n->to_provider ? container_of(n, struct join, near)
			      : container_of(n, struct join, far);
}

static void node_opening(struct stream *s, struct frame_open *open_out)
{
	struct node_end *n = node_end_of(s);
	const struct scene *scene = n->scene;
	*open_out =
		(struct frame_open){.kind = n->stream.datagrams ? FRAME_KIND_UDP : FRAME_KIND_TCP,
			.service = 1,
			.visitor = {.family = 4, .port = 4321, .ip = {192, 0, 2, 7}},
			.link = scene->link};
	snprintf(open_out->consumer, sizeof(open_out->consumer), "%s", scene->name);
	join_of(n)->open = *open_out;
}

static ssize_t node_pull_datagram(struct node_end *n, uint8_t *room, size_t max)
{
	if (!buf_len(&n->out))
		return -EAGAIN;
	size_t len = bytes_be16(buf_head(&n->out));
	if (len > max)
		return -EMSGSIZE;
	memcpy(room, buf_head(&n->out) + 2, len);
	buf_consume(&n->out, 2 + len);
	return (ssize_t)len;
}

static ssize_t node_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct node_end *n = node_end_of(s);
	if (s->datagrams)
		return node_pull_datagram(n, room, max);
	size_t len = MIN(max, buf_len(&n->out));
	if (!len)
		return n->out_end ? 0 : -EAGAIN;
	memcpy(room, buf_head(&n->out), len);
	buf_consume(&n->out, len);
	return (ssize_t)len;
}

static size_t node_push(struct stream *s, const uint8_t *p, size_t len)
{
	struct node_end *n = node_end_of(s);
	struct buf bytes = BUF_NULL;
	assert_int_equal(buf_append(&bytes, p, len), 0);
	if (n == n->scene->change && n->scene->change_at >= n->passed &&
		n->scene->change_at - n->passed < len)
		buf_head(&bytes)[n->scene->change_at - n->passed] ^= 0x10;
	n->passed += len;
	if (n->scene->meddle)
		n->scene->meddle(n->scene, n, &bytes);
	uint8_t size[2];
	bytes_set_be16(size, (uint16_t)buf_len(&bytes));
	if (s->datagrams && buf_len(&bytes))
		assert_int_equal(buf_append(&n->other->out, size, sizeof(size)), 0);
	if (buf_len(&bytes))
		assert_int_equal(buf_append(&n->other->out, buf_head(&bytes), buf_len(&bytes)), 0);
	buf_deinit(&bytes);
	stream_ready(&n->other->stream);
	return len;
}

static void node_push_end(struct stream *s)
{
	node_end_of(s)->other->out_end = true;
	stream_ready(&node_end_of(s)->other->stream);
}

static void node_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	struct node_end *n = node_end_of(s);
	n->closed = true;
	n->reason = reason;
	if (reason != FRAME_RESET_NONE)
		stream_reset(&n->other->stream, reason);
}

static const struct stream_ops node_ops = {
	.opening = node_opening,
	.pull = node_pull,
	.push = node_push,
	.push_end = node_push_end,
	.closed = node_closed,
};

static void node_end_init(struct node_end *n, struct scene *s, struct node_end *other)
{
	stream_init(&n->stream, &node_ops);
	n->stream.datagrams = s->udp >= 0;
	n->scene = s;
	n->other = other;
}

/* The consumer opened a stream: another one goes to the provider. */
static struct stream *on_consumer_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct scene *s = container_of(m, struct scene, consumer_node);
	assert_true(s->n_joins < JOINS);
	struct join *j = &s->joins[s->n_joins++];
	assert_int_equal(open->kind, s->udp >= 0 ? FRAME_KIND_UDP : FRAME_KIND_TCP);
	node_end_init(&j->near, s, &j->far);
	node_end_init(&j->far, s, &j->near);
	j->near.to_provider = true;
	assert_int_equal(mux_open(&s->provider_node, &j->far.stream), 0);
	return &j->near.stream;
}

/* ---- The clients ---- */

static struct stream *on_provider_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct link *l = container_of(m, struct link, mux);
	return upstream_conns_open(&container_of(l, struct scene, provider_link)->upstream_conns,
		open, reason_out);
}

static struct stream *open_nothing(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	return NULL;
}

/* What a client says is of no interest but for what is published. */
static void on_published(struct mux *m, const uint8_t *json, size_t n)
{
	struct scene *s = container_of(m, struct scene, provider_node);
	struct error err;
	control_deinit(&s->published);
	assert_int_equal(control_decode(json, n, &err, &s->published), 0);
}

static void ignore_control(struct mux *m, const uint8_t *json, size_t n)
{
}

static void on_goaway(struct mux *m, uint8_t reason)
{
}

static void on_wake(struct mux *m)
{
}

static const struct mux_ops consumer_ops = {open_nothing, ignore_control, on_goaway, on_wake};
static const struct mux_ops consumer_node_ops = {on_consumer_open, ignore_control, on_goaway,
	on_wake};
static const struct mux_ops provider_ops = {on_provider_open, ignore_control, on_goaway, on_wake};
static const struct mux_ops provider_node_ops = {open_nothing, on_published, on_goaway, on_wake};

static struct mux *on_pick(void *arg)
{
	return &((struct scene *)arg)->consumer_link.mux;
}

static void on_due(void *arg)
{
	struct scene *s = arg;
	consumer_offer(&s->consumer, &s->consumer_link, true);
}

static const struct consumer_ops pick_ops = {.pick = on_pick, .due = on_due};

static void on_ended(struct consumer *c, enum consumer_end end)
{
}

static void on_accepted(struct listener *l, int fd, const struct address *peer)
{
	struct scene *s = container_of(l, struct scene, upstream);
	s->accepted[s->n_accepted++] = fd;
}

/* ---- Time ---- */

static bool carry(struct mux *from, struct mux *to)
{
	uint8_t record[FRAME_MESSAGE_MAX];
	size_t n = mux_fill(from, record, sizeof(record), clock_now());
	if (n)
		assert_int_equal(mux_input(to, record, n, clock_now()), 0);
	return n;
}

static void carry_all(struct scene *s)
{
	bool moved = true;
	while (moved) {
		moved = carry(&s->consumer_link.mux, &s->consumer_node);
		moved |= carry(&s->provider_node, &s->provider_link.mux);
		moved |= carry(&s->provider_link.mux, &s->provider_node);
		moved |= carry(&s->consumer_node, &s->consumer_link.mux);
	}
}

void turn(struct scene *s)
{
	carry_all(s);
	loop_turn(s->loop);
	carry_all(s);
}

void on_tick(struct loop_timer *timer)
{
	loop_timer_set(timer, loop_now(timer->loop) + CLOCK_MS);
}

/* ---- Beginning ---- */

static char folder[] = "/tmp/tunnel-sealed-XXXXXX";

int in_own_folder(void **state)
{
	log_set_level(LOG_ERROR);
	return crypto_start() == 0 && mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

int leave_folder(void **state)
{
	char command[64];
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return chdir("/") == 0 ? system(command) : -1;
}

void forget_all(void)
{
	unlink("consumer/" KNOWN_KEYS_FILE);
	unlink("provider/" KNOWN_KEYS_FILE);
}

static void init_link(struct scene *s, struct link *l, struct mux *node, const struct mux_ops *ops,
	const struct mux_ops *node_mux_ops)
{
	struct mux_limits limits = {MUX_BASE_WINDOW, MUX_MAX_WINDOW, 100};
	l->state = LINK_UP;
	mux_init(&l->mux, ops, &limits, &s->budget, true);
	mux_init(node, node_mux_ops, &limits, &s->budget, false);
	mux_set_peer(&l->mux, MUX_BASE_WINDOW, 100);
	mux_set_peer(node, MUX_BASE_WINDOW, 100);
}

/* Its port. */
static uint16_t bind_udp(int *fd_out)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	*fd_out = fd;
	return ntohs(in.sin_port);
}

static void begin_provider(struct scene *s, const struct scene_options *options)
{
	static const struct option_ranges no_ports;
	struct client_options *o = &s->provider_options;
	char text[64];
	struct error err;
	*o = (struct client_options){.dial_timeout = PATIENCE,
		.max_dials = 16,
		.max_dials_per_visitor = 4,
		.queue_timeout = PATIENCE,
		.udp_idle = PATIENCE,
		.known_keys = (char *)(uintptr_t)options->known_keys,
		.state_dir = (char *)(uintptr_t) "provider"};
	assert_int_equal(listener_open(&s->upstream, s->loop, "127.0.0.1", 0, on_accepted, NULL,
				 &err),
		0);
	snprintf(text, sizeof(text), "%s://127.0.0.1:%u", options->udp ? "udp" : "tcp",
		options->udp ? bind_udp(&s->udp) : s->upstream.port);
	struct service_options what = {.upstream = text,
		.private_name = (char *)(uintptr_t) "Redis",
		.end_to_end = !options->plain};
	if (upstreams_add(&o->upstreams, &what, &no_ports, &err) ||
		client_keys_load(&s->provider_keys, s->loop, s->offload, o, &err))
		fail_msg("%s", err.text);
	s->publications.own = &s->provider_keys.own;
	s->publications.features.private = true;
	assert_int_equal(publications_set(&s->publications, &o->upstreams, &err, NULL), 0);
	assert_int_equal(upstream_conns_init(&s->upstream_conns, s->loop, s->resolver,
				 &s->publications, o),
		0);
	s->upstream_conns.keys = &s->provider_keys;
	publications_offer(&s->publications, &s->provider_link);
	carry_all(s);
	assert_int_equal(s->published.type, CONTROL_PUBLISH);
	assert_int_equal(s->published.publish.e2e_given, !options->plain);
	memcpy(s->published_key, s->published.publish.e2e_key, KEY_PAIR_SIZE);
	struct control granted = {.type = CONTROL_GRANTED,
		.granted = {.service = 1, .address = options->answer ? options->answer : ALIAS}};
	publications_granted(&s->publications, &granted, clock_now());
}

static void begin_consumer(struct scene *s, const struct scene_options *options)
{
	struct client_options *o = &s->consumer_options;
	struct error err;
	char text[512];
	*o = (struct client_options){.dial_timeout = PATIENCE,
		.udp_idle = PATIENCE,
		.local_socket_mode = 0600,
		.state_dir = (char *)(uintptr_t)(options->no_state ? "/proc/none" : "consumer")};
	snprintf(text, sizeof(text), "%s=%s0", options->service ? options->service : ALIAS,
		options->udp ? "udp:" : "");
	struct local_options what = {.service = text, .end_to_end = options->insist};
	if (local_services_add(&o->local_services, &what, false, &err))
		fail_msg("%s", err.text);
	int r = client_keys_load(&s->consumer_keys, s->loop, s->offload, o, &err);
	if (r)
		fail_msg("%s", err.text);
	assert_int_equal(consumer_init(&s->consumer, s->loop, s->offload, o, &err), 0);
	s->consumer.ended = on_ended;
	consumer_set_ops(&s->consumer, &pick_ops, s);
	consumer_set_keys(&s->consumer, &s->consumer_keys);
	consumer_start(&s->consumer);
	consumer_offer(&s->consumer, &s->consumer_link, true);
	carry_all(s);
}

void begin(struct scene *s, const struct scene_options *options)
{
	*s = (struct scene){.name = "web", .link = 17, .udp = -1, .change_at = SIZE_MAX};
	s->loop = loop_new();
	s->offload = offload_new(1);
	s->resolver = resolver_new(s->loop, NULL);
	budget_init(&s->budget, 64 << 20);
	init_link(s, &s->consumer_link, &s->consumer_node, &consumer_ops, &consumer_node_ops);
	init_link(s, &s->provider_link, &s->provider_node, &provider_ops, &provider_node_ops);
	begin_provider(s, options);
	begin_consumer(s, options);
}

void end(struct scene *s)
{
	mux_deinit(&s->consumer_node);
	mux_deinit(&s->consumer_link.mux);
	mux_deinit(&s->provider_node);
	mux_deinit(&s->provider_link.mux);
	control_deinit(&s->published);
	assert_int_equal(s->upstream_conns.n, 0);
	for (size_t i = 0; i < s->n_joins; i++) {
		buf_deinit(&s->joins[i].near.out);
		buf_deinit(&s->joins[i].far.out);
	}
	listener_close(&s->upstream);
	if (s->udp >= 0)
		close(s->udp);
	for (size_t i = 0; i < s->n_accepted; i++)
		close(s->accepted[i]);
	consumer_deinit(&s->consumer);
	upstream_conns_deinit(&s->upstream_conns);
	client_keys_deinit(&s->consumer_keys);
	client_keys_deinit(&s->provider_keys);
	resolver_free(s->resolver);
	offload_free(s->offload);
	loop_free(s->loop);
	publications_deinit(&s->publications);
	upstreams_deinit(&s->provider_options.upstreams);
	local_services_deinit(&s->consumer_options.local_services);
	assert_int_equal(s->budget.sum.held, 0);
}

/* ---- What a test does ---- */

struct client_endpoint *endpoint(struct scene *s)
{
	return s->consumer.endpoints.v[0];
}

void attach(struct scene *s, const uint8_t *key)
{
	struct control m = {.type = CONTROL_ATTACHED,
		.attached = {.endpoint = 1,
			.link = s->link,
			.id = "web.7f3a9c2e41d05b68",
			.alias = ALIAS,
			.state = CONTROL_ENDPOINT_APPROVED,
			.usable = true,
			.e2e_given = key,
			.aes = true}};
	if (key)
		memcpy(m.attached.e2e_key, key, KEY_PAIR_SIZE);
	consumer_answered(&s->consumer, &m);
}

int connect_program(struct scene *s)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
		.sin_port = htons(local_port_number(&endpoint(s)->port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, (s->udp < 0 ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

bool hears(int fd, const char *text)
{
	char got[256];
	size_t n = strlen(text);
	ssize_t r = recv(fd, got, sizeof(got), MSG_PEEK | MSG_DONTWAIT);
	if (r < (ssize_t)n)
		return false;
	assert_int_equal(recv(fd, got, sizeof(got), 0), n);
	assert_memory_equal(got, text, n);
	return true;
}

bool has_ended(int fd)
{
	char byte;
	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

bool was_reset(int fd)
{
	char byte;
	return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET;
}
