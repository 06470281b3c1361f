/* SPDX-License-Identifier: MIT */
#include "local_scene.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>

/* ---- The exit node's streams ---- */

static ssize_t far_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct far *f = container_of(s, struct far, stream);
	size_t n = MIN(max, buf_len(&f->out));
	if (!n)
		return f->got_end && !f->scene->mute ? 0 : -EAGAIN;
	memcpy(room, buf_head(&f->out), n);
	buf_consume(&f->out, n);
	return (ssize_t)n;
}

static size_t far_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct far *f = container_of(s, struct far, stream);
	f->got += n;
	if (!f->scene->mute) {
		assert_int_equal(buf_append(&f->out, p, n), 0);
		stream_ready(s);
	}
	return n;
}

static void far_push_end(struct stream *s)
{
	struct far *f = container_of(s, struct far, stream);
	f->got_end = true;
	stream_ready(s);
}

static void far_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	struct far *f = container_of(s, struct far, stream);
	f->closed = true;
	f->reason = reason;
}

static const struct stream_ops far_ops = {
	.pull = far_pull,
	.push = far_push,
	.push_end = far_push_end,
	.closed = far_closed,
};

static void far_received(struct flow *flow, const uint8_t *p, size_t n)
{
	struct far *f = container_of(flow, struct far, flow);
	f->got++;
	if (!f->scene->mute)
		flow_send(flow, p, n, clock_now());
}

static void far_flow_closed(struct flow *flow, enum frame_reset reason)
{
	struct far *f = container_of(flow, struct far, flow);
	f->closed = true;
	f->reason = reason;
}

static const struct flow_ops far_flow_ops = {
	.received = far_received,
	.closed = far_flow_closed,
};

static struct stream *server_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct scene *s = container_of(m, struct scene, server);
	assert_true(s->n_fars < FARS);
	struct far *f = &s->fars[s->n_fars++];
	*f = (struct far){.scene = s, .open = *open};
	if (open->kind == FRAME_KIND_UDP) {
		flow_init(&f->flow, &far_flow_ops);
		return &f->flow.stream;
	}
	stream_init(&f->stream, &far_ops);
	return &f->stream;
}

/* ---- Messages ---- */

static void keep(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text ? text : "");
}

static void server_control(struct mux *m, const uint8_t *json, size_t n)
{
	struct scene *s = container_of(m, struct scene, server);
	struct asked *a = &s->asked[s->n_asked++];
	struct control c;
	struct error err;
	assert_true(s->n_asked <= ASKED);
	assert_int_equal(control_decode(json, n, &err, &c), 0);
	*a = (struct asked){.type = c.type};
	if (c.type == CONTROL_ATTACH) {
		a->endpoint = c.attach.endpoint;
		a->kind = c.attach.kind;
		keep(a->service, sizeof(a->service), c.attach.service);
		keep(a->name, sizeof(a->name), c.attach.name);
		keep(a->message, sizeof(a->message), c.attach.message);
	} else {
		assert_int_equal(c.type, CONTROL_DETACH);
		a->endpoint = c.detach.endpoint;
	}
	control_deinit(&c);
}

static void client_control(struct mux *m, const uint8_t *json, size_t n)
{
	struct link *l = container_of(m, struct link, mux);
	struct scene *s = container_of(l, struct scene, link);
	struct control c;
	struct error err;
	assert_int_equal(control_decode(json, n, &err, &c), 0);
	consumer_answered(&s->consumer, &c);
	control_deinit(&c);
}

static struct stream *client_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	return NULL;
}

static void on_goaway(struct mux *m, uint8_t reason)
{
}

static void on_wake(struct mux *m)
{
}

static const struct mux_ops client_ops = {client_open, client_control, on_goaway, on_wake};
static const struct mux_ops server_ops = {server_open, server_control, on_goaway, on_wake};

static void say(struct scene *s, const struct control *m)
{
	char json[CONTROL_MAX];
	struct error err;
	size_t n;
	if (control_encode(m, json, sizeof(json), &err, &n))
		fail_msg("%s", err.text);
	assert_int_equal(mux_control(&s->server, json, n), 0);
	turn(s);
}

static struct control attached_message(uint32_t endpoint)
{
	return (struct control){.type = CONTROL_ATTACHED,
		.attached = {.endpoint = endpoint,
			.link = 7,
			.id = "web.7f3a9c2e41d05b68",
			.alias = "redis.k7m2q9x4p3ta.exit.example.org"}};
}

void attached(struct scene *s, uint32_t endpoint, enum control_endpoint_state state, bool usable,
	const char *sentence)
{
	struct control m = attached_message(endpoint);
	m.attached.state = state;
	m.attached.usable = usable;
	m.attached.sentence = sentence;
	say(s, &m);
}

void attached_names(struct scene *s, uint32_t endpoint, const char *alias, const char *fqdns)
{
	struct control m = attached_message(endpoint);
	m.attached.state = CONTROL_ENDPOINT_APPROVED;
	m.attached.usable = true;
	m.attached.alias = alias;
	m.attached.fqdns = fqdns;
	say(s, &m);
}

void declined(struct scene *s, uint32_t endpoint)
{
	struct control m = {.type = CONTROL_DECLINED,
		.declined = {endpoint, CONTROL_REASON_UNKNOWN, "there is none"}};
	say(s, &m);
}

void offer(struct scene *s)
{
	consumer_offer(&s->consumer, &s->link, !s->older);
	turn(s);
}

void use(struct scene *s, uint32_t endpoint)
{
	offer(s);
	attached(s, endpoint, CONTROL_ENDPOINT_APPROVED, true, NULL);
}

/* ---- Time ---- */

static void carry(struct mux *from, struct mux *to)
{
	uint8_t record[FRAME_MESSAGE_MAX];
	size_t n;
	while ((n = mux_fill(from, record, sizeof(record), clock_now())))
		assert_int_equal(mux_input(to, record, n, clock_now()), 0);
}

void turn(struct scene *s)
{
	carry(&s->link.mux, &s->server);
	carry(&s->server, &s->link.mux);
	struct loop_timer now;
	loop_timer_init(&now, s->loop, on_tick);
	on_tick(&now);
	loop_turn(s->loop);
	loop_timer_cancel(&now);
	carry(&s->link.mux, &s->server);
	carry(&s->server, &s->link.mux);
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

/* ---- Beginning and end ---- */

static struct mux *on_pick(void *arg)
{
	struct scene *s = arg;
	return s->away ? NULL : &s->link.mux;
}

static void on_due(void *arg)
{
	struct scene *s = arg;
	s->n_due++;
	if (!s->away)
		consumer_offer(&s->consumer, &s->link, !s->older);
}

static const struct consumer_ops consumer_ops = {.pick = on_pick, .due = on_due};

static void on_ended(struct consumer *c, enum consumer_end end)
{
	container_of(c, struct scene, consumer)->ended = (int)end;
}

static void parse(struct local_services *to, const char *services)
{
	char copy[1024], *save;
	struct error err;
	*to = LOCAL_SERVICES_NULL;
	snprintf(copy, sizeof(copy), "%s", services);
	for (char *p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		bool stdio = strncmp(p, "stdio:", 6) == 0;
		char *message = strchr(p, '!');
		if (message)
			*message++ = '\0';
		struct local_options o = {.message = message};
		*(stdio ? &o.stdio : &o.service) = stdio ? p + 6 : p;
		if (local_services_add(to, &o, false, &err))
			fail_msg("%s", err.text);
	}
}

void begin_with(struct scene *s, const char *services, struct client_options options)
{
	struct mux_limits limits = {MUX_BASE_WINDOW, MUX_MAX_WINDOW, FARS};
	struct error err;
	*s = (struct scene){.ended = -1, .options = options};
	log_set_level(LOG_ERROR);
	s->loop = loop_new();
	s->offload = offload_new(1);
	parse(&s->options.local_services, services);
	s->options.local_socket_mode = 0600;
	if (!s->options.dial_timeout)
		s->options.dial_timeout = SCENE_PATIENCE;
	if (!s->options.udp_idle)
		s->options.udp_idle = SCENE_PATIENCE;
	budget_init(&s->budget, 64 << 20);
	s->link.state = LINK_UP;
	mux_init(&s->link.mux, &client_ops, &limits, &s->budget, true);
	mux_init(&s->server, &server_ops, &limits, &s->budget, false);
	mux_set_peer(&s->link.mux, MUX_BASE_WINDOW, FARS);
	mux_set_peer(&s->server, MUX_BASE_WINDOW, FARS);
	assert_int_equal(consumer_init(&s->consumer, s->loop, s->offload, &s->options, &err), 0);
	s->consumer.ended = on_ended;
	consumer_set_ops(&s->consumer, &consumer_ops, s);
	consumer_start(&s->consumer);
}

int in_own_folder(void **state)
{
	static char folder[] = "/tmp/tunnel-local-XXXXXX";
	crypto_start();
	*state = folder;
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

int leave_folder(void **state)
{
	DIR *d = opendir(".");
	for (struct dirent *e; d && (e = readdir(d));)
		unlink(e->d_name);
	if (d)
		closedir(d);
	return chdir("/") == 0 && rmdir(*state) == 0 ? 0 : -1;
}

void begin(struct scene *s, const char *services)
{
	begin_with(s, services, (struct client_options){0});
}

struct client_endpoints_change set(struct scene *s, const char *services)
{
	struct local_services list;
	struct client_endpoints_change change;
	struct error err;
	parse(&list, services);
	assert_int_equal(consumer_set(&s->consumer, &list, &err, &change), 0);
	local_services_deinit(&list);
	return change;
}

void end(struct scene *s)
{
	mux_deinit(&s->link.mux);
	mux_deinit(&s->server);
	assert_int_equal(s->consumer.conns.n, 0);
	consumer_deinit(&s->consumer);
	for (size_t i = 0; i < s->n_fars; i++)
		buf_deinit(&s->fars[i].out);
	local_services_deinit(&s->options.local_services);
	offload_free(s->offload);
	loop_free(s->loop);
}

/* ---- Looking ---- */

const struct client_endpoint *endpoint(const struct scene *s, uint32_t number)
{
	const struct client_endpoint *ep = client_endpoints_find(&s->consumer.endpoints, number);
	assert_non_null(ep);
	return ep;
}

enum client_endpoint_state state_of(const struct scene *s, uint32_t number)
{
	return endpoint(s, number)->state;
}

const struct asked *expect(const struct scene *s, size_t i, enum control_type type, uint32_t number)
{
	assert_true(i < s->n_asked);
	assert_int_equal(s->asked[i].type, type);
	assert_int_equal(s->asked[i].endpoint, number);
	return &s->asked[i];
}

static int dial_at(const char *host, uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	assert_int_equal(inet_pton(AF_INET, host, &to.sin_addr), 1);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	int error = errno;
	close(fd);
	return -error;
}

int dial(const struct scene *s, uint32_t number)
{
	const struct client_endpoint *ep = endpoint(s, number);
	assert_true(ep->port.open);
	int fd = dial_at(*ep->host ? ep->host : ep->service.place.host,
		local_port_number(&ep->port));
	assert_true(fd >= 0);
	return fd;
}

bool is_refused(const char *host, uint16_t port)
{
	int fd = dial_at(host, port);
	if (fd >= 0)
		close(fd);
	return fd == -ECONNREFUSED;
}

bool is_reset(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
	return n < 0 && errno == ECONNRESET;
}
