/* The side that has certificates, one of them for each visitor by the name that it asks for. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "tls/tls_internal.h"
#include "wire/alpn.h"
#include "wire/hostname.h"

/* Names the sessions of ours; tickets are sealed with a key of this context's anyway. */
#define SESSION_CONTEXT "tunnel"

/* ---- Choosing ---- */

/* Of each kind the first that has the name, else the first whose wildcard covers it. */
static struct tls_choice choose_by_name(const struct tls_server *s, struct str name)
{
	struct tls_choice choice = {0};
	for (int wildcards = 0; wildcards < 2; wildcards++)
		for (size_t i = 0; i < s->n_certs; i++) {
			const struct tls_certificate *c = &s->certs[i];
			if (!choice.v[c->kind] && tls_certificate_covers(c, name, wildcards))
				choice.v[c->kind] = c;
		}
	return choice;
}

struct tls_choice tls_server_pick(const struct tls_server *s, struct str sni)
{
	char text[HOSTNAME_SIZE];
	size_t n;
	if (s->n_certs > 1 && sni.n && hostname_canonical(sni, text, &n) == 0) {
		const struct tls_choice choice = choose_by_name(s, (struct str){text, n});
		for (size_t i = 0; i < TLS_KINDS; i++)
			if (choice.v[i])
				return choice;
	}
	return s->usual;
}

/* The first certificate, and those of other kinds that are for its first name. */
static void choose_usual(struct tls_server *s)
{
	const struct tls_certificate *first = &s->certs[0];
	if (first->n_names)
		s->usual = choose_by_name(s, str_from(first->names[0]));
	s->usual.v[first->kind] = first;
}

/* What the context has for other kinds of keys is for other names, and must not be taken for this one. */
static int choose(SSL *ssl, void *arg)
{
	struct tls *tls = SSL_get_app_data(ssl);
	const struct tls_choice choice = tls_server_pick(tls->server, tls_sni(tls));
	if (memcmp(&choice, &tls->server->usual, sizeof choice) == 0)
		return 1;
	SSL_certs_clear(ssl);
	for (size_t i = 0; i < TLS_KINDS; i++) {
		const struct tls_certificate *c = choice.v[i];
		if (c && SSL_use_cert_and_key(ssl, c->leaf, c->key, c->chain, 1) != 1)
			return 0;
	}
	return 1;
}

/* Taking the name makes it a part of the session: a resumed one has it again. */
static int take_name(SSL *ssl, int *alert, void *arg)
{
	return SSL_TLSEXT_ERR_OK;
}

/*
 * Of a service that does not say what it speaks: whoever offers one protocol speaks nothing else, and many
 * (gRPC, PostgreSQL, MQTT) go only when it is agreed. Among several the choice would be a guess.
 */
static int take_only(const unsigned char **out, unsigned char *n_out, const unsigned char *offered,
	unsigned int n)
{
	if (n != offered[0] + 1u)
		return SSL_TLSEXT_ERR_NOACK;
	*out = offered + 1;
	*n_out = offered[0];
	return SSL_TLSEXT_ERR_OK;
}

/*
 * HTTP is served to whoever offers other protocols only, without one: a refusal would help nobody. A
 * service that said what it speaks would not understand him.
 */
static int take_protocol(SSL *ssl, const unsigned char **out, unsigned char *n_out,
	const unsigned char *offered, unsigned int n, void *arg)
{
	static const uint8_t http1[] = "\x08http/1.1";
	struct tls *tls = SSL_get_app_data(ssl);
	const uint8_t *ours = tls->protocols ? tls->protocols : http1;
	size_t n_ours = tls->protocols ? tls->n_protocols : sizeof http1 - 1;
	unsigned char *chosen;
	if (!tls->protocols && !tls->alpn)
		return take_only(out, n_out, offered, n);
	/* It gives one of theirs where there is none of both. */
	if (SSL_select_next_proto(&chosen, n_out, ours, (unsigned int)n_ours, offered, n) !=
		OPENSSL_NPN_NEGOTIATED)
		return tls->protocols ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* ---- Making one ---- */

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
	if (r)
		return r;
	SSL_CTX *ctx = s->context.ctx;
	choose_usual(s);
	ERR_clear_error();
	for (size_t i = 0; i < TLS_KINDS; i++) {
		const struct tls_certificate *c = s->usual.v[i];
		if (c && SSL_CTX_use_cert_and_key(ctx, c->leaf, c->key, c->chain, 1) != 1)
			return tls_error(err, -EINVAL,
				"a certificate for the names of %s cannot be used",
				config->certs[0]);
	}
	if (!SSL_CTX_set_session_id_context(ctx, (const uint8_t *)SESSION_CONTEXT,
		    sizeof SESSION_CONTEXT - 1))
		return tls_error(err, -ENOMEM, "TLS cannot be set up");
	SSL_CTX_set_cert_cb(ctx, choose, NULL);
	SSL_CTX_set_tlsext_servername_callback(ctx, take_name);
	SSL_CTX_set_alpn_select_cb(ctx, take_protocol, NULL);
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
		if (tls_certificate_covers(&s->certs[i], host, true))
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

struct tls *tls_accept(struct tls_server *s, bool alpn)
{
	struct tls *tls = tls_new(&s->context);
	if (!tls)
		return NULL;
	tls->server = tls_server_ref(s);
	tls->alpn = alpn;
	SSL_set_accept_state(tls->ssl);
	return tls;
}

int tls_speak(struct tls *tls, struct str protocols)
{
	uint8_t list[ALPN_TLS_MAX];
	size_t n = alpn_for_tls(protocols, list);
	tls->protocols = malloc(n);
	if (!tls->protocols)
		return -ENOMEM;
	memcpy(tls->protocols, list, n);
	tls->n_protocols = n;
	return 0;
}
