/* SPDX-License-Identifier: MIT */
/*
 * Certificates of identities, for programs that speak mutual TLS with each other. Who asks gets one of its own name
 * alone; the operator gets one of any. Nothing is kept of them but a line of the audit log: they end by themselves.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "server/admin/api.h"
#include "server/admin/authority.h"
#include "server/admin/ca_change.h"
#include "server/admin/ca_json.h"
#include "server/admin/identity_json.h"
#include "server/base/audit_log.h"
#include "server/base/node.h"
#include "server/control/grants.h"
#include "tls/tls_authority.h"
#include "wire/url.h"

/* Clocks of peers may be as much behind: Consul's minute. s */
#define BEFORE 60

/*
 * µs; of one that is to be shorter than the others. Whoever renews such a one does it every few seconds, which a test
 * wants, and the bound of signatures holds for all.
 */
#define LIFETIME_MIN (5 * CLOCK_S)

/* ---- Whose it is ---- */

/* NULL: there is no such identity, or who asks is another, and it was refused. */
static const struct identity *named(struct api_request *rq, const char *name)
{
	char canonical[POLICY_NAME_SIZE], room[API_QUOTE_SIZE];
	struct error err;
	const struct identity *own = rq->actor.identity, *i = NULL;
	if (policy_name_check(str_from(name), canonical, &err) < 0) {
		api_refuse(rq, API_INVALID, "\"identity\": %s", err.text);
		return NULL;
	}
	if (!rq->actor.may_all && strcmp(own->name, canonical) != 0) {
		api_refuse(rq, API_DENIED,
			"%s gets certificates of its own name alone; for others it takes an "
			"identity "
			"with --operator",
			rq->actor.name);
		return NULL;
	}
	i = catalog_find(admin_of(rq)->catalog, str_from(canonical));
	if (!i)
		api_refuse(rq, API_NOT_FOUND, "there is no identity \"%s\"", api_quote(name, room));
	return i;
}

static const struct identity *asked_for(struct api_request *rq)
{
	const char *name = json_string_value(json_object_get(rq->json, "identity"));
	if (name)
		return named(rq, name);
	if (!rq->actor.identity)
		api_refuse(rq, API_INVALID, "\"identity\" is missing: whose certificate is it?");
	return rq->actor.identity;
}

/* Whether it may have one now; false: it was refused. */
static bool may_have(struct api_request *rq, const struct identity *i)
{
	enum policy_state state = policy_identity_state(&i->value, policy_now());
	struct error err;
	if (i->open)
		api_refuse(rq, API_UNSUPPORTED,
			"the server runs without tokens (--no-token), and a certificate would be "
			"everybody's");
	else if (rq->actor.identity &&
		 grants_check_token(rq->actor.credential, &rq->actor.from, &err) < 0)
		api_refuse(rq, API_DENIED, "%s", err.text);
	else if (i->deleted || state != POLICY_ACTIVE)
		api_refuse(rq, API_DENIED, "%s is %s, and gets no certificate", i->name,
			i->deleted ? "deleted" : policy_state_name(state));
	else
		return true;
	return false;
}

/* ---- What it says ---- */

#define EXIT_NAME_SIZE sizeof(((struct url *)NULL)->host)

/* The exit node's host, as a segment of a SPIFFE ID may be (SPIFFE-ID, 2.2). */
static void exit_name(const struct node *n, char out[EXIT_NAME_SIZE])
{
	struct url u;
	struct error err;
	bool known = n->public_name && url_parse_remote(str_from(n->public_name), &u, &err) == 0;
	snprintf(out, EXIT_NAME_SIZE, "%s", known ? u.host : "exit");
	for (char *p = out; *p; p++)
		*p = isalnum((unsigned char)*p) || *p == '.' ? (char)tolower(*p) : '-';
}

static void write_id(const struct admin *a, const struct tls_authority *signer,
	const struct identity *i, char id[TLS_ID_SIZE])
{
	char exit[EXIT_NAME_SIZE];
	exit_name(a->node, exit);
	snprintf(id, TLS_ID_SIZE, "spiffe://%s/ns/default/dc/%s/svc/%s",
		tls_authority_domain(signer), exit, i->name);
}

/* ---- Signed ---- */

static void log_signature(const struct api_request *rq, const struct identity *i,
	const struct tls_facts *facts)
{
	char detail[TLS_ID_SIZE + 256], to[TLS_MOMENT_SIZE];
	log_info("%s has a certificate until %s (serial %s), by %s, %s", i->name,
		tls_moment(facts->to, to), facts->serial, rq->actor.name, rq->actor.via);
	if (!audit_log_enabled())
		return;
	snprintf(detail, sizeof(detail), "{\"id\":\"%s\",\"serial\":\"%s\"}", facts->id,
		facts->serial);
	audit_log(&(struct audit_entry){.actor = rq->actor.name,
		.via = rq->actor.via,
		.action = "certificate.sign",
		.subject = i->name,
		.detail = detail});
}

static void answer_signed(struct api_request *rq, const struct identity *i, const char *certificate,
	const struct tls_facts *facts)
{
	const struct catalog_roots *roots = &admin_of(rq)->catalog->roots;
	int64_t left = facts->to - facts->from - BEFORE;
	api_answer(rq, 201,
		json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:o, s:o}", "identity", i->name, "id",
			facts->id, "serial", facts->serial, "notBefore", ca_time_json(facts->from),
			"notAfter", ca_time_json(facts->to), "lifetimeSeconds", (json_int_t)left,
			"certificate", ca_chain_json(roots, certificate), "bundle",
			ca_bundle_json(roots)));
}

static void issue(struct api_request *rq, const struct identity *i, uint64_t lifetime,
	const struct tls_authority *signer)
{
	const char *request = json_string_value(json_object_get(rq->json, "request"));
	uint64_t now = policy_now(), to = now + lifetime;
	char id[TLS_ID_SIZE], *certificate;
	struct tls_facts facts;
	struct error err;
	write_id(admin_of(rq), signer, i, id);
	const struct tls_leaf leaf = {.request = request,
		.n = strlen(request),
		.id = id,
		.from = (int64_t)(now / CLOCK_S) - BEFORE,
		/* An identity that ends takes its name along. */
		.to = (int64_t)(MIN(to, i->value.expires_at) / CLOCK_S)};
	int r = tls_authority_issue(signer, &leaf, &certificate, &facts, &err);
	if (r < 0) {
		api_refuse(rq, r == -ENOMEM ? API_BUSY : API_INVALID, "%s", err.text);
		return;
	}
	log_signature(rq, i, &facts);
	answer_signed(rq, i, certificate, &facts);
	free(certificate);
}

static void certificate_create(struct api_request *rq)
{
	struct authority *a = &admin_of(rq)->authority;
	const struct policy_root *root = catalog_signing_root(&admin_of(rq)->catalog->roots);
	struct error err;
	if (!root) {
		ca_refuse_none(rq);
		return;
	}
	const struct identity *i = asked_for(rq);
	uint64_t lifetime = root->lifetime;
	if (!i || !may_have(rq, i) || !ca_lifetime(rq, LIFETIME_MIN, root->lifetime, &lifetime))
		return;
	const struct tls_authority *signer = authority_signer(a, root, &err);
	if (!signer) {
		api_refuse(rq, API_NOT_STORED, "nothing can be signed: %s", err.text);
	} else if (!authority_take(a, loop_now(rq->api->loop))) {
		rq->retry_after = 1;
		api_refuse(rq, API_LIMIT, "%d certificates are signed in a second, and no more",
			AUTHORITY_RATE);
	} else {
		issue(rq, i, lifetime, signer);
	}
}

static const struct api_member members[] = {
	{"request", API_TEXT, .max = TLS_REQUEST_MAX, .required = true},
	{"identity", API_TEXT, .max = POLICY_NAME_MAX},
	{"lifetime", API_SPAN, .max = POLICY_CERTIFICATE_LIFETIME_MAX / CLOCK_S},
	{0},
};

static const struct api_operation rows[] = {
	{API_POST, "/api/v1/certificates", API_ANYBODY, .members = members,
		.run = certificate_create},
};
const struct api_operations admin_certificates = {rows, ARRAY_LEN(rows)};
