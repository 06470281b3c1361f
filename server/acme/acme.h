/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Certificates by ACME: which names have one, which are to have one, and when each is tried. A name is ordered because a
 * session publishes it, or an operator named it, and never because somebody connects. On the main thread.
 */
#include "crypto/keyed_hash.h"
#include "loop/loop.h"
#include "server/acme/acme_account.h"
#include "server/acme/acme_name.h"
#include "server/acme/present.h"
#include "server/base/options.h"
#include "tls/tls.h"

struct acme_job;
struct node;
struct offload;

struct acme {
	struct node *node;
	const struct server_options *opts;
	struct acme_files files;
	struct acme_account account;
	bool account_kept;          /* its URL is in the file */
	struct tls_client *tls;     /* to the CA */
	struct tls_client *tls_any; /* to this exit node itself, whatever its certificate */
	struct jws_binding binding; /* of --acme-eab; its texts are owned */
	struct acme_job *window;    /* a question when to renew, under way; NULL: none is */
	struct present present;
	struct offload *network, *disk;
	struct table table; /* of struct acme_name, by name */
	struct list names;  /* the same, in the order in which they came */
	struct hash_key hash_key;
	unsigned n_runs;
	uint64_t issued, failed; /* orders, since the start */
	struct loop_timer timer;
	struct loop_task look;
	const struct acme_ops *ops;
	void *arg;
};

/* What its owner does; `arg` is that of acme_start(). */
struct acme_ops {
	/* A file of a certificate is new, or gone. */
	void (*changed)(void *arg);
	/* Who publishes the name is to know this sentence. */
	void (*tell)(void *arg, const char *name, const char *sentence);
};

/*
 * Reads what is kept: blocks. NULL with a sentence. Orders begin with acme_start(), when visitors are served.
 */
struct acme *acme_new(struct node *n, const struct server_options *o, const char *state_dir,
	struct error *err);
void acme_start(struct acme *a, const struct acme_ops *ops, void *arg);
/* Ends what is under way. Accepts NULL. Before the loops are freed. */
void acme_stop(struct acme *a);
/* Behind acme_stop(); the loops may be gone, whose mail may have known it. Accepts NULL; returns NULL. */
struct acme *acme_free(struct acme *a);

/*
 * A service of this identity has that name (canonical), for which visitors' TLS ends here; or has it no longer. Accepts
 * NULL, and names that get no certificate.
 */
void acme_claimed(struct acme *a, const char *name, const char *identity);
void acme_released(struct acme *a, const char *name);

/*
 * Whether that certificate came from here, and nothing has gone wrong with its renewal, or nobody needs it any more: that
 * it ends soon is no news then. Accepts NULL.
 */
bool acme_renews(const struct acme *a, const struct tls_dates *d);

/* The files of certificates, for tls_server_config; those of the exit node's own names first. */
struct acme_paths {
	char **v;
	size_t n, n_own;
};

/* 0 or -ENOMEM; acme_paths_free() it. */
int acme_paths(const struct acme *a, struct acme_paths *out);
void acme_paths_free(struct acme_paths *p);
