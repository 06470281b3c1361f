/* SPDX-License-Identifier: MIT */
#include "exit_node.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "mux/rate.h"
#include "server/base/front_tables.h"
#include "server/http/http_worker.h"
#include "server/link_events.h"
#include "server/link/link_accept.h"
#include "tls/tls.h"

#define TURNS 20 /* of each worker: more than any mail goes back and forth */

struct credential alice, bob;
static struct identity alice_identity, bob_identity;

const struct server_options exit_node_options = {
	.base_window = 65536,
	.max_window = 1 << 20,
	.max_streams = 100,
	.max_handshakes = 100,
	.max_sessions = 100,
	.memory_budget = 3 << 20,
	.reconnect_grace = 5 * CLOCK_S,
	.visitor_idle = 75 * CLOCK_S,
	.visitor_stalled = 75 * CLOCK_S,
	.request_head_timeout = 10 * CLOCK_S,
	.request_head_limit = HTTP1_REQUEST_MAX,
	.response_head_timeout = 60 * CLOCK_S,
	.response_head_limit = HTTP1_REQUEST_MAX,
	.head_fields_limit = HTTP1_FIELDS_DEFAULT,
	.tls_handshake_timeout = 10 * CLOCK_S,
	.proxy_header_timeout = 10 * CLOCK_S,
	.kept_idle = CLOCK_S,
	.udp_idle = 60 * CLOCK_S,
	.max_flows = 100,
	.max_flows_per_visitor = 100,
	.max_visitors = 100,
	.max_visitors_per_address = 100,
	.max_waiting = 100,
	.max_waiting_per_address = 100,
	.max_ports = 8,
	.workers = WORKERS,
};

/* ---- The exit node ---- */

static void nothing(struct loop_task *task)
{
}

void turn(struct exit_node *n, unsigned worker)
{
	struct loop *loop = n->node.workers[worker]->loop;
	struct loop_task task;
	loop_task_init(&task, nothing);
	loop_defer(loop, LOOP_PHASE_READ, &task);
	loop_turn(loop);
}

void settle(struct exit_node *n)
{
	for (unsigned i = 0; i < TURNS * n->node.n_workers; i++)
		turn(n, i % n->node.n_workers);
}

static void identity_init(struct credential *who, struct identity *identity, const char *name)
{
	*identity = (struct identity){0};
	*who = (struct credential){.identity = identity, .good = true};
	identity->max_streams = IDENTITY_STREAMS_ANY;
	list_init(&identity->sessions);
	list_init(&identity->client_changes);
	identity->credentials = who;
	assert_int_equal(policy_identity_init_all(&identity->value, name), 0);
	identity->name = identity->value.name;
}

static void identity_deinit(struct identity *identity)
{
	policy_identity_deinit(&identity->value);
	free(identity->streams);
	rate_free(identity->rate);
}

struct exit_node *exit_node_new(const struct server_options *options)
{
	static const uint8_t salt[TOKEN_SALT_SIZE];
	static char control_path[] = "/link";
	struct exit_node *n = calloc(1, sizeof(*n));
	assert_non_null(n);
	assert_int_equal(crypto_start(), 0);
	n->options = *options;
	n->options.control_path = control_path;
	n->node.salt = salt;
	n->node.public_name = "exit.example:9090";
	n->node.registrar = &n->registrar;
	n->node.link_ops = &link_events;
	assert_int_equal(node_limits_init(&n->node, &n->options, link_worker_evict), 0);
	assert_int_equal(workers_init(&n->workers, &n->node, &n->options), 0);
	assert_int_equal(catalog_init(&n->catalog), 0);
	registrar_init(&n->registrar, &n->node, &n->catalog);
	assert_int_equal(enforce_init(&n->registrar), 0);
	identity_init(&alice, &alice_identity, "alice");
	identity_init(&bob, &bob_identity, "bob");
	return n;
}

int exit_node_open(void **state)
{
	*state = exit_node_new(&exit_node_options);
	return 0;
}

/* As the server does it. */
void exit_node_end(struct exit_node *n)
{
	if (n->ended)
		return;
	n->ended = true;
	workers_close(&n->workers);
	n->node.front_tables = front_tables_free(n->node.front_tables);
	enforce_deinit(&n->registrar);
	registrar_deinit(&n->registrar);
	workers_deinit(&n->workers);
}

void exit_node_free(struct exit_node *n)
{
	exit_node_end(n);
	for (unsigned i = 0; i < n->node.n_workers; i++)
		assert_int_equal(n->node.links[i], 0);
	for (int kind = 0; kind < LIMITS_KINDS; kind++)
		assert_int_equal(limits_count(&n->node.limits, (enum limits_kind)kind), 0);
	assert_int_equal(half_open_count(&n->node.half_open), 0);
	node_limits_deinit(&n->node);
	catalog_deinit(&n->catalog);
	identity_deinit(&alice_identity);
	identity_deinit(&bob_identity);
	cidr_list_deinit(&n->options.trusted);
	cidr_list_deinit(&n->options.proxied);
	cidr_list_deinit(&n->options.proxied_control);
	for (size_t i = 0; i < n->n_clients; i++) {
		close(n->clients[i].fd);
		free(n->clients[i].messages);
		buf_deinit(&n->clients[i].in);
		buf_deinit(&n->clients[i].got);
	}
	free(n);
}

int exit_node_close(void **state)
{
	exit_node_free(*state);
	return 0;
}

static bool is_free(int type, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, type, 0);
	bool is = bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
	close(fd);
	return is;
}

uint16_t exit_node_ports(struct exit_node *n)
{
	/* Below those that the kernel gives to connections. */
	unsigned from = 10000, blocks = 220, block = (unsigned)getpid() % blocks;
	for (unsigned tries = 0; tries < blocks; tries++, block = (block + 1) % blocks) {
		uint16_t first = (uint16_t)(from + block * PORTS);
		unsigned i = 0;
		while (i < PORTS && is_free(SOCK_STREAM, (uint16_t)(first + i)) &&
			is_free(SOCK_DGRAM, (uint16_t)(first + i)))
			i++;
		if (i < PORTS)
			continue;
		n->ports = (struct option_range){first, (uint16_t)(first + PORTS - 1)};
		n->options.allow_ports = (struct option_ranges){&n->ports, 1};
		return first;
	}
	fail_msg("no ports are free");
	return 0;
}

void exit_node_tls(struct exit_node *n)
{
	char dir[] = "/tmp/tunnel-test-XXXXXX", *cert, *key;
	struct error err;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(tls_auto_certificate(dir, &cert, &key, &err), 0);
	struct tls_server_config config = {.certs = &cert, .n_certs = 1, .keys = &key, .n_keys = 1};
	struct tls_server *tls = tls_server_new(&config, &err);
	assert_non_null(tls);
	for (unsigned i = 0; i < n->node.n_workers; i++)
		n->node.workers[i]->tls = tls_server_ref(tls);
	tls_server_unref(tls);
	unlink(cert);
	unlink(key);
	rmdir(dir);
	free(cert);
	free(key);
}

/* ---- Clients ---- */

/* The one that has just come. */
static struct server_link *find_handshaking(struct exit_node *n)
{
	struct server_link *l = NULL;
	for (unsigned i = 0; i < n->node.n_workers && !l; i++)
		list_for_each (it, &n->node.workers[i]->link->links) {
			struct server_link *other = list_entry(it, struct server_link, link);
			if (other->state == SERVER_LINK_HANDSHAKING && !*other->version)
				l = other;
		}
	return l;
}

struct server_link *dial_begin(struct exit_node *n)
{
	struct address peer = {.family = ADDRESS_V4, .bytes = {192, 0, 2, 1}, .port = 4000};
	char greeting[4096];
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	struct half_open_slot *slot = server_link_admit(n->node.workers[0], 1, &peer);
	assert_non_null(slot);
	server_link_accept(n->node.workers[0], 1, DETACHED_CONN_OF(fds[0]), slot, &peer, "", 0);
	settle(n);
	struct server_link *l = find_handshaking(n);
	assert_non_null(l);
	strcpy(l->version, "begun");
	assert_true(recv(fds[1], greeting, sizeof(greeting), 0) > 0);
	assert_true(n->n_clients < CLIENTS_MAX);
	n->clients[n->n_clients++] = (struct fake_client){.link = l,
		.fd = fds[1],
		.ws = {.binary_only = true, .limit = WS_MESSAGE_MAX}};
	return l;
}

void dial_proved(struct server_link *l, const char *instance, const uint8_t *resume,
	const char *remote)
{
	l->io.link.handshake.state = HANDSHAKE_DONE;
	random_bytes(l->io.link.handshake.hash, HANDSHAKE_HASH_SIZE);
	/* Not sealed, so that the test can read it. */
	l->io.link.state = LINK_UP;
	l->io.link.send_confirmed = true;
	mux_set_peer(&l->io.link.mux, CLIENT_WINDOW, CLIENT_STREAMS);
	struct control hello = {.type = CONTROL_HELLO, .hello.version = "test"};
	snprintf((char *)hello.hello.instance, CONTROL_INSTANCE, "%s", instance);
	hello.hello.resume_given = resume;
	hello.hello.remote = remote;
	if (resume)
		memcpy(hello.hello.resume, resume, CONTROL_SECRET);
	l->io.link.ops->up(&l->io.link, &hello);
}

struct server_link *dial_by(struct exit_node *n, struct credential *who, const char *instance,
	const uint8_t *resume, const char *remote)
{
	struct server_link *l = dial_begin(n);
	l->credential = who;
	dial_proved(l, instance, resume, remote);
	return l;
}

struct server_link *dial(struct exit_node *n, struct credential *who, const char *instance,
	const uint8_t *resume)
{
	return dial_by(n, who, instance, resume, NULL);
}

void hang_up(struct server_link *l)
{
	link_close(&l->io.link, LINK_END_LOCAL, "the test ends it");
}

void say(struct server_link *l, struct control m)
{
	l->io.link.ops->control(&l->io.link, &m);
}

struct control publish_http(uint32_t number, const char *host)
{
	struct control m = {.type = CONTROL_PUBLISH};
	m.publish.service = number;
	m.publish.kind = CONTROL_HTTP;
	m.publish.host = host;
	m.publish.upstream = "http://127.0.0.1:3000";
	return m;
}

struct control publish_port(uint32_t number, enum control_kind kind, uint32_t port)
{
	struct control m = publish_http(number, "");
	m.publish.kind = kind;
	m.publish.port = port;
	m.publish.port_given = true;
	m.publish.upstream = kind == CONTROL_UDP ? "udp://127.0.0.1:53" : "tcp://127.0.0.1:22";
	return m;
}

void publish(struct server_link *l, uint32_t number, const char *host)
{
	say(l, publish_http(number, host));
}

void withdraw(struct server_link *l, uint32_t number)
{
	struct control m = {.type = CONTROL_WITHDRAW, .withdraw.service = number};
	say(l, m);
}

void join(struct server_link *l, const struct session *s, const uint8_t secret[CONTROL_SECRET])
{
	struct control m = {.type = CONTROL_JOIN};
	memcpy(m.join.session, s->id, sizeof(s->id));
	mac_make(secret, handshake_hash(&l->io.link.handshake), HANDSHAKE_HASH_SIZE, m.join.mac);
	say(l, m);
}

/* ---- What they get ---- */

static void take_text(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text ? text : "");
}

/* What is said of private services. */
static const char *take_endpoint(struct message *to, const struct control *m)
{
	if (m->type == CONTROL_ATTACHED) {
		to->service = m->attached.endpoint;
		to->state = m->attached.state;
		to->usable = m->attached.usable;
		to->link = m->attached.link;
		take_text(to->id, sizeof(to->id), m->attached.id);
		take_text(to->alias, sizeof(to->alias), m->attached.alias);
		return m->attached.sentence;
	}
	if (m->type == CONTROL_PENDING) {
		take_text(to->id, sizeof(to->id), m->pending.id);
		return m->pending.consumer;
	}
	to->service = m->declined.endpoint;
	to->reason = m->declined.reason;
	return m->declined.sentence;
}

static void take_message(struct fake_client *c, const uint8_t *json, size_t n)
{
	struct control m;
	struct error err;
	assert_int_equal(control_decode(json, n, &err, &m), 0);
	assert_true(c->n_messages < MESSAGES_MAX);
	if (!c->messages)
		c->messages = calloc(MESSAGES_MAX, sizeof(*c->messages));
	assert_non_null(c->messages);
	struct message *to = &c->messages[c->n_messages++];
	to->type = m.type;
	const char *text = "";
	if (m.type == CONTROL_GRANTED) {
		to->service = m.granted.service;
		to->port = m.granted.port;
		to->ports = m.granted.ports;
		to->exclusive = m.granted.exclusive;
		text = m.granted.address;
	} else if (m.type == CONTROL_REFUSED) {
		to->service = m.refused.service;
		to->reason = m.refused.reason;
		text = m.refused.sentence;
	} else if (m.type == CONTROL_NOTICE) {
		to->warning = m.notice.warning;
		text = m.notice.sentence;
	} else if (m.type == CONTROL_ATTACHED || m.type == CONTROL_DECLINED ||
		   m.type == CONTROL_PENDING) {
		text = take_endpoint(to, &m);
	}
	take_text(to->text, sizeof(to->text), text);
	control_deinit(&m);
}

static void take_frame(struct fake_client *c, const struct frame *f, const uint8_t *payload)
{
	uint64_t taken;
	switch (f->type) {
	case FRAME_CONTROL:
		take_message(c, payload, f->size);
		break;
	case FRAME_OPEN:
		c->n_opens++;
		c->stream = f->stream;
		assert_int_equal(frame_read_open(f, &c->open), 0);
		break;
	case FRAME_DATAGRAM:
		c->n_datagrams++;
		assert_int_equal(buf_append(&c->got, payload, f->size), 0);
		break;
	case FRAME_DATA:
		assert_int_equal(buf_append(&c->got, payload, f->size), 0);
		break;
	case FRAME_FIN:
		c->n_fins++;
		break;
	case FRAME_RESET:
		c->n_resets++;
		c->reset = frame_read_reset(f, &taken);
		break;
	case FRAME_GOAWAY: {
		uint32_t last;
		c->n_goaways++;
		c->goaway = frame_read_goaway(f, &last);
		break;
	}
	case FRAME_PING:
		c->n_pings++;
		break;
	default:
		break;
	}
}

static void client_read(struct fake_client *c)
{
	uint8_t room[16 << 10];
	ssize_t n;
	while ((n = recv(c->fd, room, sizeof(room), MSG_DONTWAIT)) > 0)
		assert_int_equal(buf_append(&c->in, room, (size_t)n), 0);
	c->ended = n == 0 || errno == ECONNRESET;
	while (buf_len(&c->in)) {
		struct ws_event ev;
		int r = ws_rx_next(&c->ws, buf_head(&c->in), buf_len(&c->in), &ev);
		assert_true(r <= WS_MORE);
		for (size_t at = 0; r == 0 && ev.type == WS_MESSAGE && at < ev.size;) {
			struct frame f;
			assert_int_equal(frame_read_header(ev.payload + at, ev.size - at, &f), 0);
			take_frame(c, &f, ev.payload + at + FRAME_HEADER);
			at += FRAME_HEADER + f.size;
		}
		buf_consume(&c->in, ev.consumed);
		if (r == WS_MORE)
			return;
	}
}

struct fake_client *client_of(struct exit_node *n, const struct server_link *l)
{
	/* The memory of one that ended may be another's now. */
	for (size_t i = n->n_clients; i-- > 0;)
		if (n->clients[i].link == l) {
			client_read(&n->clients[i]);
			return &n->clients[i];
		}
	fail_msg("there is no such client");
	return NULL;
}

const struct message *told(struct exit_node *n, const struct server_link *l, enum control_type type,
	uint32_t service)
{
	const struct fake_client *c = client_of(n, l);
	for (size_t i = c->n_messages; i-- > 0;)
		if (c->messages[i].type == type && c->messages[i].service == service)
			return &c->messages[i];
	return NULL;
}

const struct message *ask(struct exit_node *n, struct server_link *l, struct control m)
{
	size_t before = client_of(n, l)->n_messages;
	say(l, m);
	settle(n);
	const struct fake_client *c = client_of(n, l);
	for (size_t i = before; i < c->n_messages; i++)
		if ((c->messages[i].type == CONTROL_GRANTED ||
			    c->messages[i].type == CONTROL_REFUSED) &&
			c->messages[i].service == m.publish.service)
			return &c->messages[i];
	fail_msg("no answer came");
	return NULL;
}

void client_send(struct fake_client *c, const void *frames, size_t size)
{
	struct link *l = &c->link->io.link;
	/* In exactly allocated memory, so that a sanitizer sees what reads behind it. */
	uint8_t *exact = malloc(size);
	assert_non_null(exact);
	memcpy(exact, frames, size);
	l->last_heard = l->last_came = l->last_alive = clock_now();
	assert_int_equal(mux_input(&l->mux, exact, size, clock_now()), 0);
	free(exact);
}

void client_shows_life(struct fake_client *c)
{
	static const uint8_t nothing_asked[8];
	uint8_t frame[FRAME_SMALL_MAX];
	client_send(c, frame, frame_write_pong(frame, nothing_asked));
}

static void send_bytes(struct fake_client *c, enum frame_type type, uint32_t stream,
	const char *text)
{
	uint8_t record[4096];
	size_t n = strlen(text);
	assert_true(FRAME_HEADER + n <= sizeof(record));
	frame_write_header(record, type, n, stream);
	memcpy(record + FRAME_HEADER, text, n);
	client_send(c, record, FRAME_HEADER + n);
}

void client_data(struct fake_client *c, uint32_t stream, const char *text)
{
	send_bytes(c, FRAME_DATA, stream, text);
}

void client_datagram(struct fake_client *c, uint32_t stream, const char *text)
{
	send_bytes(c, FRAME_DATAGRAM, stream, text);
}

void client_fin(struct fake_client *c, uint32_t stream, uint64_t taken)
{
	uint8_t frame[FRAME_SMALL_MAX];
	client_send(c, frame, frame_write_fin(frame, stream, taken));
}

void client_reset(struct fake_client *c, uint32_t stream, enum frame_reset reason)
{
	uint8_t frame[FRAME_SMALL_MAX];
	client_send(c, frame, frame_write_reset(frame, stream, reason, 0));
}

/* ---- What there is ---- */

struct session *only_session(struct exit_node *n)
{
	struct session *s = list_first(&n->registrar.sessions, struct session, link);
	assert_non_null(s);
	assert_ptr_equal(s->link.next, &n->registrar.sessions);
	return s;
}

struct service_shard *service_shard_at(struct exit_node *n, unsigned worker, const char *host)
{
	struct worker *w = n->node.workers[worker];
	struct route *route = routes_find(&w->routing->names, str_from(host), loop_now(w->loop));
	struct route_entry *e =
		route ? list_first(&route->entries, struct route_entry, link) : NULL;
	return e ? container_of(e, struct service_shard, entry) : NULL;
}

unsigned workers_with(struct exit_node *n, const char *host)
{
	unsigned count = 0;
	for (unsigned i = 0; i < n->node.n_workers; i++)
		count += service_shard_at(n, i, host) != NULL;
	return count;
}

unsigned usable(const struct session *s)
{
	unsigned count = 0;
	for (unsigned i = 0; i < s->base.n_shards; i++)
		count += s->base.shards[i].usable;
	return count;
}
