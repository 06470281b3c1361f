/* SPDX-License-Identifier: MIT */
#include "server/control/private_publish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/control/change_rows.h"
#include "server/control/client_change.h"
#include "server/control/grants.h"
#include "server/control/publish.h"
#include "server/control/publish_check.h"
#include "server/store/catalog.h"

/* One that is on its way to the books. */
struct private_publish {
	struct client_change change;
	struct list of_session; /* session::publishing */
	struct control message; /* a copy */
};

static struct private_publish *of(struct change *c)
{
	return container_of(client_change_of(c), struct private_publish, change);
}

/* ---- What it is to be ---- */

/* The value that the books are to have. */
struct wanted {
	struct policy_private_service value; /* owned */
	struct private_service *was;         /* NULL: the name is free */
};

static int no_memory(struct error *err)
{
	error_set(err, -ENOMEM, "the server is out of memory");
	return CONTROL_REASON_OTHER;
}

/* A list that the client states, in the form in which it is kept; `to` stays NULL if it states none. */
static int read_list(const char *text, const char *what, char **to, struct error *err)
{
	return text ? policy_list_check(str_from(text), what, to, err) : 0;
}

static int set_lists(struct policy_private_service *value, const struct control *m,
	struct error *err)
{
	char *visibility = NULL, *approved = NULL, *fqdns = NULL;
	int r = read_list(m->publish.visibility, "visibility", &visibility, err);
	if (r == 0)
		r = read_list(m->publish.auto_approve, "auto_approve", &approved, err);
	if (r == 0 && m->publish.fqdns)
		r = policy_fqdns_check(str_from(m->publish.fqdns), "fqdns", &fqdns, err);
	if (r == 0)
		r = policy_private_service_set_lists(value, visibility, approved, err);
	if (r == 0 && fqdns) {
		policy_text_free(value->fqdns);
		value->fqdns = fqdns;
		fqdns = NULL;
	}
	policy_text_free(visibility);
	policy_text_free(approved);
	policy_text_free(fqdns);
	return r;
}

static void set_key(struct policy_private_service *value, const struct control *m)
{
	memset(value->e2e_key, 0, sizeof(value->e2e_key));
	if (m->publish.e2e_given)
		memcpy(value->e2e_key, m->publish.e2e_key, sizeof(value->e2e_key));
}

/* As it is on the books, or a new one. 0 or -ENOMEM. */
static int begin_value(const struct session *s, const struct control *m, struct wanted *w)
{
	struct policy_private_service *value = &w->value;
	enum policy_service_kind kind = m->publish.kind == CONTROL_UDP ? POLICY_UDP : POLICY_TCP;
	if (!w->was)
		return policy_private_service_init(value, m->publish.private_name,
			s->base.identity->value.id, kind);
	if (policy_private_service_copy(value, &w->was->value) < 0)
		return -ENOMEM;
	value->kind = kind;
	return value->deleted ? policy_private_service_revive(value) : 0;
}

static bool is_same(const struct policy_private_service *a, const struct policy_private_service *b)
{
	return a->kind == b->kind && a->deleted == b->deleted &&
	       strcmp(a->visibility, b->visibility) == 0 &&
	       strcmp(a->auto_approval, b->auto_approval) == 0 && strcmp(a->fqdns, b->fqdns) == 0 &&
	       memcmp(a->e2e_key, b->e2e_key, sizeof(a->e2e_key)) == 0;
}

/* ---- Whether it may be ---- */

static bool others_publish(const struct private_service *p, const struct session *s)
{
	list_for_each (it, &p->services)
		if (session_of(list_entry(it, struct service, of_private)) != s)
			return true;
	return false;
}

/* Who publishes it at the same time has to be of one mind about what streams are. */
static int check_others(const struct session *s, const struct wanted *w, struct error *err)
{
	const struct private_service *p = w->was;
	if (!p || !others_publish(p, s))
		return PUBLISH_FINE;
	if (w->value.kind != p->value.kind) {
		error_set(err, 0, "%s is published as a %s service by another session", p->name,
			policy_service_kind_name(p->value.kind));
		return CONTROL_REASON_INVALID;
	}
	if (memcmp(w->value.e2e_key, p->value.e2e_key, POLICY_KEY_SIZE) == 0)
		return PUBLISH_FINE;
	error_set(err, 0,
		"%s is published with another end-to-end key by another session: clients that "
		"publish one private service need one key (--identity-key)",
		p->name);
	return CONTROL_REASON_INVALID;
}

static int check_owner(const struct session *s, const struct catalog *c, const char *name,
	struct wanted *w, struct error *err)
{
	const struct identity *i = s->base.identity;
	if (grants_check_publish(i, name, err) < 0)
		return CONTROL_REASON_DENIED;
	w->was = catalog_find_service(c, str_from(name));
	if (w->was && w->was->owner != i) {
		error_set(err, 0, "%s is the private service of another identity", name);
		return CONTROL_REASON_TAKEN;
	}
	if (!w->was && !catalog_may_add_service(i)) {
		error_set(err, 0, "%s has as many private services as it may, %d", i->name,
			POLICY_SERVICES_MAX);
		return CONTROL_REASON_LIMIT;
	}
	return PUBLISH_FINE;
}

/* PUBLISH_FINE with what the books are to have; else the enum control_reason, with a sentence. */
static int check(const struct session *s, const struct control *m, struct wanted *w,
	struct error *err)
{
	char name[POLICY_NAME_SIZE];
	*w = (struct wanted){0};
	if (s->base.identity->open) {
		error_set(err, 0, "private services need tokens: this server runs with --no-token");
		return CONTROL_REASON_UNSUPPORTED;
	}
	if (policy_name_check(str_from(m->publish.private_name), name, err) < 0)
		return CONTROL_REASON_INVALID;
	int reason = check_owner(s, s->registrar->catalog, name, w, err);
	if (reason != PUBLISH_FINE)
		return reason;
	if (begin_value(s, m, w) < 0)
		return no_memory(err);
	/* Of one that is managed on the exit node its client states nothing but how it is reached. */
	int r = w->value.managed ? 0 : set_lists(&w->value, m, err);
	set_key(&w->value, m);
	if (r == 0)
		reason = check_others(s, w, err);
	else
		reason = r == -ENOMEM ? no_memory(err) : CONTROL_REASON_INVALID;
	if (reason != PUBLISH_FINE)
		policy_private_service_deinit(&w->value);
	return reason;
}

/* ---- On the books ---- */

static void refuse(struct private_publish *pub, enum control_reason reason, const char *sentence)
{
	struct session *s = pub->change.session;
	struct server_link *l = session_link(s);
	if (l)
		publish_refuse(s, l, &pub->message, reason, sentence);
}

static void publish_now(struct private_publish *pub)
{
	struct session *s = pub->change.session;
	char name[POLICY_NAME_SIZE];
	struct error err;
	struct server_link *l = session_link(s);
	if (!l || policy_name_check(str_from(pub->message.publish.private_name), name, &err) < 0)
		return; /* it was checked before */
	struct private_service *p = catalog_find_service(s->registrar->catalog, str_from(name));
	if (p && p->owner == s->base.identity)
		publish_private_service(s, l, &pub->message, p);
}

static bool add_note(struct change *c, const struct policy_private_service *value, bool is_new)
{
	char *detail;
	/* The lists have no character that JSON escapes. */
	if (asprintf(&detail,
		    "{\"is\":{\"kind\":\"%s\",\"visibility\":\"%s\",\"autoApproval\":\"%s\"}}",
		    policy_service_kind_name(value->kind), value->visibility,
		    value->auto_approval) < 0)
		return change_no_memory(c);
	return change_note(c, is_new ? "service.create" : "service.update", value->name, detail);
}

static bool publish_check_change(struct change *c)
{
	struct private_publish *pub = of(c);
	struct session *s = pub->change.session;
	struct wanted w;
	struct error err;
	if (!session_link(s))
		return false; /* its token was revoked meanwhile */
	int reason = check(s, &pub->message, &w, &err);
	if (reason != PUBLISH_FINE) {
		refuse(pub, (enum control_reason)reason, err.text);
		return false;
	}
	if (w.was && is_same(&w.value, &w.was->value)) {
		policy_private_service_deinit(&w.value);
		publish_now(pub);
		return false;
	}
	uint64_t owner = change_identity_id(c, s->base.identity);
	struct store_row *row = owner ? change_add(c, &c->rows, STORE_SERVICE) : NULL;
	if (!row) {
		policy_private_service_deinit(&w.value);
		return false;
	}
	row->rev = w.value.rev;
	row->service = w.value;
	row->service.owner = owner;
	row->service.updated_at = policy_now();
	if (!w.was)
		row->service.id = c->queue->catalog->private.max_service_id + 1;
	c->gives = true;
	c->volatile_will_do = true;
	return add_note(c, &row->service, !w.was);
}

static void publish_answer(struct change *c)
{
	publish_now(of(c));
}

static void publish_refused(struct change *c, enum change_refusal why, const char *sentence)
{
	char text[CONTROL_TEXT + 1];
	snprintf(text, sizeof(text), "it cannot be stored: %s", sentence);
	refuse(of(c), CONTROL_REASON_OTHER, why == CHANGE_NO_MEMORY ? sentence : text);
}

static void publish_unlist(struct private_publish *pub)
{
	if (list_linked(&pub->of_session))
		pub->change.session->n_publishing--;
	list_unlink(&pub->of_session);
}

static void publish_free(struct change *c)
{
	struct private_publish *pub = of(c);
	client_change_over(&pub->change);
	publish_unlist(pub);
	control_deinit(&pub->message);
	free(pub);
}

static const struct change_ops publish_change_ops = {
	.check = publish_check_change,
	.answer = publish_answer,
	.refuse = publish_refused,
	.free = publish_free,
};

static void forget(struct private_publish *pub)
{
	publish_unlist(pub);
	client_change_forget(&pub->change);
}

static struct private_publish *find(struct session *s, uint32_t number)
{
	list_for_each (it, &s->publishing) {
		struct private_publish *pub = list_entry(it, struct private_publish, of_session);
		if (pub->message.publish.service == number)
			return pub;
	}
	return NULL;
}

void private_publish_withdraw(struct session *s, uint32_t number)
{
	struct private_publish *pub = find(s, number);
	if (pub)
		forget(pub);
}

void private_publish_end(struct session *s)
{
	while (!list_empty(&s->publishing))
		forget(list_entry(s->publishing.next, struct private_publish, of_session));
}

static struct private_publish *publish_new(struct session *s, const struct control *m)
{
	struct private_publish *pub = calloc(1, sizeof(*pub));
	if (!pub || control_copy(m, &pub->message) < 0) {
		free(pub);
		return NULL;
	}
	list_init(&pub->of_session);
	client_change_init(&pub->change, s, &publish_change_ops);
	list_append(&s->publishing, &pub->of_session);
	s->n_publishing++;
	return pub;
}

void private_publish(struct session *s, struct server_link *l, const struct control *m)
{
	struct wanted w;
	struct error err;
	int reason = check(s, m, &w, &err);
	/* Said again over a new link, before it was answered: the answer goes there. */
	private_publish_withdraw(s, m->publish.service);
	if (reason != PUBLISH_FINE) {
		publish_refuse(s, l, m, (enum control_reason)reason, err.text);
		return;
	}
	bool same = w.was && is_same(&w.value, &w.was->value);
	policy_private_service_deinit(&w.value);
	if (same) {
		publish_private_service(s, l, m, w.was);
		return;
	}
	/* Each has a copy of its message, and waits for the disk. */
	if (s->n_publishing >= SESSION_SERVICES_MAX) {
		error_set(&err, 0, "a session publishes at most %d services", SESSION_SERVICES_MAX);
		publish_refuse(s, l, m, CONTROL_REASON_LIMIT, err.text);
		return;
	}
	struct private_publish *pub = publish_new(s, m);
	if (pub)
		client_change_submit(&pub->change);
	else
		publish_refuse(s, l, m, CONTROL_REASON_OTHER, "the server is out of memory");
}
