/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include "base/log.h"
#include "server/route/routing.h"

#define TURNS 60

static struct worker *worker_at(struct scene *s, unsigned i)
{
	return s->n->node.workers[i];
}

struct server_link *scene_link(struct scene *s, struct credential *who, const char *instance,
	unsigned worker)
{
	struct server_link *l;
	char name[64];
	/* Each comes where there are fewest. */
	do {
		l = dial(s->n, who, instance, NULL);
	} while (l->worker->index != worker);
	snprintf(name, sizeof(name), "%s.example", instance);
	publish(l, 1, name);
	settle(s->n);
	assert_non_null(l->session);
	return l;
}

struct service *scene_provide(struct scene *s, struct server_link *l, enum control_kind kind)
{
	struct control m = {.type = CONTROL_PUBLISH};
	const struct route *holder;
	m.publish.service = SERVICE;
	m.publish.kind = kind;
	m.publish.host = "";
	m.publish.upstream = "tcp://127.0.0.1:6379";
	m.publish.private_name = "redis";
	struct service *service = service_new(&l->session->base, &m);
	assert_non_null(service);
	strcpy(service->place, "redis");
	service->at = loop_now(worker_at(s, 0)->loop);
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_int_equal(service_shard_open(&service->shards[i], worker_at(s, i), &holder),
			0);
		wait_queue_wake(&worker_at(s, i)->routing->wait_queue);
	}
	s->services[s->n_services++] = service;
	return service;
}

void scene_withdraw(struct scene *s, struct service *service)
{
	for (unsigned i = 0; i < s->n_services; i++)
		if (s->services[i] == service)
			s->services[i] = NULL;
	service->at = loop_now(worker_at(s, 0)->loop);
	for (unsigned i = 0; i < WORKERS; i++)
		service_shard_close(&service->shards[i], worker_at(s, i));
	service_release(service);
}

static void log_begin(struct scene *s)
{
	struct log_options opts = {.level = LOG_ERROR,
		.access_file = s->log_path,
		.audit_file = s->audit_path};
	struct error err;
	assert_int_equal(log_start(&opts, &err), 0);
}

struct scene *scene_new(unsigned consumer, unsigned provider, enum control_kind kind)
{
	struct scene *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	strcpy(s->log_path, "/tmp/tunnel-private-XXXXXX");
	close(mkstemp(s->log_path));
	snprintf(s->audit_path, sizeof(s->audit_path), "%s.audit", s->log_path);
	log_begin(s);
	s->n = exit_node_new(&exit_node_options);
	s->consumer = scene_link(s, &alice, "consumer", consumer);
	s->provider = scene_link(s, &bob, "provider", provider);
	scene_provide(s, s->provider, kind);
	assert_int_equal(attachment_init(&s->attachment, &s->consumer->session->base, ATTACHED,
				 LINK_ID, kind, "redis"),
		0);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(attachment_shard_open(&s->attachment, worker_at(s, i)), 0);
	scene_set(s, true, false);
	return s;
}

static void log_end(struct scene *s)
{
	log_stop();
	unlink(s->log_path);
	unlink(s->audit_path);
}

void scene_end(struct scene *s)
{
	exit_node_free(s->n);
	for (unsigned i = 0; i < s->n_services; i++)
		if (s->services[i])
			service_release(s->services[i]);
	attachment_deinit(&s->attachment);
	log_end(s);
	free(s);
}

void scene_free(struct scene *s)
{
	if (!s->detached)
		scene_detach(s);
	settle(s->n);
	assert_int_equal(scene_bridges(s), 0);
	assert_int_equal(scene_held(s), 0);
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_true(list_empty(&worker_at(s, i)->private->near));
		assert_true(list_empty(&worker_at(s, i)->private->far));
		list_for_each (it, &worker_at(s, i)->link->links)
			assert_int_equal(list_entry(it, struct server_link, link)->active, 0);
	}
	for (unsigned i = 0; i < s->n_services; i++)
		if (s->services[i])
			scene_withdraw(s, s->services[i]);
	s->n_services = 0;
	scene_end(s);
}

unsigned scene_set(struct scene *s, bool usable, bool keep_live)
{
	unsigned cut = 0;
	for (unsigned i = 0; i < WORKERS; i++)
		cut += attachment_shard_set(&s->attachment, worker_at(s, i),
			usable ? ATTACHMENT_PASSES : ATTACHMENT_NO_APPROVAL, keep_live);
	return cut;
}

void scene_detach(struct scene *s)
{
	for (unsigned i = 0; i < WORKERS; i++)
		attachment_shard_close(&s->attachment, worker_at(s, i));
	s->detached = true;
}

void scene_open(struct scene *s, uint32_t id, enum frame_kind kind, uint32_t number)
{
	uint8_t frame[FRAME_SMALL_MAX];
	struct frame_open open = {.kind = (uint8_t)kind,
		.service = number,
		.visitor = {.family = 4, .port = 4321, .ip = {10, 1, 2, 3}}};
	client_send(client_of(s->n, s->consumer), frame, frame_write_open(frame, id, &open));
}

uint32_t scene_join(struct scene *s, uint32_t id)
{
	bool datagrams = s->attachment.kind == CONTROL_UDP;
	struct fake_client *c = client_of(s->n, s->provider);
	unsigned before = c->n_opens;
	scene_open(s, id, datagrams ? FRAME_KIND_UDP : FRAME_KIND_TCP, ATTACHED);
	settle(s->n);
	client_of(s->n, s->provider);
	assert_int_equal(c->n_opens, before + 1);
	return c->stream;
}

void scene_shuffle(struct scene *s, unsigned seed)
{
	for (unsigned i = 0; i < TURNS; i++)
		turn(s->n, (unsigned)rand_r(&seed) % WORKERS);
	settle(s->n);
}

bool scene_got(struct scene *s, struct server_link *l, const char *text)
{
	const struct fake_client *c = client_of(s->n, l);
	return str_eq((struct str){(const char *)buf_head(&c->got), buf_len(&c->got)},
		str_from(text));
}

unsigned scene_bridges(struct scene *s)
{
	return limits_count(&s->n->node.limits, LIMITS_BRIDGES);
}

unsigned scene_waiting(struct scene *s)
{
	size_t n = 0;
	for (unsigned i = 0; i < WORKERS; i++)
		n += worker_at(s, i)->routing->wait_queue.n;
	return (unsigned)n;
}

size_t scene_held(struct scene *s)
{
	size_t held = 0;
	for (unsigned i = 0; i < WORKERS; i++)
		held += worker_at(s, i)->budget.sum.held;
	return held;
}

const char *scene_logged(struct scene *s)
{
	static char text[4096], out[4096];
	log_stop();
	FILE *f = fopen(s->log_path, "r+");
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	assert_int_equal(ftruncate(fileno(f), 0), 0);
	fclose(f);
	log_begin(s);
	out[0] = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		for (char *field = line; field; field = strchr(field + 1, ' ')) {
			static const char *const wanted[] = {" method=", " host=", " bytes_in=",
				" bytes_out=", " consumer=", " link=", " why="};
			for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
				if (strncmp(field, wanted[i], strlen(wanted[i])) == 0)
					strncat(out, field, strcspn(field + 1, " ") + 1);
		}
	return out;
}

unsigned scene_audited(struct scene *s, const char *action)
{
	char line[1024], wanted[64];
	unsigned n = 0;
	snprintf(wanted, sizeof(wanted), "\"action\":\"%s\"", action);
	log_stop();
	FILE *f = fopen(s->audit_path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, wanted) != NULL;
	fclose(f);
	log_begin(s);
	return n;
}
