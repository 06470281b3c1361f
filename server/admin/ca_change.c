/* SPDX-License-Identifier: MIT */
#include "server/admin/ca_change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"
#include "server/admin/authority.h"
#include "server/admin/ca_json.h"
#include "server/admin/identity_json.h"
#include "server/store/catalog.h"
#include "tls/tls_authority.h"

/* Before that no clock of a peer's is right that says it is not valid yet: Consul's minute. s */
#define BEFORE 60

#define DOMAIN_SIZE (POLICY_UUID_SIZE + sizeof ".tunnel")

/* One of these for each request; the job and the change have it in turn. */
struct ca_change {
	struct admin_change change;
	struct store_job job;     /* asks the store whose it is */
	char domain[DOMAIN_SIZE]; /* of a new one */
	uint64_t lifetime;        /* 0: as it was, or the usual */
};

static struct ca_change *of(struct change *c)
{
	return container_of(c, struct ca_change, change.change);
}

static void ca_change_free(struct change *c)
{
	free(of(c));
}

void ca_refuse_none(struct api_request *rq)
{
	api_refuse(rq, API_NOT_FOUND,
		"there is no certificate authority: tunnel ca init makes one");
}

bool ca_lifetime(struct api_request *rq, uint64_t min, uint64_t max, uint64_t *us_out)
{
	const json_t *asked = json_object_get(rq->json, "lifetime");
	char least[32], most[32];
	uint64_t span;
	if (!asked)
		return true;
	if (!span_from_json(asked, &span) || span < min || span > max) {
		api_refuse(rq, API_INVALID, "\"lifetime\" must be from %s to %s here",
			value_format_duration(min, least, sizeof(least)),
			value_format_duration(max, most, sizeof(most)));
		return false;
	}
	*us_out = span;
	return true;
}

static struct ca_change *ca_change_new(struct api_request *rq, const struct change_ops *ops)
{
	uint64_t lifetime = 0;
	if (!ca_lifetime(rq, POLICY_CERTIFICATE_LIFETIME_MIN, POLICY_CERTIFICATE_LIFETIME_MAX,
		    &lifetime))
		return NULL;
	struct ca_change *cc = calloc(1, sizeof(*cc));
	if (!cc) {
		api_refuse(rq, API_BUSY, "the server is out of memory");
		return NULL;
	}
	cc->lifetime = lifetime;
	return admin_change_begin(&cc->change, rq, ops) ? cc : NULL;
}

static void answer_ca(struct change *c, unsigned status)
{
	struct api_request *rq = request_of(c);
	const struct catalog_roots *roots = &catalog_of(c)->roots;
	const struct policy_root *r = catalog_signing_root(roots);
	if (r)
		api_set_etag(rq, r->rev);
	api_answer(rq, status, r ? ca_json(roots) : NULL);
}

static bool no_root(struct change *c, int r, const struct error *err)
{
	if (r == -ENOMEM)
		return change_no_memory(c);
	api_refuse(request_of(c), API_NOT_STORED, "no root can be made: %s", err->text);
	return false;
}

/* ---- A new root ---- */

/* What the next root is called and signed with. */
static int make_root(const char *domain, struct policy_root *root, struct error *err)
{
	uint8_t key[POLICY_ROOT_KEY_SIZE];
	char *certificate;
	int64_t now = (int64_t)(policy_now() / CLOCK_S);
	int r = tls_root_make(domain, now - BEFORE, now + (int64_t)(POLICY_ROOT_LIFETIME / CLOCK_S),
		key, &certificate, err);
	if (r < 0)
		return r;
	r = policy_root_init(root, certificate, "");
	if (r == 0)
		memcpy(root->key, key, sizeof(key));
	explicit_bzero(key, sizeof(key));
	free(certificate);
	return r;
}

/* Its row, behind the others; NULL: it was refused. */
static struct policy_root *add_root(struct change *c, const char *domain, uint64_t id,
	uint64_t lifetime)
{
	struct error err;
	struct store_row *row = change_add(c, &c->rows, STORE_ROOT);
	if (!row)
		return NULL;
	int r = make_root(domain, &row->root, &err);
	if (r < 0) {
		no_root(c, r, &err);
		return NULL;
	}
	row->root.id = id;
	row->root.lifetime = lifetime;
	return &row->root;
}

/* ---- The first ---- */

static bool refuse_taken(struct api_request *rq)
{
	api_refuse(rq, API_TAKEN,
		"there is a certificate authority already: tunnel ca rotate gives it a new root");
	return false;
}

static bool init_check(struct change *c)
{
	struct ca_change *cc = of(c);
	const struct catalog_roots *roots = &catalog_of(c)->roots;
	uint64_t lifetime = cc->lifetime ? cc->lifetime : POLICY_CERTIFICATE_LIFETIME;
	if (roots->n)
		return refuse_taken(request_of(c));
	return add_root(c, cc->domain, 1, lifetime) &&
	       admin_change_note(c, "ca.init", cc->domain,
		       json_pack("{s:I}", "lifetimeSeconds", (json_int_t)(lifetime / CLOCK_S)));
}

static void init_answer(struct change *c)
{
	request_of(c)->location = strdup("/api/v1/ca");
	answer_ca(c, 201);
}

static const struct change_ops init_ops = ADMIN_CHANGE_OPS(init_check, init_answer, ca_change_free);

/* The trust domain is the store's own name: two exit nodes never have the same. */
static void take_instance(void *arg, const struct store_row *row)
{
	struct ca_change *cc = arg;
	char uuid[POLICY_UUID_SIZE];
	if (row->kind == STORE_META && strcmp(row->meta.name, STORE_META_INSTANCE) == 0 &&
		row->meta.n == POLICY_UID_SIZE)
		snprintf(cc->domain, sizeof(cc->domain), "%s.tunnel",
			policy_uuid_format(row->meta.value, uuid));
}

_Static_assert(STORE_INSTANCE_SIZE == POLICY_UID_SIZE, "it is written as a UUID");

/* Rows behind a revision that no store has: those of meta come each time. */
static int instance_run(struct store_job *j, struct store *store, struct error *err)
{
	struct ca_change *cc = container_of(j, struct ca_change, job);
	uint64_t rev;
	int r = store_read(store, INT64_MAX, take_instance, cc, &rev, err);
	if (r == 0 && !*cc->domain)
		r = error_set(err, -EIO, "the store has no name of its own");
	return r;
}

static void instance_done(struct store_job *j)
{
	struct ca_change *cc = container_of(j, struct ca_change, job);
	struct change *c = &cc->change.change;
	if (atomic_load(&j->job.cancelled)) {
		change_give_up(c);
	} else if (j->result == 0) {
		admin_change_submit(&cc->change);
	} else {
		api_refuse(request_of(c), API_NOT_STORED, "nothing was changed: %s", j->err.text);
		change_give_up(c);
	}
}

static void instance_drop(struct api_request *rq)
{
	struct ca_change *cc = rq->work;
	/* The process ends: what reads the store has ended before, or will find this. */
	admin_change_abandon(&cc->change);
	offload_cancel(&cc->job.job);
}

void ca_init(struct api_request *rq)
{
	if (admin_of(rq)->catalog->roots.n) {
		refuse_taken(rq);
		return;
	}
	struct ca_change *cc = ca_change_new(rq, &init_ops);
	if (!cc)
		return;
	rq->work = cc;
	rq->drop = instance_drop;
	cc->job.make = true;
	cc->job.run = instance_run;
	cc->job.done = instance_done;
	store_access_submit(admin_of(rq)->store, rq->api->loop, &cc->job);
}

/* ---- The next ---- */

/*
 * Those that are not listed any more go; the one that signed is listed until the time that is returned (policy_now()).
 * 0: it was refused.
 */
static uint64_t retire(struct change *c)
{
	const struct catalog_roots *roots = &catalog_of(c)->roots;
	uint64_t now = policy_now(), until = 0;
	for (size_t i = 0; i < roots->n; i++) {
		const struct policy_root *r = roots->v[i];
		bool signs = r->listed_until == POLICY_NONE;
		if (!signs && policy_root_listed(r, now))
			continue;
		struct store_row *row = change_add(c, &c->rows, STORE_ROOT);
		if (!row)
			return 0;
		if (policy_root_copy(&row->root, r) < 0) {
			change_no_memory(c);
			return 0;
		}
		row->rev = r->rev;
		row->gone = !signs;
		if (signs) {
			policy_root_retire(&row->root);
			until = row->root.listed_until;
		}
	}
	return until;
}

/* Who knows the root before trusts the new one until the root before is forgotten. */
static bool cross_sign(struct change *c, const struct tls_authority *signer,
	struct policy_root *root, uint64_t until)
{
	struct error err;
	char *cross;
	int r = tls_authority_cross(signer, root->certificate,
		(int64_t)(root->created_at / CLOCK_S) - BEFORE, (int64_t)(until / CLOCK_S), &cross,
		&err);
	if (r < 0)
		return no_root(c, r, &err);
	policy_text_free(root->cross);
	root->cross = policy_text_new(str_from(cross));
	free(cross);
	return root->cross ? true : change_no_memory(c);
}

static bool has_room(struct change *c)
{
	const struct catalog_roots *roots = &catalog_of(c)->roots;
	uint64_t now = policy_now(), next = POLICY_NONE;
	size_t n = 0;
	char text[POLICY_TIME_SIZE];
	for (size_t i = 0; i < roots->n; i++)
		if (policy_root_listed(roots->v[i], now)) {
			next = MIN(next, roots->v[i]->listed_until);
			n++;
		}
	if (n < POLICY_ROOTS_MAX)
		return true;
	api_refuse(request_of(c), API_LIMIT,
		"%zu roots are listed, and certificates of them may be valid; the first of them "
		"goes at "
		"%s",
		n, policy_time_format(next, text));
	return false;
}

static bool rotate_rows(struct change *c, const struct tls_authority *signer,
	const struct policy_root *before)
{
	uint64_t lifetime = of(c)->lifetime ? of(c)->lifetime : before->lifetime;
	uint64_t until = retire(c);
	const char *domain = tls_authority_domain(signer);
	struct policy_root *root = until ? add_root(c, domain, before->id + 1, lifetime) : NULL;
	return root && cross_sign(c, signer, root, until) &&
	       admin_change_note(c, "ca.rotate", domain,
		       json_pack("{s:I, s:I}", "root", (json_int_t)root->id, "lifetimeSeconds",
			       (json_int_t)(lifetime / CLOCK_S)));
}

static bool rotate_check(struct change *c)
{
	struct api_request *rq = request_of(c);
	const struct policy_root *before = catalog_signing_root(&catalog_of(c)->roots);
	struct error err;
	if (!before) {
		ca_refuse_none(rq);
		return false;
	}
	if (!api_if_match(rq, before->rev) || !has_room(c))
		return false;
	const struct tls_authority *signer =
		authority_signer(&admin_of(rq)->authority, before, &err);
	return signer ? rotate_rows(c, signer, before) : no_root(c, -EINVAL, &err);
}

static void rotate_answer(struct change *c)
{
	/* The key of the one before is nowhere any more. */
	authority_deinit(&admin_of(request_of(c))->authority);
	answer_ca(c, 200);
}

static const struct change_ops rotate_ops =
	ADMIN_CHANGE_OPS(rotate_check, rotate_answer, ca_change_free);

void ca_rotate(struct api_request *rq)
{
	struct ca_change *cc = ca_change_new(rq, &rotate_ops);
	if (cc)
		admin_change_submit(&cc->change);
}
