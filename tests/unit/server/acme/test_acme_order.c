/* SPDX-License-Identifier: MIT */
/* An order against a scripted CA: what it asks, step by step, and what each answer makes of it. */
#include "server/acme/acme_order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "keys.h"

#define CA   "https://ca.example"
#define NAME "app.example.org"
#define NOW  1000000

#define DIRECTORY                                                                             \
	"{\"newNonce\":\"" CA "/nonce\",\"newAccount\":\"" CA "/account\",\"newOrder\":\"" CA \
	"/order\",\"renewalInfo\":\"" CA "/renewal\"}"
#define ORDER(status)                                                                           \
	"{\"status\":\"" status "\",\"authorizations\":[\"" CA "/authz/1\"],\"finalize\":\"" CA \
	"/finalize/1\",\"certificate\":\"" CA "/cert/1\"}"
#define AUTHORIZATION(status)                                                              \
	"{\"status\":\"" status "\",\"challenges\":[{\"type\":\"dns-01\",\"url\":\"" CA    \
	"/chall/0\",\"token\":\"other\"},{\"type\":\"http-01\",\"url\":\"" CA              \
	"/chall/1\",\"token\":\"tok-1\",\"error\":{\"type\":\"urn:ietf:params:acme:error:" \
	"connection\",\"detail\":\"refused\"}}]}"
#define PROBLEM(type) "{\"type\":\"urn:ietf:params:acme:error:" type "\",\"detail\":\"no\"}"

struct scene {
	struct acme_account account;
	struct acme_order order;
	unsigned nonces;
	char nonce[16], asked[ACME_URL_MAX + 16];
};

static void begin(struct scene *s)
{
	*s = (struct scene){.account = {.key = rfc7515_key(),
				    .directory_url = CA "/directory",
				    .email = "me@example.org"}};
	jws_thumbprint(s->account.key, s->account.thumbprint);
	acme_order_init(&s->order, &s->account, NAME, ACME_HTTP_01);
}

static void end(struct scene *s)
{
	acme_order_deinit(&s->order);
	acme_account_deinit(&s->account);
}

/* What it asks next: "POST https://…". */
static const char *ask(struct scene *s)
{
	struct acme_call call;
	assert_true(acme_order_call(&s->order, &call));
	snprintf(s->asked, sizeof(s->asked), "%s %s", call.method, call.url);
	assert_true(!call.body == (strcmp(call.method, "POST") != 0));
	free(call.body);
	return s->asked;
}

/* Answers with a nonce, always another one. */
static void answer_with(struct scene *s, struct acme_answer a)
{
	snprintf(s->nonce, sizeof(s->nonce), "n%u", ++s->nonces);
	a.nonce = str_from(s->nonce);
	acme_order_answered(&s->order, &a, NOW);
}

static void answer(struct scene *s, unsigned status, const char *location, const char *body)
{
	answer_with(s, (struct acme_answer){.status = status,
			       .location = str_from(location),
			       .body = str_from(body)});
}

/* One request and its answer. */
static void step(struct scene *s, const char *asked, unsigned status, const char *location,
	const char *body)
{
	assert_string_equal(ask(s), asked);
	answer(s, status, location, body);
}

/* Up to there, the straight way. */
static void go(struct scene *s, enum acme_step to)
{
	if (s->order.step == ACME_DIRECTORY && to > ACME_DIRECTORY)
		step(s, "GET " CA "/directory", 200, "", DIRECTORY);
	if (s->order.step == ACME_ACCOUNT && to > ACME_ACCOUNT) {
		if (!*s->order.nonce)
			step(s, "HEAD " CA "/nonce", 200, "", "");
		step(s, "POST " CA "/account", 201, CA "/me", "{\"status\":\"valid\"}");
	}
	if (to > ACME_ORDER)
		step(s, "POST " CA "/order", 201, CA "/order/1", ORDER("pending"));
	if (to > ACME_AUTHORIZATION)
		step(s, "POST " CA "/authz/1", 200, "", AUTHORIZATION("pending"));
	if (to > ACME_PRESENT)
		acme_order_presented(&s->order);
	if (to > ACME_CHALLENGE)
		step(s, "POST " CA "/chall/1", 200, "", "{}");
	if (to > ACME_VALIDATION)
		step(s, "POST " CA "/authz/1", 200, "", AUTHORIZATION("valid"));
	if (to > ACME_FINALIZE)
		step(s, "POST " CA "/finalize/1", 200, "", ORDER("processing"));
	if (to > ACME_ISSUANCE)
		step(s, "POST " CA "/order/1", 200, "", ORDER("valid"));
	assert_int_equal(s->order.step, to);
}

/* A certificate for the order's key, in PEM; the caller frees it. */
static char *certificate_for(const struct acme_order *o, const char *name)
{
	BIO *in = BIO_new_mem_buf(o->key->bytes, (int)o->key->n);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
	X509 *x = X509_new();
	char text[300], *p;
	snprintf(text, sizeof(text), "DNS:%s", name);
	X509_set_version(x, X509_VERSION_3);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 90L * 86400);
	X509_set_pubkey(x, key);
	X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text);
	X509_add_ext(x, names, -1);
	X509_sign(x, key, EVP_sha256());
	BIO *out = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(out, x);
	long n = BIO_get_mem_data(out, &p);
	char *copy = strndup(p, (size_t)n);
	X509_EXTENSION_free(names);
	X509_free(x);
	EVP_PKEY_free(key);
	BIO_free(in);
	BIO_free(out);
	return copy;
}

/* ---- The way ---- */

static void test_issued(void **state)
{
	struct scene s;
	char text[ACME_AUTHORIZATION_SIZE];
	begin(&s);
	go(&s, ACME_PRESENT);
	acme_order_key_authorization(&s.order, text);
	assert_string_equal(text, "tok-1." RFC7515_THUMBPRINT);
	acme_order_presented(&s.order);
	step(&s, "POST " CA "/chall/1", 200, "", "{}");
	assert_true(s.order.wait > 0);
	step(&s, "POST " CA "/authz/1", 200, "", AUTHORIZATION("pending"));
	assert_int_equal(s.order.wait, ACME_POLL_WAIT);
	step(&s, "POST " CA "/authz/1", 200, "", AUTHORIZATION("valid"));
	step(&s, "POST " CA "/finalize/1", 200, "", ORDER("processing"));
	step(&s, "POST " CA "/order/1", 200, "", ORDER("processing"));
	step(&s, "POST " CA "/order/1", 200, "", ORDER("valid"));
	char *pem = certificate_for(&s.order, NAME);
	step(&s, "POST " CA "/cert/1", 200, "", pem);
	assert_int_equal(s.order.step, ACME_DONE);
	assert_non_null(strstr((const char *)s.order.pem->bytes, "PRIVATE KEY"));
	assert_true(s.order.facts.dates.to - s.order.facts.dates.from == 90L * 86400);
	assert_string_equal(s.account.url, CA "/me");
	free(pem);
	end(&s);
}

/* Who is known, and has proved the name a moment ago, is asked for nothing again. */
static void test_short_way(void **state)
{
	struct scene s;
	begin(&s);
	go(&s, ACME_ORDER);
	acme_order_deinit(&s.order);
	acme_order_init(&s.order, &s.account, NAME, ACME_HTTP_01);
	assert_int_equal(s.order.step, ACME_ORDER);
	step(&s, "HEAD " CA "/nonce", 200, "", "");
	step(&s, "POST " CA "/order", 201, CA "/order/1", ORDER("ready"));
	assert_int_equal(s.order.step, ACME_FINALIZE);
	end(&s);
}

static void test_rejected_nonces(void **state)
{
	struct scene s;
	begin(&s);
	go(&s, ACME_ORDER);
	for (int i = 0; i < ACME_BAD_NONCES_MAX - 1; i++)
		step(&s, "POST " CA "/order", 400, "", PROBLEM("badNonce"));
	assert_int_equal(s.order.step, ACME_ORDER);
	/* Each request that passes begins the count anew. */
	step(&s, "POST " CA "/order", 201, CA "/order/1", ORDER("pending"));
	for (int i = 0; i < ACME_BAD_NONCES_MAX; i++)
		step(&s, "POST " CA "/authz/1", 400, "", PROBLEM("badNonce"));
	assert_int_equal(s.order.step, ACME_FAILED);
	end(&s);
}

static void test_no_nonce(void **state)
{
	static const char *const odd[] = {"", "a b", "a\r\nb", "a/b"};
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		struct scene s;
		begin(&s);
		ask(&s);
		acme_order_answered(&s.order,
			&(struct acme_answer){.status = 200, .body = STR(DIRECTORY)}, NOW);
		assert_string_equal(ask(&s), "HEAD " CA "/nonce");
		acme_order_answered(&s.order,
			&(struct acme_answer){.status = 200,
				.nonce = str_from(odd[i]),
				.body = STR("")},
			NOW);
		assert_int_equal(s.order.step, ACME_FAILED);
		assert_string_equal(s.order.why.text, "the CA gives no nonce, but status 200");
		end(&s);
	}
}

/* ---- What a CA refuses ---- */

static void test_refused(void **state)
{
	static const struct {
		enum acme_step step;
		unsigned status;
		const char *retry_after, *body, *why;
		uint64_t wait;
	} rows[] = {
		{ACME_DIRECTORY, 404, "", "", "the CA refuses the directory: status 404", 0},
		{ACME_DIRECTORY, 301, "", "", "the CA refuses the directory: status 301", 0},
		{ACME_ACCOUNT, 403, "", PROBLEM("externalAccountRequired"), "give --acme-eab", 0},
		{ACME_ACCOUNT, 400, "", PROBLEM("invalidContact"), "look at the address of --acme",
			0},
		{ACME_ORDER, 429, "7200", PROBLEM("rateLimited"),
			"the CA refuses the order: no (rateLimited)", 7200},
		{ACME_ORDER, 503, "120", "busy", "status 503", 120},
		{ACME_ORDER, 400, "", PROBLEM("rejectedIdentifier"),
			"gives no certificate for such a name", 0},
		{ACME_CHALLENGE, 500, "", "", "the CA refuses the challenge", 0},
		{ACME_FINALIZE, 400, "", PROBLEM("badCSR"), "no (badCSR)", 0},
		{ACME_CERTIFICATE, 404, "", "", "the CA refuses the certificate", 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		begin(&s);
		go(&s, rows[i].step);
		ask(&s);
		if (s.order.fetches_nonce) {
			answer(&s, 200, "", "");
			ask(&s);
		}
		answer_with(&s, (struct acme_answer){.status = rows[i].status,
					.retry_after = str_from(rows[i].retry_after),
					.body = str_from(rows[i].body)});
		assert_int_equal(s.order.step, ACME_FAILED);
		assert_non_null(strstr(s.order.why.text, rows[i].why));
		assert_int_equal(s.order.retry_after, rows[i].wait);
		end(&s);
	}
}

static void test_not_verified(void **state)
{
	struct scene s;
	begin(&s);
	go(&s, ACME_VALIDATION);
	step(&s, "POST " CA "/authz/1", 200, "", AUTHORIZATION("invalid"));
	assert_int_equal(s.order.step, ACME_FAILED);
	assert_string_equal(s.order.why.text,
		"the CA could not verify it by http-01: refused (connection)");
	end(&s);
}

static void test_without_an_end(void **state)
{
	static const enum acme_step steps[] = {ACME_VALIDATION, ACME_ISSUANCE};
	static const char *const bodies[] = {AUTHORIZATION("processing"), ORDER("processing")};
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct scene s;
		unsigned polls = 0;
		begin(&s);
		go(&s, steps[i]);
		while (s.order.step == steps[i] && polls++ < 2 * ACME_POLLS_MAX) {
			ask(&s);
			answer(&s, 200, "", bodies[i]);
		}
		assert_int_equal(s.order.step, ACME_FAILED);
		assert_string_equal(s.order.why.text, "the CA did not come to an end with it");
		end(&s);
	}
}

static void test_forgotten_account(void **state)
{
	struct scene s;
	begin(&s);
	go(&s, ACME_ORDER);
	step(&s, "POST " CA "/order", 400, "", PROBLEM("accountDoesNotExist"));
	assert_int_equal(s.order.step, ACME_ACCOUNT);
	assert_null(s.account.url);
	step(&s, "POST " CA "/account", 201, CA "/me2", "{}");
	/* Once. */
	step(&s, "POST " CA "/order", 400, "", PROBLEM("accountDoesNotExist"));
	assert_int_equal(s.order.step, ACME_FAILED);
	end(&s);
}

static void test_not_ready(void **state)
{
	struct scene s;
	begin(&s);
	go(&s, ACME_FINALIZE);
	step(&s, "POST " CA "/finalize/1", 403, "", PROBLEM("orderNotReady"));
	assert_int_equal(s.order.step, ACME_ISSUANCE);
	step(&s, "POST " CA "/order/1", 200, "", ORDER("ready"));
	step(&s, "POST " CA "/finalize/1", 200, "", ORDER("valid"));
	assert_int_equal(s.order.step, ACME_CERTIFICATE);
	end(&s);
}

static void test_replaced_already(void **state)
{
	struct scene s;
	begin(&s);
	s.order.replaces = strdup("a.b");
	go(&s, ACME_ORDER);
	step(&s, "POST " CA "/order", 409, "", PROBLEM("alreadyReplaced"));
	assert_int_equal(s.order.step, ACME_ORDER);
	assert_null(s.order.replaces);
	step(&s, "POST " CA "/order", 201, CA "/order/1", ORDER("pending"));
	assert_int_equal(s.order.step, ACME_AUTHORIZATION);
	end(&s);
}

static void test_lost(void **state)
{
	struct scene s;
	struct error err;
	error_set(&err, 0, "ca.example: Connection refused");
	begin(&s);
	go(&s, ACME_ORDER);
	for (int i = 0; i < ACME_LOST_MAX; i++) {
		ask(&s);
		acme_order_lost(&s.order, &err);
		assert_int_equal(s.order.wait, ACME_LOST_WAIT);
		assert_int_equal(s.order.step, ACME_ORDER);
		/* Its nonce may have been used. */
		step(&s, "HEAD " CA "/nonce", 200, "", "");
	}
	ask(&s);
	acme_order_lost(&s.order, &err);
	assert_int_equal(s.order.step, ACME_FAILED);
	assert_string_equal(s.order.why.text, "ca.example: Connection refused");
	end(&s);
}

/* ---- Answers that are none ---- */

static void test_odd_answers(void **state)
{
	static const char *const odd[] = {"", "{", "[]", "null", "7", "{}", "\xff\xfe",
		"{\"status\":7}", "{\"status\":\"pending\",\"challenges\":7}",
		"{\"status\":\"pending\",\"challenges\":[7,null,{}]}",
		"{\"status\":\"pending\",\"challenges\":[{\"type\":\"http-01\",\"url\":\"" CA
		"/c\",\"token\":\"../../x\"}]}",
		"{\"status\":\"pending\",\"challenges\":[{\"type\":\"http-01\",\"url\":\"x\","
		"\"token\":"
		"\"x\"}]}",
		"{\"status\":\"pending\",\"authorizations\":[],\"finalize\":\"" CA "/f\"}",
		"{\"status\":\"pending\",\"authorizations\":[7],\"finalize\":\"" CA "/f\"}",
		"{\"status\":\"pending\",\"authorizations\":[\"" CA "/1\",\"" CA
		"/2\"],\"finalize\":\"" CA "/f\"}",
		"{\"newNonce\":\"" CA "\",\"newAccount\":7,\"newOrder\":[]}",
		"{\"status\":\"valid\",\"certificate\":\"javascript:1\"}",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
	static const enum acme_step steps[] = {ACME_DIRECTORY, ACME_ORDER, ACME_AUTHORIZATION,
		ACME_FINALIZE, ACME_CERTIFICATE};
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		for (size_t k = 0; k < ARRAY_LEN(odd); k++) {
			struct scene s;
			begin(&s);
			go(&s, steps[i]);
			ask(&s);
			answer(&s, 200, CA "/1", odd[k]);
			/* An order that is pending is waited for, a name that is verified needs no proof. */
			bool waits = steps[i] == ACME_FINALIZE && strstr(odd[k], "\"pending\"");
			bool valid = steps[i] == ACME_AUTHORIZATION && strstr(odd[k], "\"valid\"");
			assert_int_equal(s.order.step, waits   ? ACME_ISSUANCE
						       : valid ? ACME_FINALIZE
							       : ACME_FAILED);
			assert_true(waits || valid || *s.order.why.text);
			end(&s);
		}
}

static void test_wrong_certificate(void **state)
{
	struct scene s;
	begin(&s);
	go(&s, ACME_CERTIFICATE);
	char *pem = certificate_for(&s.order, "other.example.org");
	step(&s, "POST " CA "/cert/1", 200, "", pem);
	assert_int_equal(s.order.step, ACME_FAILED);
	assert_string_equal(s.order.why.text,
		"what the CA issued is of no use: the certificate is not for " NAME);
	free(pem);
	end(&s);
	/* Of the name, but of another key. */
	struct scene other;
	begin(&s);
	begin(&other);
	go(&s, ACME_CERTIFICATE);
	go(&other, ACME_CERTIFICATE);
	pem = certificate_for(&other.order, NAME);
	step(&s, "POST " CA "/cert/1", 200, "", pem);
	assert_string_equal(s.order.why.text,
		"what the CA issued is of no use: the certificate is of another key");
	free(pem);
	end(&s);
	end(&other);
}

int main(void)
{
	crypto_start();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_issued),
		cmocka_unit_test(test_short_way),
		cmocka_unit_test(test_rejected_nonces),
		cmocka_unit_test(test_no_nonce),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_not_verified),
		cmocka_unit_test(test_without_an_end),
		cmocka_unit_test(test_forgotten_account),
		cmocka_unit_test(test_not_ready),
		cmocka_unit_test(test_replaced_already),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_odd_answers),
		cmocka_unit_test(test_wrong_certificate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
