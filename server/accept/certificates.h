/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The exit node's certificates, and those that --acme has got for clients' names: read at start, again on a reload, and
 * when their files change, on a helper thread; then every worker gets them in turn. Certificates that cannot be read
 * leave the old ones in use.
 */
#include "loop/offload.h"
#include "server/acme/acme.h"
#include "tls/tls.h"
#include "server/base/node.h"
#include "server/base/options.h"

/* How often the files are looked at, µs: renewing one is not urgent, and a look is a stat() a file. */
#define CERTIFICATES_LOOK      (2 * CLOCK_S)
/* A certificate that ends so soon is warned about, in seconds: what renews it has failed by then. */
#define CERTIFICATES_ENDS_SOON (7 * 86400)
#define CERTIFICATES_WARN \
	(24 * 3600 * CLOCK_S) /* between two lines about one that ended or soon does */

struct certificates {
	struct node *node;
	const struct server_options *opts;
	struct offload *offload;
	char *cert, *key;       /* --auto-tls: the files it made */
	struct acme_paths acme; /* files of --acme */
	char **own;             /* our own, those of --acme behind the others; borrowed texts */
	uint64_t print;         /* of the files as they were read last */
	struct certificates_job *job; /* under way */
	struct loop_timer look;
	uint64_t warn_at; /* µs */
	/* Of a reload whose certificates are not handed out yet; NULL: there is none */
	void (*reloaded)(void *arg);
	void *reloaded_arg;
	/* Whoever reads the files as well, when they are others; NULL: nobody */
	void (*changed)(void *arg);
	void *changed_arg;
};

/* Reads them for the first time: blocks. 0 with nothing done when there are none to read. */
int certificates_init(struct certificates *c, struct node *n, const struct server_options *o,
	const char *state_dir, struct error *err);
void certificates_deinit(struct certificates *c);

/* Files of --acme are other ones now. */
void certificates_ordered(struct certificates *c);

/*
 * Reads them again, because options changed or somebody asked. reloaded() is called once, when every worker
 * has what was read, or when nothing could be read; perhaps from within.
 */
void certificates_reload(struct certificates *c, const struct server_options *o,
	void (*reloaded)(void *arg), void *arg);
