/* SPDX-License-Identifier: MIT */
#include "server/acme/acme_order.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/state.h"
#include "server/acme/acme_steps.h"

static const char *const step_names[ACME_STEPS] = {"directory", "account", "order", "authorization",
	"present", "challenge", "validation", "finalize", "issuance", "certificate", "done",
	"failed"};

#define TO(step) (1 << ACME_##step)

void acme_order_step(struct acme_order *o, enum acme_step step)
{
	/* A CA that has forgotten the account is asked to know it again, once. */
	static const uint16_t legal[ACME_STEPS] = {
		[ACME_DIRECTORY] = TO(ACCOUNT) | TO(ORDER) | TO(FAILED),
		[ACME_ACCOUNT] = TO(ORDER) | TO(FAILED),
		[ACME_ORDER] = TO(ACCOUNT) | TO(AUTHORIZATION) | TO(FINALIZE) | TO(FAILED),
		[ACME_AUTHORIZATION] = TO(PRESENT) | TO(FINALIZE) | TO(FAILED),
		[ACME_PRESENT] = TO(CHALLENGE) | TO(FAILED),
		[ACME_CHALLENGE] = TO(VALIDATION) | TO(FAILED),
		[ACME_VALIDATION] = TO(FINALIZE) | TO(FAILED),
		[ACME_FINALIZE] = TO(ISSUANCE) | TO(CERTIFICATE) | TO(FAILED),
		[ACME_ISSUANCE] = TO(FINALIZE) | TO(CERTIFICATE) | TO(FAILED),
		[ACME_CERTIFICATE] = TO(DONE) | TO(FAILED),
		[ACME_DONE] = TO(FAILED), /* it could not be kept */
		[ACME_FAILED] = 0,
	};
	static const struct state_table table = {"order of a certificate", step_names, NULL};
	if (!(legal[o->step] >> step & 1))
		state_refuse(&table, o->step, step);
	o->step = step;
	o->polls = 0;
}

void acme_order_init(struct acme_order *o, struct acme_account *account, const char *name,
	enum acme_proof proof)
{
	*o = (struct acme_order){.account = account,
		.proof = proof,
		.step = !acme_directory_known(&account->directory) ? ACME_DIRECTORY
			: !account->url                            ? ACME_ACCOUNT
								   : ACME_ORDER};
	snprintf(o->name, sizeof(o->name), "%s", name);
}

void acme_order_deinit(struct acme_order *o)
{
	free(o->replaces);
	free(o->url);
	free(o->authorization);
	free(o->challenge);
	free(o->finalize);
	free(o->certificate);
	secret_free(o->key);
	secret_free(o->pem);
	buf_deinit(&o->request);
	*o = (struct acme_order){0};
}

const char *acme_step_name(enum acme_step step)
{
	return step_names[step];
}

const char *acme_proof_name(enum acme_proof proof)
{
	static const char *const names[ACME_PROOFS] = {"http-01", "tls-alpn-01", "dns-01"};
	return names[proof];
}

void acme_order_fail(struct acme_order *o, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(o->why.text, sizeof(o->why.text), fmt, ap);
	va_end(ap);
	acme_order_step(o, ACME_FAILED);
}

void acme_order_key_authorization(const struct acme_order *o, char out[ACME_AUTHORIZATION_SIZE])
{
	snprintf(out, ACME_AUTHORIZATION_SIZE, "%s.%s", o->token, o->account->thumbprint);
}

void acme_order_presented(struct acme_order *o)
{
	acme_order_step(o, ACME_CHALLENGE);
}

void acme_order_lost(struct acme_order *o, const struct error *err)
{
	if (++o->lost > ACME_LOST_MAX)
		acme_order_fail(o, "%s", err->text);
	else
		o->wait = ACME_LOST_WAIT;
}
