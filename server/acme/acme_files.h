/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What is kept for one CA, in STATE/acme/HASH, the hash being of its directory's URL: account.key, account.json, and for
 * each name names/NAME.pem (chain and key) and names/NAME.json. Files are 0600, in directories of 0700, synced before they
 * count. The state directory's lock (store/store_lock.h) keeps a second process out.
 *
 * All of it blocks: for the start, and for a helper thread. What is damaged is set aside under another name, with a line
 * in the log, and made anew.
 */
#include "config/kept_file.h"
#include "crypto/p256.h"
#include "server/acme/acme_kept.h"
#include "tls/tls_order.h"
#include "wire/hostname.h"

struct acme_files {
	struct kept_dir dir, names;
};

#define ACME_FILES_NULL ((struct acme_files){KEPT_DIR_NULL, KEPT_DIR_NULL})

/* 0 or -errno with a sentence; acme_files_close() it in either case. */
int acme_files_open(struct acme_files *f, const char *state_dir, const char *directory_url,
	struct error *err);
void acme_files_close(struct acme_files *f);

/* The account's key, which is made where there is none, and the URL that the CA has given it; NULL: none yet. */
int acme_files_account(struct acme_files *f, struct p256 **key_out, char **url_out,
	struct error *err);
int acme_files_keep_account(const struct acme_files *f, const char *url, struct error *err);

/* One name that something is kept of. */
struct acme_file {
	char name[HOSTNAME_SIZE];
	struct acme_kept kept;
	bool issued; /* there is a certificate, which `facts` is about */
	struct tls_ordered facts;
};

/* Each of them; `arg` is the caller's. */
void acme_files_each(struct acme_files *f, void (*found)(const struct acme_file *file, void *arg),
	void *arg);

int acme_files_keep_name(const struct acme_files *f, const char *name, const struct acme_kept *k,
	struct error *err);
/* Chain and key in PEM. */
int acme_files_keep_certificate(const struct acme_files *f, const char *name, const char *pem,
	size_t n, struct error *err);
/* Nothing is kept of it any more. */
void acme_files_drop(const struct acme_files *f, const char *name);

/* The path of its certificate; the caller frees it. NULL: memory is out. */
char *acme_files_certificate_path(const struct acme_files *f, const char *name);
