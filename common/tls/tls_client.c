/* SPDX-License-Identifier: MIT */
/* TLS of the side that dials: it verifies the certificate of the peer. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/cleanup.h"
#include "tls/tls_internal.h"

/* An entry that a look-up by the hash of a CA's name would open: "4042bcee.0". */
static bool is_hashed(const char *name)
{
	return strspn(name, "0123456789abcdef") == 8 && strcmp(name + 8, ".0") == 0;
}

static bool hashed_directory(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool found = false;
	while (dir && !found && (entry = readdir(dir)))
		found = is_hashed(entry->d_name);
	if (dir)
		closedir(dir);
	return found;
}

/*
 * The bundle of all CAs is 140 certificates to be parsed and kept, in each tls_client. Where they stand
 * as files of their own, the one that is needed is read when it is needed.
 */
static int trust_system(SSL_CTX *ctx)
{
	if (!getenv(X509_get_default_cert_file_env()) && !getenv(X509_get_default_cert_dir_env()) &&
		hashed_directory(X509_get_default_cert_dir()))
		return SSL_CTX_set_default_verify_dir(ctx);
	return SSL_CTX_set_default_verify_paths(ctx);
}

static int trust(struct tls_client *c, const struct tls_client_config *config, struct error *err)
{
	SSL_CTX *ctx = c->context.ctx;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_hostflags(param,
		X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (c->pinned || c->insecure)
		return 0;
	ERR_clear_error();
	if (!config->ca)
		return trust_system(ctx)
			       ? 0
			       : tls_error(err, -EINVAL, "the system's CAs cannot be found");
	/* Whatever stands in that file is trusted, an intermediate CA or the certificate itself too. */
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	if (!SSL_CTX_load_verify_file(ctx, config->ca))
		return tls_ca_error(err, config->ca, "the CA file");
	return 0;
}

static int show(SSL_CTX *ctx, const struct tls_client_config *config, struct error *err)
{
	struct tls_certificate c;
	int r = tls_certificate_load(&c, config->cert, config->key, err);
	if (r) {
		error_prefix(err, "the certificate to be shown");
		return r;
	}
	ERR_clear_error();
	if (SSL_CTX_use_cert_and_key(ctx, c.leaf, c.key, c.chain, 1) != 1)
		r = tls_error(err, -EINVAL, "the certificate %s cannot be used", config->cert);
	tls_certificate_deinit(&c);
	return r;
}

static int set_up(struct tls_client *c, const struct tls_client_config *config, struct error *err)
{
	c->insecure = config->insecure;
	c->verify_later = config->verify_later;
	c->pinned = config->pin;
	int r = config->pin ? tls_pin_parse(config->pin, c->pin, err) : 0;
	r = r ? r : tls_context_init(&c->context, TLS_client_method(), err);
	r = r ? r : trust(c, config, err);
	if (!r && config->key && !config->cert)
		r = error_set(err, -EINVAL, "the key %s belongs to no certificate", config->key);
	return r || !config->cert ? r : show(c->context.ctx, config, err);
}

struct tls_client *tls_client_new(const struct tls_client_config *config, struct error *err)
{
	struct tls_client *c = calloc(1, sizeof *c);
	if (!c) {
		error_set(err, -ENOMEM, "no memory for TLS");
		return NULL;
	}
	atomic_init(&c->context.refs, 1);
	return set_up(c, config, err) ? tls_client_unref(c) : c;
}

bool tls_client_dates(const struct tls_client *c, struct tls_dates *out)
{
	X509 *x = SSL_CTX_get0_certificate(c->context.ctx);
	if (x)
		tls_dates_of(x, out);
	return x;
}

struct tls_client *tls_client_ref(struct tls_client *c)
{
	atomic_fetch_add_explicit(&c->context.refs, 1, memory_order_relaxed);
	return c;
}

struct tls_client *tls_client_unref(struct tls_client *c)
{
	if (!c || atomic_fetch_sub_explicit(&c->context.refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	tls_context_deinit(&c->context);
	free(c);
	return NULL;
}
