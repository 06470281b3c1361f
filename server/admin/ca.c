/* SPDX-License-Identifier: MIT */
/* The certificate authority: whom programs are to trust, which is no secret, and what the operator does with it. */
#include "server/admin/api.h"
#include "server/admin/ca_change.h"
#include "server/admin/ca_json.h"
#include "server/store/catalog.h"

static void ca_show(struct api_request *rq)
{
	const struct catalog_roots *roots = &admin_of(rq)->catalog->roots;
	const struct policy_root *r = catalog_signing_root(roots);
	if (!r) {
		ca_refuse_none(rq);
		return;
	}
	api_set_etag(rq, r->rev);
	api_answer(rq, 200, ca_json(roots));
}

static const struct api_member members[] =
	{{"lifetime", API_SPAN, .max = POLICY_CERTIFICATE_LIFETIME_MAX / CLOCK_S}, {0}};

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/ca", API_ANYBODY, .run = ca_show},
	{API_POST, "/api/v1/ca", API_OPERATOR, .members = members, .run = ca_init},
	{API_POST, "/api/v1/ca/rotate", API_OPERATOR, .members = members, .run = ca_rotate},
};
const struct api_operations admin_ca = {rows, ARRAY_LEN(rows)};
