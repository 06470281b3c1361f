/* SPDX-License-Identifier: MIT */
/*
 * --auto-tls: a certificate that nobody vouches for. What makes it safe on links is that the handshake
 * is bound to the connection (rules 8 and 9), and for others that its key can be pinned.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/cleanup.h"
#include "tls/tls_internal.h"
#include "tls/tls_x509.h"

#define CERTIFICATE_FILE "certificate.pem"
#define KEY_FILE         "key.pem"
#define SUBJECT          "tunnel exit node"
#define ALT_NAME         "DNS:tunnel.invalid" /* a name that is never anybody's (RFC 6761) */
#define DAY              86400L               /* s */
#define LASTS            (3652 * DAY)         /* ten years: nobody renews what nobody vouches for */

static bool fill_in(X509 *x, EVP_PKEY *key)
{
	X509_NAME *name = X509_get_subject_name(x);
	/* From yesterday on: the clocks of those who come differ. */
	return X509_set_version(x, X509_VERSION_3) && tls_x509_serial(x) &&
	       X509_gmtime_adj(X509_getm_notBefore(x), -DAY) &&
	       X509_gmtime_adj(X509_getm_notAfter(x), LASTS) &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)SUBJECT, -1,
		       -1, 0) &&
	       X509_set_issuer_name(x, name) && X509_set_pubkey(x, key) &&
	       tls_x509_extension(x, NULL, NID_subject_alt_name, ALT_NAME) &&
	       tls_x509_extension(x, NULL, NID_basic_constraints, "critical,CA:FALSE") &&
	       tls_x509_extension(x, NULL, NID_key_usage, "critical,digitalSignature") &&
	       tls_x509_extension(x, NULL, NID_ext_key_usage, "serverAuth") &&
	       X509_sign(x, key, EVP_sha256());
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t sent = write(fd, p, n);
		if (sent < 0 && errno != EINTR)
			return -errno;
		p += sent > 0 ? sent : 0;
		n -= sent > 0 ? (size_t)sent : 0;
	}
	return 0;
}

/* Whole or not at all: under a name of its own first. Whatever waits there, a link too, is not ours. */
static int write_file(int dir, const char *name, mode_t mode, BIO *content)
{
	char temporary[64], *p;
	long n = BIO_get_mem_data(content, &p);
	uint32_t unique;
	if (getrandom(&unique, sizeof unique, 0) != sizeof unique)
		return -errno;
	snprintf(temporary, sizeof temporary, ".%s.%08x", name, unique);
	auto_close int fd =
		openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int r = write_all(fd, p, (size_t)n);
	r = r || fchmod(fd, mode) == 0 ? r : -errno;
	r = r || fsync(fd) == 0 ? r : -errno;
	r = r || renameat(dir, temporary, dir, name) == 0 ? r : -errno;
	if (r)
		unlinkat(dir, temporary, 0);
	return r;
}

static int make(int dir, const char *path, struct error *err)
{
	ERR_clear_error();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	BIO *certificate = BIO_new(BIO_s_mem()), *secret = BIO_new(BIO_s_secmem());
	int r = -ENOMEM;
	if (!key || !x || !certificate || !secret || !fill_in(x, key) ||
		!PEM_write_bio_X509(certificate, x) ||
		!PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL)) {
		tls_error(err, r, "a certificate cannot be made");
	} else {
		r = write_file(dir, KEY_FILE, 0600, secret);
		r = r ? r : write_file(dir, CERTIFICATE_FILE, 0644, certificate);
		if (r)
			error_set(err, r, "a certificate cannot be written to %s: %s", path,
				strerror(-r));
		fsync(dir);
	}
	EVP_PKEY_free(key);
	X509_free(x);
	BIO_free(certificate);
	BIO_free(secret);
	return r;
}

static int make_or_check(const char *dir, const char *certificate, const char *key,
	struct error *err)
{
	auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, -errno, "%s cannot be opened: %m", dir);
	struct stat st;
	bool has_certificate = fstatat(fd, CERTIFICATE_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0;
	bool has_key = fstatat(fd, KEY_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!has_certificate && !has_key)
		return make(fd, dir, err);
	if (!has_certificate || !has_key)
		return error_set(err, -ENOENT,
			"%s is there without %s: put it back, or remove both, and a certificate "
			"with a new pin is made",
			has_key ? key : certificate, has_key ? certificate : key);
	struct tls_certificate c;
	int r = tls_certificate_load(&c, certificate, key, err);
	tls_certificate_deinit(&c);
	return r > 0 ? -EINVAL : r;
}

int tls_auto_certificate(const char *dir, char **cert_out, char **key_out, struct error *err)
{
	auto_free char *certificate = NULL, *key = NULL;
	if (asprintf(&certificate, "%s/" CERTIFICATE_FILE, dir) < 0 ||
		asprintf(&key, "%s/" KEY_FILE, dir) < 0)
		return error_set(err, -ENOMEM, "no memory for a certificate");
	int r = make_or_check(dir, certificate, key, err);
	if (r)
		return r;
	*cert_out = certificate;
	*key_out = key;
	certificate = key = NULL;
	return 0;
}
