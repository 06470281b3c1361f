/* SPDX-License-Identifier: MIT */
#include "server/acme/acme_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "server/acme/acme_answer.h"

#define ACCOUNT_KEY  "account.key"
#define ACCOUNT_JSON "account.json"

/* A file's name: a wildcard's has no asterisk, which shells would take for one of theirs. */
#define FILE_SIZE     (HOSTNAME_SIZE + 32)
#define WILDCARD      "*."
#define WILDCARD_FILE "_wildcard."

static const char *file_name(const char *name, const char *suffix, char out[FILE_SIZE])
{
	bool wild = strncmp(name, WILDCARD, strlen(WILDCARD)) == 0;
	snprintf(out, FILE_SIZE, "%s%.*s%s", wild ? WILDCARD_FILE : "", HOSTNAME_SIZE - 1,
		name + (wild ? strlen(WILDCARD) : 0), suffix);
	return out;
}

/* The name of such a file. False: it is none. */
static bool name_of_file(const char *file, const char *suffix, char out[HOSTNAME_SIZE])
{
	size_t n = strlen(file), s = strlen(suffix), got;
	bool wild = strncmp(file, WILDCARD_FILE, strlen(WILDCARD_FILE)) == 0;
	struct error err;
	char text[FILE_SIZE];
	if (n <= s || n >= FILE_SIZE || strcmp(file + n - s, suffix) != 0)
		return false;
	snprintf(text, sizeof(text), "%s%.*s", wild ? WILDCARD : "",
		(int)(n - s - (wild ? strlen(WILDCARD_FILE) : 0)),
		file + (wild ? strlen(WILDCARD_FILE) : 0));
	return hostname_claim(str_from(text), out, &got, &err) == 0;
}

/* ---- The directory ---- */

int acme_files_open(struct acme_files *f, const char *state_dir, const char *directory_url,
	struct error *err)
{
	uint8_t digest[SHA256_SIZE];
	char hash[17];
	*f = ACME_FILES_NULL;
	sha256(directory_url, strlen(directory_url), digest);
	for (size_t i = 0; i < 8; i++)
		sprintf(hash + 2 * i, "%02x", digest[i]);
	auto_free char *dir = NULL, *names = NULL;
	if (asprintf(&dir, "%s/acme/%s", state_dir, hash) < 0 ||
		asprintf(&names, "%s/acme/%s/names", state_dir, hash) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	int r = kept_dir_open(&f->dir, dir, "tunnel", err);
	return r ? r : kept_dir_open(&f->names, names, "tunnel", err);
}

void acme_files_close(struct acme_files *f)
{
	kept_dir_close(&f->dir);
	kept_dir_close(&f->names);
}

/* It stays for who wants to know what happened to it. */
static void set_aside(const struct kept_dir *d, const char *file, const char *why)
{
	char to[FILE_SIZE + 16];
	snprintf(to, sizeof(to), "%s.damaged", file);
	if (renameat(d->fd, file, d->fd, to) == 0)
		log_warn("%s/%s is of no use (%s): it is set aside as %s, and made anew", d->path,
			file, why, to);
	else
		log_error("%s/%s is of no use (%s), and cannot be set aside: %m", d->path, file,
			why);
}

/* A key must be nobody else's. */
static int check_mode(const struct kept_dir *d, const char *file, struct error *err)
{
	struct stat st;
	if (fstatat(d->fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & 0077))
		return error_set(err, -EPERM,
			"%s/%s holds a private key and others can read it (mode %04o): remove it, "
			"so that a new one is made, or chmod 600 it if nobody did",
			d->path, file, (unsigned)st.st_mode & 07777);
	return 0;
}

/* ---- The account ---- */

static int make_key(struct acme_files *f, struct p256 **key_out, struct error *err)
{
	struct p256 *key = p256_new();
	struct secret *pem = key ? p256_write(key) : NULL;
	int r = pem ? kept_text_replace(&f->dir, ACCOUNT_KEY, (const char *)pem->bytes, pem->n, err)
		    : error_set(err, -ENOMEM, "out of memory");
	secret_free(pem);
	/* A URL that is there is another key's. */
	unlinkat(f->dir.fd, ACCOUNT_JSON, 0);
	if (r == 0)
		*key_out = key;
	else
		p256_free(key);
	return r;
}

static int read_key(struct acme_files *f, struct p256 **key_out, struct error *err)
{
	char *text = NULL;
	int r = check_mode(&f->dir, ACCOUNT_KEY, err);
	r = r ? r : kept_text_read(&f->dir, ACCOUNT_KEY, &text, err);
	if (r < 0)
		return r;
	*key_out = r == 0 ? p256_read(text, strlen(text)) : NULL;
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
	if (*key_out)
		return 0;
	if (r != KEPT_NONE)
		set_aside(&f->dir, ACCOUNT_KEY, "it is damaged");
	return make_key(f, key_out, err);
}

static char *read_url(struct acme_files *f)
{
	auto_free char *text = NULL;
	struct error err;
	int r = kept_text_read(&f->dir, ACCOUNT_JSON, &text, &err);
	if (r == KEPT_NONE)
		return NULL;
	json_t *json = r == 0 ? json_loads(text, 0, NULL) : NULL;
	char *url = acme_url_of(json, "url");
	json_decref(json);
	if (!url)
		set_aside(&f->dir, ACCOUNT_JSON, r ? err.text : "it is damaged");
	return url;
}

int acme_files_account(struct acme_files *f, struct p256 **key_out, char **url_out,
	struct error *err)
{
	int r = read_key(f, key_out, err);
	if (r == 0)
		*url_out = read_url(f);
	return r;
}

/* The same, of a text that the caller gives up; NULL: memory was out. */
static int keep(const struct kept_dir *d, const char *file, char *text, struct error *err)
{
	int r = text ? kept_text_replace(d, file, text, strlen(text), err)
		     : error_set(err, -ENOMEM, "out of memory");
	free(text);
	return r;
}

int acme_files_keep_account(const struct acme_files *f, const char *url, struct error *err)
{
	json_t *json = json_pack("{s:s}", "url", url);
	char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
	json_decref(json);
	return keep(&f->dir, ACCOUNT_JSON, text, err);
}

/* ---- Names ---- */

/* 0; KEPT_NONE; or it was set aside. */
static int read_kept(struct acme_files *f, const char *name, struct acme_kept *out)
{
	char file[FILE_SIZE];
	auto_free char *text = NULL;
	struct error err;
	file_name(name, ".json", file);
	int r = kept_text_read(&f->names, file, &text, &err);
	if (r == KEPT_NONE)
		return r;
	r = r ? r : acme_kept_read(text, out, &err);
	if (r)
		set_aside(&f->names, file, err.text);
	return r;
}

static bool read_certificate(struct acme_files *f, const char *name, struct tls_ordered *out)
{
	char file[FILE_SIZE];
	char *text = NULL;
	struct error err;
	file_name(name, ".pem", file);
	int r = check_mode(&f->names, file, &err);
	r = r ? r : kept_text_read(&f->names, file, &text, &err);
	if (r == KEPT_NONE)
		return false;
	r = r ? r : tls_order_read(text, strlen(text), name, out, &err);
	if (r)
		set_aside(&f->names, file, err.text);
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
	return r == 0;
}

static void each_file(struct acme_files *f, const char *file,
	void (*found)(const struct acme_file *file, void *arg), void *arg)
{
	struct acme_file it = {0};
	struct stat st;
	char pem[FILE_SIZE];
	bool json = name_of_file(file, ".json", it.name);
	if (!json && !name_of_file(file, ".pem", it.name))
		return;
	/* One of the two is enough to know the name by. */
	bool both = !json && fstatat(f->names.fd, file_name(it.name, ".json", pem), &st, 0) == 0;
	if (both)
		return;
	int r = read_kept(f, it.name, &it.kept);
	it.issued = read_certificate(f, it.name, &it.facts);
	if (it.issued || r == 0)
		found(&it, arg);
}

void acme_files_each(struct acme_files *f, void (*found)(const struct acme_file *file, void *arg),
	void *arg)
{
	struct dirent **entries;
	int n = scandirat(f->names.fd, ".", &entries, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		each_file(f, entries[i]->d_name, found, arg);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

int acme_files_keep_name(const struct acme_files *f, const char *name, const struct acme_kept *k,
	struct error *err)
{
	char file[FILE_SIZE];
	return keep(&f->names, file_name(name, ".json", file), acme_kept_write(k), err);
}

int acme_files_keep_certificate(const struct acme_files *f, const char *name, const char *pem,
	size_t n, struct error *err)
{
	char file[FILE_SIZE];
	return kept_text_replace(&f->names, file_name(name, ".pem", file), pem, n, err);
}

void acme_files_drop(const struct acme_files *f, const char *name)
{
	char file[FILE_SIZE];
	unlinkat(f->names.fd, file_name(name, ".pem", file), 0);
	unlinkat(f->names.fd, file_name(name, ".json", file), 0);
}

char *acme_files_certificate_path(const struct acme_files *f, const char *name)
{
	char file[FILE_SIZE], *path;
	file_name(name, ".pem", file);
	return asprintf(&path, "%s/%s", f->names.path, file) < 0 ? NULL : path;
}
