/* SPDX-License-Identifier: MIT */
#include "server/acme/acme_steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macros.h"

/* Entries of a list in an answer that are looked at: an authorization has three challenges or so. */
#define LIST_MAX 32

static void replace(char **to, char *with)
{
	free(*to);
	*to = with;
}

static const char *text_of(const json_t *json, const char *member)
{
	const char *text = json_string_value(json_object_get(json, member));
	return text ? text : "";
}

/* What is no object, or lacks a part that RFC 8555 promises. */
static void odd(struct acme_order *o, const char *what)
{
	acme_order_fail(o, "the CA's answer has no %s", what);
}

static char *empty(struct acme_order *o)
{
	return strdup("");
}

/* An order or authorization that the CA works on is looked at again. */
static void poll_again(struct acme_order *o, const struct acme_answer *a, int64_t now)
{
	uint64_t wait = acme_retry_after(a->retry_after, now);
	if (++o->polls > ACME_POLLS_MAX)
		acme_order_fail(o, "the CA did not come to an end with it");
	else
		o->wait = wait ? (unsigned)MIN(wait, (uint64_t)ACME_POLL_WAIT_MAX) : ACME_POLL_WAIT;
}

/* ---- The directory ---- */

static const char *directory_url(const struct acme_order *o)
{
	return o->account->directory_url;
}

static void directory_read(struct acme_order *o, const json_t *json)
{
	struct acme_account *account = o->account;
	struct acme_directory d;
	bool whole = acme_directory_read(&d, json);
	const json_t *meta = json_object_get(json, "meta");
	const json_t *profiles = json_object_get(meta, "profiles");
	bool bound = json_is_true(json_object_get(meta, "externalAccountRequired"));
	bool offered = !account->profile || json_object_get(profiles, account->profile);
	if (whole && offered && (!bound || account->binding || account->url)) {
		acme_directory_deinit(&account->directory);
		account->directory = d;
		acme_order_step(o, account->url ? ACME_ORDER : ACME_ACCOUNT);
		return;
	}
	acme_directory_deinit(&d);
	if (!whole)
		acme_order_fail(o, "%s is no directory of an ACME server: look at --acme-server",
			account->directory_url);
	else if (!offered)
		acme_order_fail(o, "this CA has no profile %s: look at --acme-profile",
			account->profile);
	else
		acme_order_fail(o, "this CA wants an account that it knows: give --acme-eab");
}

static void directory_answered(struct acme_order *o, const struct acme_answer *a, int64_t now)
{
	json_t *json = acme_answer_json(a);
	directory_read(o, json);
	json_decref(json);
}

/* ---- The account ---- */

static const char *account_url(const struct acme_order *o)
{
	return o->account->directory.new_account;
}

/* Giving --acme agrees to the CA's terms, as its documentation says. */
static char *account_payload(struct acme_order *o)
{
	const struct acme_account *account = o->account;
	char mail[512], *text = NULL;
	snprintf(mail, sizeof(mail), "mailto:%s", account->email);
	json_t *json = json_pack("{s:b, s:[s]}", "termsOfServiceAgreed", 1, "contact", mail);
	auto_free char *bound =
		account->binding ? jws_bind(account->key, account->binding, account_url(o)) : NULL;
	json_t *binding = bound ? json_loads(bound, 0, NULL) : NULL;
	bool complete =
		json && (!account->binding ||
				json_object_set_new(json, "externalAccountBinding", binding) == 0);
	if (complete)
		text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	return text;
}

static void account_answered(struct acme_order *o, const struct acme_answer *a, int64_t now)
{
	char *url = acme_url(a->location);
	json_t *json = acme_answer_json(a);
	const char *status = text_of(json, "status");
	bool good = !*status || strcmp(status, "valid") == 0;
	json_decref(json);
	if (url && good) {
		replace(&o->account->url, url);
		acme_order_step(o, ACME_ORDER);
		return;
	}
	free(url);
	if (good)
		odd(o, "URL of the account");
	else
		acme_order_fail(o, "the CA has closed this account");
}

/* ---- The order ---- */

static const char *order_url(const struct acme_order *o)
{
	return o->account->directory.new_order;
}

static char *order_payload(struct acme_order *o)
{
	json_t *json =
		json_pack("{s:[{s:s, s:s}]}", "identifiers", "type", "dns", "value", o->name);
	char *text = NULL;
	bool complete = json;
	if (complete && o->account->profile)
		complete =
			json_object_set_new(json, "profile", json_string(o->account->profile)) == 0;
	if (complete && o->replaces && o->account->directory.renewal_info)
		complete = json_object_set_new(json, "replaces", json_string(o->replaces)) == 0;
	if (complete)
		text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	return text;
}

/* There is one name, so there is one authorization. */
static void order_read(struct acme_order *o, const json_t *json)
{
	const json_t *all = json_object_get(json, "authorizations");
	const char *first = json_string_value(json_array_get(all, 0));
	replace(&o->finalize, acme_url_of(json, "finalize"));
	replace(&o->authorization, first ? acme_url(str_from(first)) : NULL);
	if (!o->finalize || !o->authorization || json_array_size(all) != 1)
		odd(o, "one authorization for one name");
	else if (strcmp(text_of(json, "status"), "ready") == 0)
		acme_order_step(o, ACME_FINALIZE);
	else
		acme_order_step(o, ACME_AUTHORIZATION);
}

static void order_answered(struct acme_order *o, const struct acme_answer *a, int64_t now)
{
	json_t *json = acme_answer_json(a);
	replace(&o->url, acme_url(a->location));
	if (o->url)
		order_read(o, json);
	else
		odd(o, "URL of the order");
	json_decref(json);
}

/* ---- The authorization ---- */

static const char *authorization_url(const struct acme_order *o)
{
	return o->authorization;
}

static const json_t *challenge_of(const json_t *json, const char *type)
{
	const json_t *all = json_object_get(json, "challenges");
	size_t n = MIN(json_array_size(all), (size_t)LIST_MAX);
	for (size_t i = 0; i < n; i++) {
		const json_t *c = json_array_get(all, i);
		if (strcmp(text_of(c, "type"), type) == 0)
			return c;
	}
	return NULL;
}

static void authorization_failed(struct acme_order *o, const json_t *json)
{
	struct acme_problem p;
	char text[2 * ACME_DETAIL_SIZE];
	const json_t *all = json_object_get(json, "challenges"), *found = NULL;
	size_t n = MIN(json_array_size(all), (size_t)LIST_MAX);
	for (size_t i = 0; i < n && !found; i++)
		found = json_object_get(json_array_get(all, i), "error");
	acme_problem_take(found, &p);
	acme_order_fail(o, "the CA could not verify it by %s: %s", acme_proof_name(o->proof),
		acme_problem_text(&p, text));
}

static void authorization_read(struct acme_order *o, const json_t *json)
{
	const char *status = text_of(json, "status");
	const json_t *c = challenge_of(json, acme_proof_name(o->proof));
	struct str token = str_from(text_of(c, "token"));
	if (strcmp(status, "valid") == 0) {
		acme_order_step(o, ACME_FINALIZE);
		return;
	}
	if (strcmp(status, "pending") != 0) {
		authorization_failed(o, json);
		return;
	}
	replace(&o->challenge, c ? acme_url_of(c, "url") : NULL);
	if (!c) {
		acme_order_fail(o, "the CA does not offer %s for it", acme_proof_name(o->proof));
	} else if (!o->challenge || !acme_is_token(token, ACME_TOKEN_MAX)) {
		odd(o, "token of base64url");
	} else {
		snprintf(o->token, sizeof(o->token), "%.*s", STR_ARG(token));
		acme_order_step(o, ACME_PRESENT);
	}
}

static void authorization_answered(struct acme_order *o, const struct acme_answer *a, int64_t now)
{
	json_t *json = acme_answer_json(a);
	authorization_read(o, json);
	json_decref(json);
}

/* ---- The challenge ---- */

static const char *challenge_url(const struct acme_order *o)
{
	return o->challenge;
}

static char *challenge_payload(struct acme_order *o)
{
	return strdup("{}");
}

static void challenge_answered(struct acme_order *o, const struct acme_answer *a, int64_t now)
{
	acme_order_step(o, ACME_VALIDATION);
	o->wait = 1;
}

static void validation_answered(struct acme_order *o, const struct acme_answer *a, int64_t now)
{
	json_t *json = acme_answer_json(a);
	const char *status = text_of(json, "status");
	if (strcmp(status, "valid") == 0)
		acme_order_step(o, ACME_FINALIZE);
	else if (strcmp(status, "pending") == 0 || strcmp(status, "processing") == 0)
		poll_again(o, a, now);
	else
		authorization_failed(o, json);
	json_decref(json);
}

/* ---- The end of the order ---- */

static const char *finalize_url(const struct acme_order *o)
{
	return o->finalize;
}

/* Asked for again behind a rejected nonce, it is the same request. */
static char *finalize_payload(struct acme_order *o)
{
	struct error err;
	char *text = NULL;
	if (!o->key && tls_order_make(o->name, &o->key, &o->request, &err) < 0)
		return NULL;
	size_t n = buf_len(&o->request);
	auto_free char *coded = malloc(BASE64URL_SIZE(n));
	if (coded)
		base64url_encode(buf_head(&o->request), n, coded, BASE64URL_SIZE(n));
	return !coded || asprintf(&text, "{\"csr\":\"%s\"}", coded) < 0 ? NULL : text;
}

static const char *issuance_url(const struct acme_order *o)
{
	return o->url;
}

static void order_failed(struct acme_order *o, const json_t *json)
{
	struct acme_problem p;
	char text[2 * ACME_DETAIL_SIZE];
	acme_problem_take(json_object_get(json, "error"), &p);
	acme_order_fail(o, "the CA did not issue it: %s", acme_problem_text(&p, text));
}

/* Of the order, whatever was asked of it. */
static void issuance_read(struct acme_order *o, const json_t *json, const struct acme_answer *a,
	int64_t now)
{
	const char *status = text_of(json, "status");
	if (strcmp(status, "valid") == 0) {
		replace(&o->certificate, acme_url_of(json, "certificate"));
		if (o->certificate)
			acme_order_step(o, ACME_CERTIFICATE);
		else
			odd(o, "URL of the certificate");
	} else if (strcmp(status, "ready") == 0 && o->step == ACME_ISSUANCE &&
		   ++o->lost <= ACME_LOST_MAX) {
		acme_order_step(o, ACME_FINALIZE);
	} else if (strcmp(status, "processing") == 0 || strcmp(status, "pending") == 0) {
		if (o->step == ACME_FINALIZE)
			acme_order_step(o, ACME_ISSUANCE);
		poll_again(o, a, now);
	} else {
		order_failed(o, json);
	}
}

static void issuance_answered(struct acme_order *o, const struct acme_answer *a, int64_t now)
{
	json_t *json = acme_answer_json(a);
	issuance_read(o, json, a, now);
	json_decref(json);
}

static const char *certificate_url(const struct acme_order *o)
{
	return o->certificate;
}

/* The chain with the key behind it, as it is kept. */
static void certificate_answered(struct acme_order *o, const struct acme_answer *a, int64_t now)
{
	struct error err;
	if (memchr(a->body.p, 0, a->body.n)) {
		odd(o, "certificate in PEM");
		return;
	}
	struct secret *pem = secret_new(NULL, a->body.n + 1 + o->key->n + 1);
	if (!pem) {
		acme_order_fail(o, "out of memory");
		return;
	}
	memcpy(pem->bytes, a->body.p, a->body.n);
	pem->bytes[a->body.n] = '\n';
	memcpy(pem->bytes + a->body.n + 1, o->key->bytes, o->key->n);
	if (tls_order_read((const char *)pem->bytes, pem->n - 1, o->name, &o->facts, &err) < 0) {
		secret_free(pem);
		acme_order_fail(o, "what the CA issued is of no use: %s", err.text);
		return;
	}
	o->pem = pem;
	acme_order_step(o, ACME_DONE);
}

const struct acme_step_ops acme_steps[ACME_STEPS] = {
	[ACME_DIRECTORY] = {directory_url, NULL, directory_answered},
	[ACME_ACCOUNT] = {account_url, account_payload, account_answered},
	[ACME_ORDER] = {order_url, order_payload, order_answered},
	[ACME_AUTHORIZATION] = {authorization_url, empty, authorization_answered},
	[ACME_CHALLENGE] = {challenge_url, challenge_payload, challenge_answered},
	[ACME_VALIDATION] = {authorization_url, empty, validation_answered},
	[ACME_FINALIZE] = {finalize_url, finalize_payload, issuance_answered},
	[ACME_ISSUANCE] = {issuance_url, empty, issuance_answered},
	[ACME_CERTIFICATE] = {certificate_url, empty, certificate_answered},
};
