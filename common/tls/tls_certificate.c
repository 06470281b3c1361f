/* SPDX-License-Identifier: MIT */
/*
 * Certificates in PEM files: a chain, its key, and the names it is for. OpenSSL would prompt on the
 * terminal for an encrypted key, and would take one that the whole machine can read; here both are
 * refused with a sentence.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "tls/tls_internal.h"
#include "wire/hostname.h"

/* Bytes of a PEM file: a chain has a few KiB; whoever names a disk image by mistake is told so. */
#define PEM_FILE_MAX (1u << 20)

struct pem {
	char *text;
	size_t n;
	bool exposed; /* everybody on the machine can read it */
};

static void pem_deinit(struct pem *pem)
{
	OPENSSL_clear_free(pem->text, pem->n); /* there may be a key in it */
	*pem = (struct pem){0};
}

/* `what` it is: a part of the sentence. */
static int pem_read(struct pem *pem, const char *what, const char *path, struct error *err)
{
	*pem = (struct pem){0};
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return file_error(err, -errno, path, FILE_READ, "%s %s cannot be read", what, path);
	if (!S_ISREG(st.st_mode) || st.st_size > PEM_FILE_MAX)
		return error_set(err, -EINVAL, "%s is no PEM file", path);
	size_t cap = (size_t)st.st_size + 1;
	char *text = OPENSSL_zalloc(cap);
	if (!text)
		return error_set(err, -ENOMEM, "no memory for %s", path);
	*pem = (struct pem){.text = text, .n = cap, .exposed = st.st_mode & S_IROTH};
	for (size_t at = 0; at < cap;) {
		ssize_t got = read(fd, text + at, cap - at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			error_set(err, -errno, "%s %s cannot be read: %m", what, path);
			pem_deinit(pem);
			return -EIO;
		}
		if (got == 0) {
			pem->n = at;
			break;
		}
		at += (size_t)got;
	}
	return 0;
}

/* Never asks anybody; notes that it would have had to. */
static int no_password(char *p, int size, int writing, void *arg)
{
	*(bool *)arg = true;
	return -1;
}

static bool nothing_found(void)
{
	unsigned long e = ERR_peek_last_error();
	return ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

/* The name that reads as one, canonical and owned; NULL for one that no host can have. */
static char *canonical(struct str name)
{
	char text[2 + HOSTNAME_SIZE] = "*.";
	bool wild = name.n > 2 && name.p[0] == '*' && name.p[1] == '.';
	size_t skip = wild ? 2 : 0, n;
	if (hostname_canonical((struct str){name.p + skip, name.n - skip}, text + skip, &n))
		return NULL;
	return strdup(text);
}

static char *name_of(const GENERAL_NAME *general)
{
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(general, &type);
	if (type == GEN_DNS)
		return canonical((struct str){(const char *)ASN1_STRING_get0_data(value),
			(size_t)ASN1_STRING_length(value)});
	if (type != GEN_IPADD)
		return NULL;
	char text[INET6_ADDRSTRLEN + 2] = "[";
	int n = ASN1_STRING_length(value);
	const char *made =
		n == 4    ? inet_ntop(AF_INET, ASN1_STRING_get0_data(value), text, sizeof text)
		: n == 16 ? inet_ntop(AF_INET6, ASN1_STRING_get0_data(value), text + 1,
				    sizeof text - 2)
			  : NULL;
	if (!made)
		return NULL;
	if (n == 16)
		strcat(text, "]");
	return canonical(str_from(text));
}

static int read_names(struct tls_certificate *c)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(c->leaf, NID_subject_alt_name, NULL, NULL);
	int n = all ? sk_GENERAL_NAME_num(all) : 0;
	if (n)
		c->names = calloc((size_t)n, sizeof *c->names);
	for (int i = 0; c->names && i < n; i++) {
		c->names[c->n_names] = name_of(sk_GENERAL_NAME_value(all, i));
		c->n_names += c->names[c->n_names] != NULL;
	}
	GENERAL_NAMES_free(all);
	return n && !c->names ? -ENOMEM : 0;
}

static int read_chain(struct tls_certificate *c, const char *path, const struct pem *pem,
	struct error *err)
{
	BIO *bio = BIO_new_mem_buf(pem->text, (int)pem->n);
	c->chain = sk_X509_new_null();
	if (!bio || !c->chain) {
		BIO_free(bio);
		return error_set(err, -ENOMEM, "no memory for %s", path);
	}
	ERR_clear_error();
	X509 *x;
	while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		if (!c->leaf)
			c->leaf = x;
		else if (!sk_X509_push(c->chain, x))
			X509_free(x);
	}
	BIO_free(bio);
	if (!nothing_found())
		return tls_error(err, -EINVAL, "a certificate in %s is damaged", path);
	if (!c->leaf)
		return error_set(err, TLS_NO_CERTIFICATE, "there is no certificate in %s", path);
	if (read_names(c) < 0)
		return error_set(err, -ENOMEM, "no memory for %s", path);
	return 0;
}

static int read_key(struct tls_certificate *c, const char *path, const struct pem *pem,
	struct error *err)
{
	/* OpenSSL's error for none at all is one of many. */
	static const char label[] = "PRIVATE KEY-----";
	if (!memmem(pem->text, pem->n, label, sizeof label - 1))
		return error_set(err, TLS_NO_KEY, "there is no private key in %s", path);
	BIO *bio = BIO_new_mem_buf(pem->text, (int)pem->n);
	if (!bio)
		return error_set(err, -ENOMEM, "no memory for %s", path);
	ERR_clear_error();
	bool encrypted = false;
	c->key = PEM_read_bio_PrivateKey(bio, NULL, no_password, &encrypted);
	BIO_free(bio);
	if (encrypted)
		return error_set(err, -EINVAL,
			"the key in %s is encrypted, and nobody is there to be asked for its "
			"password: openssl pkey -in %s -out NEW",
			path, path);
	if (!c->key)
		return tls_error(err, -EINVAL, "the private key in %s is damaged", path);
	if (pem->exposed)
		return error_set(err, -EPERM,
			"everybody on this machine can read the private key in %s: chmod 600 %s",
			path, path);
	return 0;
}

static int find_kind(struct tls_certificate *c, const char *path, struct error *err)
{
	static const int kinds[TLS_KINDS] = {
		[TLS_ECDSA] = EVP_PKEY_EC,
		[TLS_ED25519] = EVP_PKEY_ED25519,
		[TLS_ED448] = EVP_PKEY_ED448,
		[TLS_RSA_PSS] = EVP_PKEY_RSA_PSS,
		[TLS_RSA] = EVP_PKEY_RSA,
	};
	for (c->kind = 0; c->kind < TLS_KINDS; c->kind++)
		if (kinds[c->kind] == EVP_PKEY_get_base_id(c->key))
			return 0;
	return error_set(err, -EINVAL,
		"the key of %s is of a kind that no browser takes: make an ECDSA or RSA one", path);
}

/* "/etc/x.crt" -> "/etc/x.key". */
static char *key_beside(const char *path)
{
	const char *dot = strrchr(path, '.');
	if (!dot || strchr(dot, '/'))
		dot = path + strlen(path);
	char *key;
	return asprintf(&key, "%.*s.key", (int)(dot - path), path) < 0 ? NULL : key;
}

/* The key that stands in the certificate's own file, or else in one beside it. */
static int find_key(struct tls_certificate *c, const char *path, const struct pem *pem,
	char **where_out, struct error *err)
{
	int r = read_key(c, path, pem, err);
	auto_free char *beside = r == TLS_NO_KEY ? key_beside(path) : strdup(path);
	if (!beside)
		return error_set(err, -ENOMEM, "no memory for %s", path);
	if (r == TLS_NO_KEY && access(beside, F_OK) < 0 && errno != EACCES)
		return error_set(err, TLS_NO_KEY,
			"there is no private key for %s, neither in it nor in %s", path, beside);
	if (r == TLS_NO_KEY) {
		struct pem other;
		r = pem_read(&other, "the private key", beside, err);
		r = r ? r : read_key(c, beside, &other, err);
		pem_deinit(&other);
	}
	*where_out = beside;
	beside = NULL;
	return r;
}

int tls_certificate_load(struct tls_certificate *c, const char *path, const char *key,
	struct error *err)
{
	*c = (struct tls_certificate){0};
	struct pem pem;
	auto_free char *where = NULL;
	int r = pem_read(&pem, "the certificate", path, err);
	r = r ? r : read_chain(c, path, &pem, err);
	if (!r && !key) {
		r = find_key(c, path, &pem, &where, err);
	} else if (!r) {
		pem_deinit(&pem);
		r = pem_read(&pem, "the private key", key, err);
		r = r ? r : read_key(c, key, &pem, err);
	}
	pem_deinit(&pem);
	ERR_clear_error();
	if (!r && !X509_check_private_key(c->leaf, c->key))
		r = error_set(err, -EINVAL, "the private key in %s is not the one of %s",
			key ? key : where, path);
	r = r ? r : find_kind(c, path, err);
	if (r)
		tls_certificate_deinit(c);
	return r;
}

void tls_certificate_deinit(struct tls_certificate *c)
{
	X509_free(c->leaf);
	sk_X509_pop_free(c->chain, X509_free);
	EVP_PKEY_free(c->key);
	for (size_t i = 0; i < c->n_names; i++)
		free(c->names[i]);
	free(c->names);
	*c = (struct tls_certificate){0};
}

/* The wildcard stands for the left-most label and nothing else (RFC 9525, 6.3). */
static bool wildcard_covers(struct str wildcard, struct str host)
{
	const char *dot = memchr(host.p, '.', host.n);
	if (!wildcard.n || wildcard.p[0] != '*' || !dot || dot == host.p)
		return false;
	return str_eq((struct str){wildcard.p + 1, wildcard.n - 1},
		(struct str){dot, host.n - (size_t)(dot - host.p)});
}

bool tls_certificate_covers(const struct tls_certificate *c, struct str host, bool wildcards)
{
	if (!host.n)
		return false;
	for (size_t i = 0; i < c->n_names; i++) {
		struct str name = str_from(c->names[i]);
		if (str_eq(name, host) || (wildcards && wildcard_covers(name, host)))
			return true;
	}
	return false;
}
