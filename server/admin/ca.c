/* SPDX-License-Identifier: MIT */
/* The certificate authority: whom programs are to trust, which is no secret, and what the operator does with it. */
#include "server/admin/api.h"
#include "server/admin/ca_change.h"
#include "server/admin/ca_json.h"
#include "server/store/catalog.h"

static void ca_show(struct admin_request *rq)
{
	const struct catalog_roots *roots = &rq->admin->catalog->roots;
	const struct policy_root *r = catalog_signing_root(roots);
	if (!r) {
		ca_refuse_none(rq);
		return;
	}
	admin_set_etag(rq, r->rev);
	admin_answer(rq, 200, ca_json(roots));
}

static const struct admin_member members[] =
	{{"lifetime", ADMIN_SPAN, .max = POLICY_CERTIFICATE_LIFETIME_MAX / CLOCK_S}, {0}};

static const struct admin_operation rows[] = {
	{ADMIN_GET, "/api/v1/ca", ADMIN_ANYBODY, .run = ca_show},
	{ADMIN_POST, "/api/v1/ca", ADMIN_OPERATOR, .members = members, .run = ca_init},
	{ADMIN_POST, "/api/v1/ca/rotate", ADMIN_OPERATOR, .members = members, .run = ca_rotate},
};
const struct admin_operations admin_ca = {rows, ARRAY_LEN(rows)};
