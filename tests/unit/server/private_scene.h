/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * An exit node that keeps what it is told, with two identities: "team", which publishes, and "web", which uses what
 * others publish. What operators would do by the admin API is a row, stored and put in force by a change.
 */
#include <dirent.h>

#include "server/control/attachments.h"
#include "server/control/change.h"
#include "tests/unit/server/actors.h"

struct private_scene {
	struct exit_node *n;
	char dir[64];
	struct store_access store;
	struct changes *changes;
	struct identity *team, *web;
	struct credential *teams, *webs;
};

/* ---- Rows by changes ---- */

struct row_change {
	struct change change;
	struct store_row row;
	bool takes, answered;
	char refused[CONTROL_TEXT];
	unsigned *cut;
	bool *done;
};

static inline struct row_change *row_change_of(struct change *c)
{
	return container_of(c, struct row_change, change);
}

static inline void row_change_copy(struct store_row *to, const struct store_row *from)
{
	to->gone = from->gone;
	to->rev = from->rev;
	if (from->kind == STORE_IDENTITY)
		assert_int_equal(policy_identity_copy(&to->identity, &from->identity), 0);
	else if (from->kind == STORE_CREDENTIAL)
		assert_int_equal(policy_credential_copy(&to->credential, &from->credential), 0);
	else if (from->kind == STORE_SERVICE)
		assert_int_equal(policy_private_service_copy(&to->service, &from->service), 0);
	else if (from->kind == STORE_ENDPOINT)
		assert_int_equal(policy_endpoint_copy(&to->endpoint, &from->endpoint), 0);
	else
		assert_int_equal(policy_intention_copy(&to->intention, &from->intention), 0);
	if (from->kind == STORE_CREDENTIAL)
		memcpy(to->psk, from->psk, sizeof(to->psk));
}

static inline bool row_change_check(struct change *c)
{
	struct row_change *rc = row_change_of(c);
	row_change_copy(change_add(c, &c->rows, rc->row.kind), &rc->row);
	if (rc->takes)
		row_change_copy(change_add(c, &c->narrowed, rc->row.kind), &rc->row);
	c->gives = !rc->takes;
	return change_note(c, "test", "row", strdup("{}"));
}

static inline void row_change_answer(struct change *c)
{
	*row_change_of(c)->cut = c->cut;
	*row_change_of(c)->done = true;
}

static inline void row_change_refuse(struct change *c, enum change_refusal why,
	const char *sentence)
{
	fail_msg("%s", sentence);
}

static inline void row_change_free(struct change *c)
{
	store_row_deinit(&row_change_of(c)->row);
	free(row_change_of(c));
}

static const struct change_ops row_change_ops = {
	.check = row_change_check,
	.answer = row_change_answer,
	.refuse = row_change_refuse,
	.free = row_change_free,
};

/* Begins it, and takes the row; `done` and `cut` are set with its answer. */
static inline void row_submit(struct private_scene *s, struct store_row *row, bool takes,
	bool keep_live, bool *done, unsigned *cut)
{
	struct row_change *rc = calloc(1, sizeof(*rc));
	assert_non_null(rc);
	assert_true(change_begin(&rc->change, s->changes, &row_change_ops));
	rc->row = *row;
	rc->takes = takes;
	rc->cut = cut;
	rc->done = done;
	*done = false;
	rc->change.keep_live = keep_live;
	rc->change.note.actor = "uid 0";
	rc->change.note.via = "test";
	change_submit(&rc->change);
}

/* Stored and in force everywhere: how many streams were cut. */
static inline unsigned row_change(struct private_scene *s, struct store_row *row, bool takes,
	bool keep_live)
{
	unsigned cut = 0;
	bool done;
	row_submit(s, row, takes, keep_live, &done, &cut);
	settle_until(s->n, done);
	settle(s->n);
	return cut;
}

/* ---- Identities ---- */

static inline struct identity *scene_identity(struct private_scene *s, const char *name)
{
	struct store_row row = {.kind = STORE_IDENTITY};
	assert_int_equal(policy_identity_init_all(&row.identity, name), 0);
	row.identity.id = s->n->catalog.max_id + 1;
	row_change(s, &row, false, false);
	return catalog_find(&s->n->catalog, str_from(name));
}

static inline struct credential *scene_credential(struct private_scene *s, const struct identity *i)
{
	struct store_row row = {.kind = STORE_CREDENTIAL};
	struct policy_credential *k = &row.credential;
	uint8_t id[TOKEN_ID_SIZE];
	random_bytes(id, sizeof(id));
	memcpy(k->key_id, id, sizeof(id));
	random_bytes(row.psk, sizeof(row.psk));
	k->identity = i->value.id;
	k->label = policy_text_new(STR(""));
	k->created_at = policy_now();
	k->expires_at = k->revoked_at = k->last_used_at = POLICY_NONE;
	row_change(s, &row, false, false);
	return catalog_find_key(&s->n->catalog, id);
}

/* The identity as it is, to be changed. */
static inline struct store_row scene_identity_row(const struct identity *i)
{
	struct store_row row = {.kind = STORE_IDENTITY, .rev = i->value.rev};
	assert_int_equal(policy_identity_copy(&row.identity, &i->value), 0);
	return row;
}

/* ---- The scene ---- */

static inline void scene_stop_store(struct private_scene *s)
{
	store_access_close(&s->store);
	changes_close(s->changes);
}

static inline struct private_scene *private_scene_new(bool kept, unsigned workers)
{
	static const uint8_t salt[TOKEN_SALT_SIZE] = "sixteen bytes..";
	struct private_scene *s = calloc(1, sizeof(*s));
	struct error err = {0};
	assert_non_null(s);
	struct server_options options = exit_node_options;
	options.workers = workers;
	s->n = exit_node_new(&options);
	strcpy(s->dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/test_private.XXXXXX"
						     : "/tmp/test_private.XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	if (store_access_open(&s->store, kept ? s->dir : NULL, kept ? NULL : "it is read-only",
		    salt, &s->n->catalog, &err) < 0)
		fail_msg("%s", err.text);
	s->changes = changes_new(s->n->node.workers[0]->loop, &s->n->catalog, &s->store,
		&s->n->registrar);
	assert_non_null(s->changes);
	s->n->registrar.changes = s->changes;
	return s;
}

static inline struct private_scene *private_scene_open_on(unsigned workers)
{
	struct private_scene *s = private_scene_new(true, workers);
	s->team = scene_identity(s, "team");
	s->web = scene_identity(s, "web");
	s->teams = scene_credential(s, s->team);
	s->webs = scene_credential(s, s->web);
	return s;
}

static inline int private_scene_open(void **state)
{
	*state = private_scene_open_on(WORKERS);
	return 0;
}

static inline int private_scene_close(void **state)
{
	struct private_scene *s = *state;
	scene_stop_store(s);
	exit_node_end(s->n);
	changes_free(s->changes);
	exit_node_free(s->n);
	DIR *d = opendir(s->dir);
	for (struct dirent *e; d && (e = readdir(d));) {
		char path[512];
		snprintf(path, sizeof(path), "%s/%s", s->dir, e->d_name);
		unlink(path);
	}
	closedir(d);
	rmdir(s->dir);
	free(s);
	return 0;
}

/* ---- What clients say ---- */

static inline struct control publish_private(uint32_t number, const char *name)
{
	struct control m = {.type = CONTROL_PUBLISH};
	m.publish.service = number;
	m.publish.kind = CONTROL_TCP;
	m.publish.host = "";
	m.publish.upstream = "tcp://127.0.0.1:6379";
	m.publish.private_name = name;
	return m;
}

static inline struct control attach_to(uint32_t number, const char *service)
{
	struct control m = {.type = CONTROL_ATTACH};
	m.attach.endpoint = number;
	m.attach.service = service;
	m.attach.kind = CONTROL_TCP;
	return m;
}

/* The last message of that type and number that comes to the link's client from here on. */
static inline const struct message *scene_ask(struct private_scene *s, struct server_link *l,
	struct control m, enum control_type type, uint32_t number)
{
	size_t before = client_of(s->n, l)->n_messages;
	const struct fake_client *c = client_of(s->n, l);
	const struct message *found = NULL;
	say(l, m);
	for (int turns = 0; !found && turns < 1000; turns++) {
		settle(s->n);
		c = client_of(s->n, l);
		for (size_t i = before; i < c->n_messages; i++)
			if (c->messages[i].type == type && c->messages[i].service == number)
				found = &c->messages[i];
		if (!found)
			usleep(500);
	}
	assert_non_null(found);
	return found;
}

/* The answer to publish or attach. */
#define scene_publish(s, l, m)  scene_ask(s, l, m, CONTROL_GRANTED, (m).publish.service)
#define scene_refused(s, l, m)  scene_ask(s, l, m, CONTROL_REFUSED, (m).publish.service)
#define scene_attach(s, l, m)   scene_ask(s, l, m, CONTROL_ATTACHED, (m).attach.endpoint)
#define scene_declined(s, l, m) scene_ask(s, l, m, CONTROL_DECLINED, (m).attach.endpoint)

static inline struct private_service *scene_service(struct private_scene *s, const char *name)
{
	return catalog_find_service(&s->n->catalog, str_from(name));
}

/* The one at a private service. */
static inline struct endpoint *scene_endpoint(struct private_scene *s, const char *service)
{
	struct private_service *p = scene_service(s, service);
	assert_non_null(p);
	struct endpoint *e = list_first(&p->endpoints, struct endpoint, of_service);
	assert_non_null(e);
	return e;
}

/* ---- What operators do ---- */

static inline struct store_row endpoint_row(const struct endpoint *e)
{
	struct store_row row = {.kind = STORE_ENDPOINT, .rev = e->value.rev};
	assert_int_equal(policy_endpoint_copy(&row.endpoint, &e->value), 0);
	return row;
}

static inline struct store_row decided_row(const struct endpoint *e,
	enum policy_endpoint_event event, const char *description)
{
	struct policy_endpoint_outcome outcome;
	struct error err;
	struct store_row row = endpoint_row(e);
	if (policy_endpoint_apply(&row.endpoint, event, str_from(description), "uid 0", &outcome,
		    &err) < 0)
		fail_msg("%s", err.text);
	return row;
}

/* How many streams were cut. */
static inline unsigned decide(struct private_scene *s, const struct endpoint *e,
	enum policy_endpoint_event event, const char *description)
{
	struct store_row row = decided_row(e, event, description);
	return row_change(s, &row, event != POLICY_APPROVE, false);
}

static inline struct store_row intention_row(struct private_scene *s, const char *source,
	const char *destination, enum policy_action action)
{
	const struct catalog_intentions *c = &s->n->catalog.intentions;
	const struct policy_intention *was = catalog_find_intention(c, source, destination);
	struct store_row row = {.kind = STORE_INTENTION, .rev = was ? was->rev : 0};
	struct policy_intention *i = &row.intention;
	assert_int_equal(policy_intention_init(i, source, destination, action), 0);
	i->id = was ? was->id : c->max_id + 1;
	if (was)
		memcpy(i->uid, was->uid, sizeof(i->uid));
	return row;
}

static inline unsigned intend(struct private_scene *s, const char *source, const char *destination,
	enum policy_action action, bool keep_live)
{
	struct store_row row = intention_row(s, source, destination, action);
	return row_change(s, &row, action == POLICY_DENY, keep_live);
}
