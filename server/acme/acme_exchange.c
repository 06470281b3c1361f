/* SPDX-License-Identifier: MIT */
/* What an order asks of the CA, and what it makes of answers, whatever its step. */
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "server/acme/acme_steps.h"

/* ---- Asked ---- */

/* A signed request, but for the directory and a nonce, which are asked for as anything on the web is. */
bool acme_order_call(struct acme_order *o, struct acme_call *out)
{
	/* Another order has found that the CA does not know the account. */
	if (o->step == ACME_ORDER && !o->account->url)
		acme_order_step(o, ACME_ACCOUNT);
	const struct acme_step_ops *ops = &acme_steps[o->step];
	const char *url = ops->url(o);
	o->wait = 0;
	o->fetches_nonce = ops->payload && !*o->nonce;
	*out = (struct acme_call){.method = "GET", .url = url};
	if (o->fetches_nonce)
		*out = (struct acme_call){.method = "HEAD", .url = o->account->directory.new_nonce};
	if (o->fetches_nonce || !ops->payload)
		return true;
	const struct jws_header header = {url, o->nonce,
		o->step == ACME_ACCOUNT ? NULL : o->account->url};
	char *payload = ops->payload(o);
	out->method = "POST";
	out->body = payload ? jws_sign(o->account->key, &header, payload) : NULL;
	free(payload);
	/* Each is good for one request. */
	o->nonce[0] = 0;
	if (!out->body)
		acme_order_fail(o, "out of memory");
	return out->body;
}

/* ---- Answered ---- */

static void take_nonce(struct acme_order *o, struct str nonce)
{
	if (acme_is_token(nonce, ACME_NONCE_MAX))
		snprintf(o->nonce, sizeof(o->nonce), "%.*s", STR_ARG(nonce));
}

/* What people can do about it, behind the CA's own words. */
static const char *advice(const char *type)
{
	static const struct {
		const char *type, *text;
	} rows[] = {
		{"externalAccountRequired",
			"; this CA wants an account that it knows: give --acme-eab"},
		{"invalidContact", "; look at the address of --acme"},
		{"unsupportedContact", "; look at the address of --acme"},
		{"rejectedIdentifier", "; this CA gives no certificate for such a name"},
		{"caa", "; look at the name's CAA records in DNS"},
		{"invalidProfile", "; look at --acme-profile"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].type, type) == 0)
			return rows[i].text;
	return "";
}

static void refused(struct acme_order *o, const struct acme_answer *a, int64_t now)
{
	struct acme_problem p;
	char text[2 * ACME_DETAIL_SIZE];
	acme_problem_read(a, &p);
	if (strcmp(p.type, "badNonce") == 0 && *o->nonce && ++o->bad_nonces < ACME_BAD_NONCES_MAX)
		return;
	if (strcmp(p.type, "accountDoesNotExist") == 0 && o->step == ACME_ORDER && !o->again) {
		o->again = true;
		free(o->account->url);
		o->account->url = NULL;
		acme_order_step(o, ACME_ACCOUNT);
		return;
	}
	/* The order may still be being looked at (RFC 8555, 7.4). */
	if (strcmp(p.type, "orderNotReady") == 0 && o->step == ACME_FINALIZE) {
		acme_order_step(o, ACME_ISSUANCE);
		o->wait = ACME_POLL_WAIT;
		return;
	}
	/* It was replaced by another one already (RFC 9773, 5). */
	if (o->step == ACME_ORDER && o->replaces && (a->status == 409 || a->status == 404)) {
		free(o->replaces);
		o->replaces = NULL;
		return;
	}
	o->retry_after = acme_retry_after(a->retry_after, now);
	acme_order_fail(o, "the CA refuses the %s: %s%s", acme_step_name(o->step),
		acme_problem_text(&p, text), advice(p.type));
}

static void nonce_answered(struct acme_order *o, const struct acme_answer *a, int64_t now)
{
	if (a->status >= 400)
		refused(o, a, now);
	else if (!*o->nonce)
		acme_order_fail(o, "the CA gives no nonce, but status %u", a->status);
}

void acme_order_answered(struct acme_order *o, const struct acme_answer *a, int64_t now)
{
	take_nonce(o, a->nonce);
	if (o->fetches_nonce) {
		nonce_answered(o, a, now);
		return;
	}
	if (a->status >= 300) {
		refused(o, a, now);
		return;
	}
	o->bad_nonces = 0;
	acme_steps[o->step].answered(o, a, now);
}
