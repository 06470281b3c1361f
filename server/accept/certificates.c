/* SPDX-License-Identifier: MIT */
#include "server/accept/certificates.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/log.h"
#include "server/base/broadcast.h"
#include "server/base/worker.h"

/* What a reading works on, all its own. */
struct certificates_job {
	struct offload_job job;
	struct certificates *owner;
	struct tls_server_config config;
	char **texts; /* every text of it, NULL behind the last */
	uint64_t print;
	struct tls_server *made;
	struct error err;
};

/* ---- What the files look like from outside ---- */

#define PRINT_START UINT64_C(0xcbf29ce484222325) /* FNV-1a */

static uint64_t print_bytes(uint64_t print, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		print = (print ^ ((const uint8_t *)p)[i]) * UINT64_C(0x100000001b3);
	return print;
}

/* Through links: what renews certificates mostly turns a link. */
static uint64_t print_file(uint64_t print, const char *path, bool below)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return print_bytes(print, path, strlen(path));
	/* The last two move with the mode and the owner, too: what could not be read may be read now. */
	uint64_t facts[] = {st.st_dev, st.st_ino, (uint64_t)st.st_size, (uint64_t)st.st_mtim.tv_sec,
		(uint64_t)st.st_mtim.tv_nsec, (uint64_t)st.st_ctim.tv_sec,
		(uint64_t)st.st_ctim.tv_nsec};
	print = print_bytes(print, facts, sizeof(facts));
	DIR *dir = below && S_ISDIR(st.st_mode) ? opendir(path) : NULL;
	if (!dir)
		return print;
	/* In whatever order they come, the sum is the same. */
	uint64_t sum = 0;
	for (struct dirent *e; (e = readdir(dir));) {
		char file[4096];
		if (e->d_name[0] == '.' ||
			snprintf(file, sizeof(file), "%s/%s", path, e->d_name) >= (int)sizeof(file))
			continue;
		sum += print_file(PRINT_START, file, false);
	}
	closedir(dir);
	return print_bytes(print, &sum, sizeof(sum));
}

static uint64_t print_of(const struct tls_server_config *config)
{
	uint64_t print = PRINT_START;
	for (size_t i = 0; i < config->n_certs; i++)
		print = print_file(print, config->certs[i], true);
	for (size_t i = 0; i < config->n_keys; i++)
		print = print_file(print, config->keys[i], false);
	for (size_t i = 0; i < config->n_ordered; i++)
		print = print_file(print, config->ordered[i], false);
	return config->client_ca ? print_file(print, config->client_ca, false) : print;
}

static struct tls_server_config config_of(struct certificates *c)
{
	const struct server_options *o = c->opts;
	struct tls_server_config config = {
		.certs = o->tls_cert.v,
		.n_certs = o->tls_cert.n,
		.keys = o->tls_key.v,
		.n_keys = o->tls_key.n,
		.client_ca = o->tls_client_ca,
	};
	if (c->cert) {
		config.certs = &c->cert;
		config.keys = &c->key;
		config.n_certs = config.n_keys = 1;
	}
	if (!c->own)
		return config;
	/* Their keys are in the same files, so those of the others remain as they are counted. */
	memcpy(c->own, config.certs, config.n_certs * sizeof(*c->own));
	memcpy(c->own + config.n_certs, c->acme.v, c->acme.n_own * sizeof(*c->own));
	config.certs = c->own;
	config.n_certs += c->acme.n_own;
	config.ordered = c->acme.v + c->acme.n_own;
	config.n_ordered = c->acme.n - c->acme.n_own;
	return config;
}

/* Asks which files of --acme there are. 0 or -ENOMEM, when those from before remain. */
static int certificates_find(struct certificates *c)
{
	struct acme_paths found;
	if (!c->node->acme)
		return 0;
	int r = acme_paths(c->node->acme, &found);
	char **own = r == 0 ? calloc(c->opts->tls_cert.n + found.n_own + 1, sizeof(*own)) : NULL;
	if (!own) {
		acme_paths_free(&found);
		return -ENOMEM;
	}
	acme_paths_free(&c->acme);
	free(c->own);
	c->acme = found;
	c->own = own;
	return 0;
}

/* ---- To the workers ---- */

struct certificate_broadcast {
	struct broadcast broadcast;
	struct tls_server *tls;
	void (*reloaded)(void *arg); /* the reload that this ends; NULL: none */
	void *reloaded_arg;
};

/* The reload, if there is one, is over. */
static void certificates_reloaded(struct certificates *c)
{
	void (*reloaded)(void *arg) = c->reloaded;
	c->reloaded = NULL;
	if (reloaded)
		reloaded(c->reloaded_arg);
}

static void certificate_broadcast_run(struct broadcast *b, struct worker *w)
{
	struct tls_server *old = w->tls;
	struct tls_server *tls = container_of(b, struct certificate_broadcast, broadcast)->tls;
	w->tls = tls ? tls_server_ref(tls) : NULL;
	tls_server_unref(old);
}

static void certificate_broadcast_discard(struct broadcast *b)
{
	struct certificate_broadcast *own =
		container_of(b, struct certificate_broadcast, broadcast);
	tls_server_unref(own->tls);
	free(own);
}

static void certificate_broadcast_done(struct broadcast *b)
{
	const struct certificate_broadcast *own =
		container_of(b, struct certificate_broadcast, broadcast);
	void (*reloaded)(void *arg) = own->reloaded;
	void *arg = own->reloaded_arg;
	certificate_broadcast_discard(b);
	if (reloaded)
		reloaded(arg);
}

static const struct broadcast_ops certificate_broadcast_ops = {
	.run = certificate_broadcast_run,
	.done = certificate_broadcast_done,
	.discard = certificate_broadcast_discard,
};

/* Those that visitors and clients refuse now, or soon. */
static void certificates_warn(struct certificates *c, const struct tls_server *tls)
{
	int64_t now = (int64_t)time(NULL);
	char then[TLS_MOMENT_SIZE], here[TLS_MOMENT_SIZE];
	c->warn_at = loop_now(c->node->workers[0]->loop) + CERTIFICATES_WARN;
	for (size_t i = 0; tls && i < tls_server_count(tls); i++) {
		struct tls_dates d;
		tls_server_dates(tls, i, &d);
		tls_moment(now > d.from ? d.to : d.from, then);
		tls_moment(now, here);
		if (now > d.to)
			log_error("the certificate for %s ended on %s, and visitors and clients "
				  "refuse it: renew it (the clock here says %s)",
				d.names, then, here);
		else if (now < d.from)
			log_error(
				"the certificate for %s begins on %s, and visitors and clients "
				"refuse it until then, unless the clock here is behind: it says %s",
				d.names, then, here);
		else if (d.to - now < CERTIFICATES_ENDS_SOON && !acme_renews(c->node->acme, &d))
			log_warn("the certificate for %s ends on %s, in %d hours: renew it",
				d.names, then, (int)((d.to - now) / 3600));
	}
}

/* Takes over the reference; NULL: there are none any more. */
static void certificates_hand_out(struct certificates *c, struct tls_server *tls)
{
	certificates_warn(c, tls);
	if (c->changed)
		c->changed(c->changed_arg);
	struct certificate_broadcast *own = calloc(1, sizeof(*own));
	if (!own) {
		log_error("the certificates from before stay in use: out of memory");
		tls_server_unref(tls);
		certificates_reloaded(c);
		return;
	}
	own->tls = tls;
	/* Newer certificates may follow these, and another reload: each ends its own. */
	own->reloaded = c->reloaded;
	own->reloaded_arg = c->reloaded_arg;
	c->reloaded = NULL;
	broadcast_send(&own->broadcast, c->node, &certificate_broadcast_ops);
}

/* ---- Reading again ---- */

static char *job_keep(struct certificates_job *j, size_t *n, const char *text, bool *ok)
{
	char *copy = strdup(text);
	*ok &= copy != NULL;
	j->texts[(*n)++] = copy;
	return copy;
}

static void job_free(struct certificates_job *j)
{
	for (char **t = j->texts; t && *t; t++)
		free(*t);
	free(j->texts);
	tls_server_unref(j->made);
	free(j);
}

static void job_run(struct offload_job *job)
{
	struct certificates_job *j = container_of(job, struct certificates_job, job);
	j->print = print_of(&j->config);
	j->made = tls_server_new(&j->config, &j->err);
}

static void job_done(struct offload_job *job)
{
	struct certificates_job *j = container_of(job, struct certificates_job, job);
	if (!job->cancelled) {
		struct certificates *c = j->owner;
		c->job = NULL;
		c->print = j->print; /* also of what is wrong: said once */
		if (j->made) {
			log_info("the certificates were read again");
			certificates_hand_out(c, j->made);
			j->made = NULL;
		} else {
			log_error("%s; the certificates from before stay in use", j->err.text);
			certificates_reloaded(c);
		}
	}
	job_free(j);
}

static struct certificates_job *job_new(struct certificates *c)
{
	struct tls_server_config config = config_of(c);
	struct certificates_job *j = calloc(1, sizeof(*j));
	size_t n = 0;
	bool ok = j != NULL;
	if (!j)
		return NULL;
	/* certs, keys, ordered, client_ca, NULL */
	j->texts = calloc(config.n_certs + config.n_keys + config.n_ordered + 2, sizeof(*j->texts));
	if (!j->texts) {
		job_free(j);
		return NULL;
	}
	j->owner = c;
	j->config = config;
	j->config.certs = j->texts;
	for (size_t i = 0; i < config.n_certs; i++)
		job_keep(j, &n, config.certs[i], &ok);
	j->config.keys = j->texts + n;
	for (size_t i = 0; i < config.n_keys; i++)
		job_keep(j, &n, config.keys[i], &ok);
	j->config.ordered = j->texts + n;
	for (size_t i = 0; i < config.n_ordered; i++)
		job_keep(j, &n, config.ordered[i], &ok);
	if (config.client_ca)
		j->config.client_ca = job_keep(j, &n, config.client_ca, &ok);
	if (!ok) {
		job_free(j);
		return NULL;
	}
	j->job.run = job_run;
	j->job.done = job_done;
	return j;
}

/* What is being read is of no use any more. */
static void certificates_give_up(struct certificates *c)
{
	if (c->job)
		offload_cancel(&c->job->job);
	c->job = NULL;
}

static void certificates_read(struct certificates *c)
{
	certificates_give_up(c);
	if (!c->offload)
		c->offload = offload_new(OFFLOAD_THREADS);
	c->job = c->offload && certificates_find(c) == 0 ? job_new(c) : NULL;
	if (c->job) {
		offload_submit(c->offload, c->node->workers[0]->loop, &c->job->job);
		return;
	}
	log_error("the certificates were not read again: out of memory");
	certificates_reloaded(c);
}

void certificates_reload(struct certificates *c, const struct server_options *o,
	void (*reloaded)(void *arg), void *arg)
{
	c->opts = o;
	c->reloaded = reloaded;
	c->reloaded_arg = arg;
	if (c->cert || o->tls_cert.n) {
		certificates_read(c);
		return;
	}
	certificates_give_up(c);
	if (c->node->workers[0]->tls)
		certificates_hand_out(c, NULL);
	else
		certificates_reloaded(c);
}

void certificates_ordered(struct certificates *c)
{
	certificates_read(c);
}

static void certificates_look(struct loop_timer *timer)
{
	struct certificates *c = container_of(timer, struct certificates, look);
	struct tls_server_config config = config_of(c);
	if (!c->job && config.n_certs && print_of(&config) != c->print)
		certificates_read(c);
	uint64_t now = loop_now(timer->loop);
	if (c->node->workers[0]->tls)
		tls_server_tick(c->node->workers[0]->tls, now);
	if (now >= c->warn_at)
		certificates_warn(c, c->node->workers[0]->tls);
	loop_timer_set(timer, now + CERTIFICATES_LOOK);
}

int certificates_init(struct certificates *c, struct node *n, const struct server_options *o,
	const char *state_dir, struct error *err)
{
	struct loop *loop = n->workers[0]->loop;
	*c = (struct certificates){.node = n, .opts = o};
	loop_timer_init(&c->look, loop, certificates_look);
	loop_timer_set(&c->look, loop_now(loop) + CERTIFICATES_LOOK);
	if (!server_has_tls(o))
		return 0;
	bool makes = o->auto_tls || !o->tls_cert.n;
	if (makes && !state_dir)
		return error_set(err, -EINVAL,
			"--auto-tls keeps a certificate: give it a --state-dir");
	int r = makes ? tls_auto_certificate(state_dir, &c->cert, &c->key, err) : 0;
	if (r < 0)
		return r;
	if (certificates_find(c) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	struct tls_server_config config = config_of(c);
	struct tls_server *tls = tls_server_new(&config, err);
	if (!tls)
		return -EINVAL;
	c->print = print_of(&config);
	char pin[TLS_PIN_TEXT];
	tls_server_pin(tls, pin);
	log_info("TLS for visitors and clients; clients may pin the certificate with --tls-pin %s",
		pin);
	certificates_hand_out(c, tls);
	return 0;
}

void certificates_deinit(struct certificates *c)
{
	if (!c->node)
		return;
	certificates_give_up(c);
	loop_timer_cancel(&c->look);
	offload_free(c->offload);
	free(c->cert);
	free(c->key);
	free(c->own);
	acme_paths_free(&c->acme);
}
