/* SPDX-License-Identifier: MIT */
#include "server/admin/ca_json.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "server/admin/identity_json.h"
#include "tls/tls_authority.h"

static int append(struct buf *to, const char *text)
{
	return buf_append(to, text, strlen(text));
}

/* Takes the text. */
static json_t *text_json(struct buf *text, int r)
{
	json_t *json = r == 0 ? json_stringn((char *)buf_head(text), buf_len(text)) : NULL;
	buf_deinit(text);
	return json;
}

json_t *ca_bundle_json(const struct catalog_roots *roots)
{
	struct buf text = BUF_NULL;
	uint64_t now = policy_now();
	int r = 0;
	for (size_t i = roots->n; r == 0 && i-- > 0;)
		if (policy_root_listed(roots->v[i], now))
			r = append(&text, roots->v[i]->certificate);
	return text_json(&text, r);
}

json_t *ca_chain_json(const struct catalog_roots *roots, const char *certificate)
{
	struct buf text = BUF_NULL;
	uint64_t now = policy_now();
	int r = append(&text, certificate);
	for (size_t i = roots->n; r == 0 && i-- > 1 && policy_root_listed(roots->v[i - 1], now);)
		r = append(&text, roots->v[i]->cross);
	return text_json(&text, r);
}

json_t *ca_time_json(int64_t at)
{
	return time_json((uint64_t)at * CLOCK_S);
}

static json_t *root_json(const struct policy_root *r)
{
	struct tls_facts facts;
	struct error err;
	bool signs = r->listed_until == POLICY_NONE;
	/* It was read when it was made. */
	if (tls_facts_read(r->certificate, &facts, &err) < 0)
		return NULL;
	return json_pack("{s:I, s:s, s:o, s:o, s:o, s:s, s:s, s:s, s:s?}", "id", (json_int_t)r->id,
		"state", signs ? "signing" : "listed", "notBefore", ca_time_json(facts.from),
		"notAfter", ca_time_json(facts.to), "listedUntil", time_json(r->listed_until),
		"serial", facts.serial, "pin", facts.pin, "certificate", r->certificate,
		"crossSigned", *r->cross ? r->cross : NULL);
}

static json_t *roots_json(const struct catalog_roots *roots)
{
	json_t *array = json_array();
	uint64_t now = policy_now();
	for (size_t i = roots->n; array && i-- > 0;)
		if (policy_root_listed(roots->v[i], now) &&
			json_array_append_new(array, root_json(roots->v[i])) < 0) {
			json_decref(array);
			array = NULL;
		}
	return array;
}

/* Of all its roots. */
static json_t *domain_json(const struct policy_root *r)
{
	static const char scheme[] = "spiffe://";
	struct tls_facts facts;
	struct error err;
	if (tls_facts_read(r->certificate, &facts, &err) < 0 ||
		strncmp(facts.id, scheme, strlen(scheme)) != 0)
		return NULL;
	return json_string(facts.id + strlen(scheme));
}

json_t *ca_json(const struct catalog_roots *roots)
{
	const struct policy_root *r = catalog_signing_root(roots);
	return json_pack("{s:o, s:I, s:I, s:o, s:o}", "trustDomain", domain_json(r),
		"lifetimeSeconds", (json_int_t)(r->lifetime / CLOCK_S), "revision",
		(json_int_t)r->rev, "roots", roots_json(roots), "bundle", ca_bundle_json(roots));
}
