/* SPDX-License-Identifier: MIT */
#include "server/trace/otlp_post.h"

#include <errno.h>

#include "net/fetch.h"

int otlp_post(const struct otlp_target *target, struct tls_client *tls, const char *fields,
	const char *body, size_t n, struct error *err)
{
	struct fetch_answer answer;
	const struct fetch_request rq = {.target = &target->to,
		.tls = tls,
		.method = "POST",
		.path = STR("/v1/traces"),
		.type = "application/json",
		.fields = fields,
		.body = body,
		.n = n,
		.deadline = clock_now() + OTLP_TIMEOUT};
	int status = fetch(&rq, &answer, err);
	if (status == 0)
		status = (int)answer.status;
	fetch_answer_deinit(&answer);
	if (status < 0 || (status >= 200 && status < 300))
		return status < 0 ? status : 0;
	/* Those that OTLP has tried again. */
	bool later = status == 429 || (status >= 502 && status <= 504);
	return error_set(err, later ? -EAGAIN : OTLP_REFUSED, "it answers %d", status);
}
