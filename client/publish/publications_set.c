/* SPDX-License-Identifier: MIT */
/* How the publications change when the configuration is read again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "client/files/file_folder.h"
#include "client/publish/publications.h"

static bool is_among(const struct publication *pub, struct publication *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] == pub)
			return true;
	return false;
}

/* The one in force for an upstream that has not changed; each is found for one of equals only. */
static struct publication *find_same(const struct publications *s, const struct upstream *u,
	struct publication *const *taken, size_t n_taken)
{
	for (size_t i = 0; i < s->n; i++) {
		struct publication *pub = s->v[i];
		if (pub->state != PUBLICATION_LEAVING && upstream_same(&pub->upstream, u) &&
			!is_among(pub, taken, n_taken))
			return pub;
	}
	return NULL;
}

/* The same for all upstreams with the same settings: each has read a file of CAs. */
static struct tls_client *tls_for(struct publication *const *v, size_t n, const struct upstream *u,
	struct error *err)
{
	for (size_t i = 0; i < n; i++)
		if (v[i]->tls && v[i]->upstream.insecure == u->insecure &&
			str_same(v[i]->upstream.ca, u->ca))
			return tls_client_ref(v[i]->tls);
	struct tls_client_config config = {.ca = u->ca, .insecure = u->insecure};
	return tls_client_new(&config, err);
}

/* The order of both is free; yet it may be a folder whose name was mistyped. */
static void warn_of_socket(const struct upstream *u)
{
	char path[URL_SOCKET_MAX + 1];
	struct stat st;
	if (u->url.scheme != URL_UNIX)
		return;
	snprintf(path, sizeof path, "%.*s", STR_ARG(u->url.socket));
	if (stat(path, &st) < 0 && errno == ENOENT)
		log_warn("the socket %s does not exist yet: visitors get errors until a service "
			 "listens there; if a folder is meant, check its name",
			path);
}

static struct publication *make(struct publication *const *v, size_t n, const struct upstream *u,
	uint32_t number, struct error *err)
{
	struct tls_client *tls = NULL;
	if (u->url.scheme == URL_HTTPS) {
		tls = tls_for(v, n, u, err);
		if (!tls) {
			error_prefix(err, "the upstream %s", u->text);
			return NULL;
		}
	}
	struct dial_sources sources = upstream_private_sources(&u->private, 0);
	if (dial_sources_check(&sources, err) < 0) {
		error_prefix(err, "--source-addresses of %s", u->private.name);
		return NULL;
	}
	struct publication *pub = publication_new(u, number, tls);
	tls_client_unref(tls);
	if (!pub) {
		error_set(err, -ENOMEM, "no memory");
		return NULL;
	}
	struct error warning;
	if (file_folder_check(u, &warning) != FILE_FOLDER_OK)
		log_warn("%s", warning.text);
	warn_of_socket(u);
	if (u->url.query.n)
		log_warn("the query in the upstream %s is ignored", u->text);
	if (u->insecure)
		log_warn("upstream %s: certificate verification is off (--upstream-insecure)",
			u->text);
	return pub;
}

static bool is_pending(const struct publication *pub)
{
	return pub->state == PUBLICATION_IDLE || pub->state == PUBLICATION_OFFERED;
}

/* What is not in force any more leaves at once, or when the exit node answered about its successor. */
static void retire(struct publication *pub, struct publication *const *next, size_t n)
{
	pub->successor = NULL;
	if (is_among(pub, next, n))
		return;
	for (size_t i = 0; i < n && !is_pending(pub); i++)
		if (is_pending(next[i]) && upstream_meets(&next[i]->upstream, &pub->upstream))
			pub->successor = next[i];
	if (!pub->successor)
		publication_set_state(pub, PUBLICATION_LEAVING);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = (*(struct publication *const *)a)->number;
	uint32_t y = (*(struct publication *const *)b)->number;
	return (x > y) - (x < y);
}

/*
 * `next` gets one service for each entry of the list, those that stay and new ones, whose numbers
 * follow the last one given; how many are new, or -1, when none is left behind.
 */
static ssize_t prepare(const struct publications *s, const struct upstreams *list,
	struct publication **next, uint32_t *last_out, struct error *err)
{
	uint32_t last = s->last;
	ssize_t added = 0;
	for (size_t i = 0; i < list->n; i++) {
		next[i] = find_same(s, &list->v[i], next, i);
		if (next[i])
			continue;
		next[i] = make(next, i, &list->v[i], last + 1, err);
		if (!next[i]) {
			for (size_t k = 0; k < i; k++)
				if (next[k]->number > s->last)
					publication_unref(next[k]);
			return -1;
		}
		next[i]->own = list->v[i].private.end_to_end ? s->own : NULL;
		last += publication_numbers(next[i]);
		added++;
	}
	*last_out = last;
	return added;
}

int publications_set(struct publications *s, const struct upstreams *list, struct error *err,
	struct publications_change *change_out)
{
	struct publication **next = calloc(list->n + 1, sizeof(struct publication *));
	struct publication **v = realloc(s->v, (s->n + list->n + 1) * sizeof(struct publication *));
	if (v)
		s->v = v;
	if (!next || !v) {
		free(next);
		return error_set(err, -ENOMEM, "no memory");
	}
	uint32_t last;
	ssize_t added = prepare(s, list, next, &last, err);
	if (added < 0) {
		free(next);
		return -EIO;
	}
	struct publications_change change = {.added = (size_t)added,
		.kept = list->n - (size_t)added};
	size_t before = s->n;
	for (size_t i = 0; i < before; i++) {
		if (s->v[i]->state == PUBLICATION_LEAVING)
			continue;
		retire(s->v[i], next, list->n);
		change.removed++;
	}
	change.removed -= change.kept;
	for (size_t i = 0; i < list->n; i++) {
		publication_set_limits(next[i], &list->v[i].limits);
		if (next[i]->number > s->last)
			s->v[s->n++] = next[i];
	}
	s->last = last;
	qsort(s->v, s->n, sizeof(struct publication *), by_number);
	free(next);
	if (change_out)
		*change_out = change;
	return 0;
}
