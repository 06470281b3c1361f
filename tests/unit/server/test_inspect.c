/* SPDX-License-Identifier: MIT */
/* What an inspection finds with files that are missing, wrong or out of date; nothing is made. */
#include "server/inspect.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "server/store/state_dir.h"

#define DAY 86400

static char root[] = "/tmp/tunnel-inspect-XXXXXX";

static struct {
	unsigned n;
	char text[2048];
} found;

static void on_found(void *arg, const char *sentence)
{
	assert_ptr_equal(arg, &found);
	found.n++;
	strncat(found.text, sentence, sizeof(found.text) - strlen(found.text) - 1);
}

static char *in_root(const char *name)
{
	static char paths[8][300];
	static unsigned next;
	char *path = paths[next++ % 8];
	snprintf(path, sizeof(paths[0]), "%s/%s", root, name);
	return path;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
}

/* A certificate with its key in one file, valid from and to these seconds from now. */
static char *make_certificate(const char *name, long from, long to)
{
	char *path = in_root(name);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_set_version(x, X509_VERSION_3);
	X509_gmtime_adj(X509_getm_notBefore(x), from);
	X509_gmtime_adj(X509_getm_notAfter(x), to);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
		(const unsigned char *)"a.example", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	PEM_write_X509(f, x);
	PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	chmod(path, 0600);
	X509_free(x);
	EVP_PKEY_free(key);
	return path;
}

static void inspect(const struct server_options *o, unsigned n, const char *text)
{
	memset(&found, 0, sizeof(found));
	server_inspect(o, on_found, &found);
	if (found.n != n || (text && !strstr(found.text, text)))
		fail_msg("%u: %s", found.n, found.text);
}

static void certificates(void **state)
{
	char *none = in_root("none.pem"), *fine = make_certificate("fine.pem", -DAY, DAY);
	char *old = make_certificate("old.pem", -2 * DAY, -DAY);
	char *young = make_certificate("young.pem", DAY, 2 * DAY);
	char *certs[] = {none, fine, old, young}, *keys[] = {fine, fine, old, young};
	struct server_options o = {.no_token = true};
	inspect(&o, 0, NULL);
	o.tls_cert = (struct option_list){&fine, 1};
	inspect(&o, 0, NULL);
	o.tls_cert = (struct option_list){&old, 1};
	inspect(&o, 1, "--tls-cert: the certificate for a.example ended on ");
	o.tls_cert = (struct option_list){&young, 1};
	inspect(&o, 1, "--tls-cert: the certificate for a.example begins on ");
	/* Each by itself. */
	o.tls_cert = (struct option_list){certs, 4};
	inspect(&o, 3, "none.pem");
	o.tls_key = (struct option_list){keys, 4};
	inspect(&o, 3, "none.pem");
	keys[1] = old;
	inspect(&o, 4, "fine.pem");
}

static void a_client_ca(void **state)
{
	struct server_options o = {.no_token = true, .tls_client_ca = in_root("none.pem")};
	inspect(&o, 1, "--tls-client-ca: ");
	o.tls_client_ca = make_certificate("ca.pem", -DAY, DAY);
	inspect(&o, 0, NULL);
}

static void what_is_written(void **state)
{
	struct stat st;
	struct server_options o = {.no_token = true, .access_log = in_root("none/access.log")};
	inspect(&o, 1, "--access-log: ");
	o.access_log = in_root("access.log");
	inspect(&o, 0, NULL);
	assert_int_equal(stat(o.access_log, &st), -1);
	o.access_log = (char[]){"off"};
	inspect(&o, 0, NULL);
	o.ready_file = in_root("none/ready");
	inspect(&o, 1, "--ready-file: ");
	o.ready_file = in_root("ready");
	inspect(&o, 0, NULL);
	assert_int_equal(stat(in_root("ready"), &st), -1);
	assert_int_equal(stat(in_root("ready.new"), &st), -1);
}

/* It matters to a server that makes its own token. */
static void a_state_directory(void **state)
{
	char *dir = in_root("state");
	mkdir(dir, 0700);
	write_file(in_root("state/token"), "exposed\n", 0644);
	struct server_options o = {.state_dir = dir};
	inspect(&o, 1, "--state-dir: ");
	o.no_token = true;
	inspect(&o, 0, NULL);
	o.no_token = false;
	o.token = (char[]){"x"};
	inspect(&o, 0, NULL);
	o.token = NULL;
	o.token_from = (char[]){"x"};
	inspect(&o, 0, NULL);
	o.token_from = NULL;
	chmod(in_root("state/token"), 0600);
	inspect(&o, 0, NULL);
	o.state_dir = NULL;
	inspect(&o, 0, NULL);
}

static int setup(void **state)
{
	return crypto_start() || !mkdtemp(root);
}

static int teardown(void **state)
{
	char command[64];
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates),
		cmocka_unit_test(a_client_ca),
		cmocka_unit_test(what_is_written),
		cmocka_unit_test(a_state_directory),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
