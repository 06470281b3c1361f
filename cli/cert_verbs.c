/* SPDX-License-Identifier: MIT */
/* tunnel cert: a certificate of this client's identity, for a program that speaks mutual TLS itself; kept fresh. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "cli/admin_client.h"
#include "cli/answer.h"
#include "cli/certificate_files.h"
#include "cli/complain.h"
#include "cli/renewal.h"
#include "cli/renewal_command.h"
#include "cli/verb.h"
#include "client/session/backoff.h"
#include "crypto/crypto.h"
#include "crypto/random.h"
#include "policy/root.h"
#include "tls/tls_request.h"

/* µs; least time between two renewals, whatever an exit node says of the one before. */
#define RENEWAL_MIN CLOCK_S

struct renewal {
	struct call *call;
	uint64_t lifetime; /* µs, of the certificate that is there; 0: none is */
	char ends[64];     /* when */
};

/* ---- One ---- */

static json_t *body(const struct call *c, const char *request)
{
	const struct admin_options *o = c->o;
	json_t *json = json_pack("{s:s, s:s*}", "request", request, "identity", o->name);
	if (json && o->lifetime)
		json_object_set_new(json, "lifetime",
			json_integer((json_int_t)(o->lifetime / CLOCK_S)));
	return json;
}

static int ask(struct call *c, const char *request, json_t **answer_out)
{
	json_t *json = body(c, request);
	const struct admin_client_request what = {c->verb->method, c->verb->path, json, NULL};
	int r = json ? call_open(c) : error_set(c->err, STATUS_FAILED, "no memory");
	if (!r)
		r = admin_client_ask(c->transport, &what, answer_out, c->err);
	json_decref(json);
	/* Nobody answers on a link that rests until the next one. */
	call_close(c);
	return r;
}

/* Whether it is what was asked for, before a program is given it. */
static int keep(struct renewal *r, const struct secret *key, const json_t *answer)
{
	struct call *c = r->call;
	const struct certificate_files files = {answer_text(answer, "certificate"), key,
		answer_text(answer, "bundle")};
	struct tls_facts facts;
	if (tls_request_check(key, files.certificate, files.ca, &facts, c->err)) {
		error_prefix(c->err, "the exit node's answer is no certificate of use");
		return STATUS_FAILED;
	}
	if (certificate_files_write(c->o->out, &files, c->err))
		return STATUS_FAILED;
	r->lifetime = (uint64_t)MAX(answer_number(answer, "lifetimeSeconds"), 0) * CLOCK_S;
	snprintf(r->ends, sizeof r->ends, "%s", answer_text(answer, "notAfter"));
	if (call_output(c) == OUTPUT_JSON)
		return call_print_json(c, answer);
	call_say(c, "%s has the certificate of %s, valid until %s", c->o->out, facts.id, r->ends);
	return 0;
}

static int renew(struct renewal *r)
{
	struct call *c = r->call;
	struct secret *key = NULL;
	char *request = NULL;
	json_t *answer = NULL;
	int status = tls_request_make(&key, &request, c->err) ? STATUS_FAILED : 0;
	status = status ? status : ask(c, request, &answer);
	status = status ? status : keep(r, key, answer);
	json_decref(answer);
	free(request);
	secret_free(key);
	fflush(stdout);
	if (!status && c->o->exec && renewal_command(c->o->exec, c->err))
		status = c->o->once ? STATUS_FAILED : STATUS_OK;
	else if (!status)
		c->err->text[0] = 0;
	return status;
}

/* ---- And the next ones ---- */

/* Once for the same reason: it is tried again every few seconds. */
static void say_failure(const struct renewal *r, struct error *last)
{
	const struct error *err = r->call->err;
	struct error text = *err;
	if (strcmp(err->text, last->text) == 0)
		return;
	*last = *err;
	if (r->lifetime)
		error_prefix(&text, "not renewed, and tried again; what %s has is valid until %s",
			r->call->o->out, r->ends);
	else
		error_prefix(&text, "no certificate yet, and tried again");
	complain(LOG_WARN, r->call->verb->table.command, text.text);
}

/* Whether to try again is of no use: only a person can help. */
static bool is_final(const struct renewal *r, int status)
{
	return status == STATUS_USAGE || status == STATUS_REJECTED ||
	       (!r->lifetime && status != STATUS_NO_ANSWER);
}

static uint32_t draw(void)
{
	uint32_t random;
	random_bytes(&random, sizeof random);
	return random;
}

static int keep_fresh(struct renewal *r)
{
	struct backoff backoff = {0};
	struct error said = {""};
	renewal_begin();
	for (;;) {
		int status = renew(r);
		if (status && is_final(r, status))
			return status;
		if (*r->call->err->text)
			say_failure(r, &said);
		uint64_t wait =
			status ? backoff_next(&backoff, draw()) : renewal_wait(r->lifetime, draw());
		if (!status) {
			backoff_reset(&backoff);
			said.text[0] = 0;
		}
		renewal_sleep(MAX(wait, RENEWAL_MIN));
	}
}

static int run(struct call *c)
{
	struct renewal r = {.call = c};
	if (!c->o->remote.remote && !c->o->name)
		return error_set(c->err, STATUS_USAGE,
			"whose certificate is it? --remote with --token-from asks as an identity; "
			"the operator of the exit node names one with --identity");
	if (crypto_start())
		return error_set(c->err, STATUS_FAILED, "the system's cryptography cannot be used");
	return c->o->once ? renew(&r) : keep_fresh(&r);
}

static const struct option_row rows[] = {
	{.name = "out",
		.type = OPTION_STRING,
		.metavar = "DIR",
		.required = true,
		.help = "The directory for cert.pem, key.pem (mode 600) and ca.pem, which is made "
			"if "
			"it is not there",
		.brief = "The directory for cert.pem, key.pem and ca.pem",
		.offset = ADMIN_AT(out)},
	{.name = "exec",
		.type = OPTION_STRING,
		.metavar = "COMMAND",
		.help = "Run this by the shell after each renewal, so that the program reads the "
			"files again",
		.brief = "Run this after each renewal",
		.offset = ADMIN_AT(exec)},
	{.name = "once",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Get one and end, instead of keeping it fresh",
		.brief = "Get one and end",
		.offset = ADMIN_AT(once)},
	{.name = "lifetime",
		.type = OPTION_DURATION,
		.min = 5 * CLOCK_S,
		.max = POLICY_CERTIFICATE_LIFETIME_MAX,
		.help = "How long it is to last; default, and at most: what tunnel ca show says",
		.offset = ADMIN_AT(lifetime)},
	{.name = "identity",
		.type = OPTION_STRING,
		.metavar = "NAME",
		.help = "As an operator: the identity that the certificate is of",
		.offset = ADMIN_AT(name)},
};
static const struct verb verbs[] = {
	{.name = "",
		.table = {.command = "cert",
			.summary = "Gets a certificate of one's identity for a program that speaks "
				   "mutual TLS, and keeps it fresh.",
			.example = "Example:\n"
				   "  tunnel cert --out=/etc/web/tls --exec='systemctl reload web' "
				   "\\\n"
				   "    --remote=exit.example.org --token-from=web.token\n",
			.rows = rows,
			.n = ARRAY_LEN(rows)},
		.method = "POST",
		.path = "/api/v1/certificates",
		.run = run},
};
const struct noun noun_cert = {.name = "cert",
	.summary = "A certificate of one's identity, for a program that speaks mutual TLS",
	.verbs = verbs,
	.n = ARRAY_LEN(verbs)};
