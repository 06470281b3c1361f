/* SPDX-License-Identifier: MIT */
/* TLS of the side that is dialled: it has certificates, read from files and directories. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "tls/tls_internal.h"

/* Names the sessions of ours; tickets are sealed with a key of this context's anyway. */
#define SESSION_CONTEXT "tunnel"

/* As tls_certificate_load(). */
static int add(struct tls_server *s, const char *path, const char *key, struct error *err)
{
	if (s->n_certs == s->cap_certs) {
		size_t cap = s->cap_certs ? 2 * s->cap_certs : 4;
		struct tls_certificate *certs = reallocarray(s->certs, cap, sizeof *certs);
		if (!certs)
			return error_set(err, -ENOMEM, "no memory for %s", path);
		s->certs = certs;
		s->cap_certs = cap;
	}
	int r = tls_certificate_load(&s->certs[s->n_certs], path, key, err);
	s->n_certs += r == 0;
	return r;
}

static int is_certificate(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');
	return entry->d_name[0] != '.' && dot && (!strcmp(dot, ".pem") || !strcmp(dot, ".crt"));
}

/* Sorted by name, so that the first one is the same with every start. */
static int add_directory(struct tls_server *s, const char *dir, struct error *err)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_certificate, alphasort), r = 0;
	if (n < 0)
		return file_error(err, -errno, dir, FILE_READ, "%s cannot be read", dir);
	size_t before = s->n_certs;
	for (int i = 0; i < n; i++) {
		auto_free char *path = NULL;
		if (!r && asprintf(&path, "%s/%s", dir, entries[i]->d_name) < 0) {
			path = NULL;
			r = error_set(err, -ENOMEM, "no memory for %s", dir);
		}
		r = r ? r : add(s, path, NULL, err);
		/* A key may be called .pem too. */
		r = r == TLS_NO_CERTIFICATE ? 0 : r;
		free(entries[i]);
	}
	free(entries);
	if (!r && s->n_certs == before)
		r = error_set(err, -ENOENT, "there is no certificate (*.pem, *.crt) in %s", dir);
	return r;
}

static int add_all(struct tls_server *s, const struct tls_server_config *config, struct error *err)
{
	if (config->n_keys > config->n_certs)
		return error_set(err, -EINVAL, "there are more keys than certificates");
	int r = 0;
	for (size_t i = 0; i < config->n_certs && !r; i++) {
		const char *path = config->certs[i];
		const char *key = i < config->n_keys ? config->keys[i] : NULL;
		struct stat st;
		bool directory = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
		if (directory && key)
			r = error_set(err, -EINVAL, "%s is a directory: %s cannot be its key", path,
				key);
		else
			r = directory ? add_directory(s, path, err) : add(s, path, key, err);
	}
	if (!r && !s->n_certs)
		r = error_set(err, -EINVAL, "there is no certificate");
	for (size_t i = 0; i < config->n_ordered && !r; i++) {
		r = add(s, config->ordered[i], NULL, err);
		s->certs[s->n_certs - 1].ordered = true;
	}
	return r;
}

static int ask_for_certificates(SSL_CTX *ctx, const char *ca, struct error *err)
{
	ERR_clear_error();
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(ca);
	if (!names || !SSL_CTX_load_verify_file(ctx, ca)) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return tls_ca_error(err, ca, "the CA of the clients,");
	}
	SSL_CTX_set_client_CA_list(ctx, names);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	return 0;
}

static int set_up(struct tls_server *s, const struct tls_server_config *config, struct error *err)
{
	int r = tls_context_init(&s->context, TLS_server_method(), err);
	r = r ? r : add_all(s, config, err);
	r = r || !config->client_ca ? r
				    : ask_for_certificates(s->context.ctx, config->client_ca, err);
	return r ? r : tls_server_ready(s, config->certs[0], err);
}

int tls_server_ready(struct tls_server *s, const char *what, struct error *err)
{
	SSL_CTX *ctx = s->context.ctx;
	tls_choose_usual(s);
	ERR_clear_error();
	for (size_t i = 0; i < TLS_KINDS; i++) {
		const struct tls_certificate *c = s->usual.v[i];
		if (c && SSL_CTX_use_cert_and_key(ctx, c->leaf, c->key, c->chain, 1) != 1)
			return tls_error(err, -EINVAL,
				"a certificate for the names of %s cannot be used", what);
	}
	if (!SSL_CTX_set_session_id_context(ctx, (const uint8_t *)SESSION_CONTEXT,
		    sizeof SESSION_CONTEXT - 1))
		return tls_error(err, -ENOMEM, "TLS cannot be set up");
	tls_choice_serve(ctx);
	return tls_tickets_serve(ctx, err);
}

struct tls_server *tls_server_new(const struct tls_server_config *config, struct error *err)
{
	struct tls_server *s = calloc(1, sizeof *s);
	if (!s) {
		error_set(err, -ENOMEM, "no memory for TLS");
		return NULL;
	}
	tls_tickets_init(&s->tickets);
	return set_up(s, config, err) ? tls_server_unref(s) : s;
}

struct tls_server *tls_server_ref(struct tls_server *s)
{
	atomic_fetch_add_explicit(&s->context.refs, 1, memory_order_relaxed);
	return s;
}

struct tls_server *tls_server_unref(struct tls_server *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->context.refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	for (size_t i = 0; i < s->n_certs; i++)
		tls_certificate_deinit(&s->certs[i]);
	free(s->certs);
	tls_tickets_deinit(&s->tickets);
	tls_context_deinit(&s->context);
	free(s);
	return NULL;
}

bool tls_server_covers(const struct tls_server *s, struct str host)
{
	for (size_t i = 0; i < s->n_certs; i++)
		if (!s->certs[i].ordered && tls_certificate_covers(&s->certs[i], host, true))
			return true;
	return false;
}

void tls_server_pin(const struct tls_server *s, char pin_out[TLS_PIN_TEXT])
{
	uint8_t digest[TLS_PIN_SIZE] = {0};
	size_t kind = 0;
	while (!s->usual.v[kind])
		kind++;
	tls_spki(s->usual.v[kind]->leaf, digest);
	tls_pin_text(digest, pin_out);
}

size_t tls_server_count(const struct tls_server *s)
{
	return s->n_certs;
}

void tls_server_dates(const struct tls_server *s, size_t i, struct tls_dates *out)
{
	tls_dates_of(s->certs[i].leaf, out);
}
