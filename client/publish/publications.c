#include "client/publish/publications.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/files/file_folder.h"
#include "client/publish/publication_log.h"

struct publication *publications_find(const struct publications *s, uint32_t number)
{
	size_t low = 0, high = s->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->v[middle]->number + (publication_numbers(s->v[middle]) - 1) < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->n && s->v[low]->number <= number ? s->v[low] : NULL;
}

/* ---- A new list ---- */

/* The same public name, or one of their ports; but "any port" is not one place. */
static bool same_place(const struct upstream *a, const struct upstream *b)
{
	if (a->port_given != b->port_given)
		return false;
	if (!a->port_given)
		return strcmp(a->host, b->host) == 0;
	return upstream_ports_meet(a, b);
}

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
		log_warn("there is no socket %s yet: visitors get nothing until a service listens "
			 "there, or if a folder is meant, until its name is right",
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
		log_warn("the query in the upstream %s is not used", u->text);
	if (u->insecure)
		log_warn("whoever answers for the upstream %s is believed: its certificate is not "
			 "looked at",
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
		if (is_pending(next[i]) && same_place(&next[i]->upstream, &pub->upstream))
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

void publications_deinit(struct publications *s)
{
	for (size_t i = 0; i < s->n; i++)
		publication_unref(s->v[i]);
	free(s->v);
	*s = (struct publications){0};
}

/* ---- What is said, and when ---- */

void publications_offer(struct publications *s, struct link *l)
{
	for (size_t i = 0; i < s->n; i++) {
		struct publication *pub = s->v[i];
		if (pub->state == PUBLICATION_IDLE)
			publication_publish(pub, l);
		else if (pub->state == PUBLICATION_LEAVING && !pub->withdraw_said)
			publication_withdraw(pub, l);
	}
}

static void forget(struct publications *s, bool (*over)(const struct publication *pub))
{
	size_t kept = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct publication *pub = s->v[i];
		if (over(pub))
			publication_unref(pub);
		else
			s->v[kept++] = pub;
	}
	s->n = kept;
}

static bool lingered(const struct publication *pub)
{
	return pub->state == PUBLICATION_LEAVING && pub->looks > PUBLICATIONS_LINGER;
}

/* Logs its last answer, unless there were too many lately: it is said later then, if it still holds. */
static void tell(struct publications *s, struct publication *pub, uint64_t now)
{
	char more[LOG_LIMIT_MORE];
	bool answered = pub->state == PUBLICATION_GRANTED || pub->state == PUBLICATION_REFUSED;
	if (answered && !pub->answer_logged &&
		log_limit_pass(&s->log_answers, now, PUBLICATIONS_LOG_EVERY,
			PUBLICATIONS_LOG_BURST(s->n), more)) {
		publication_log_answer(pub, more);
		s->command_logged = s->command_logged || publication_log_command(pub);
	}
}

void publications_retry(struct publications *s, uint64_t now)
{
	for (size_t i = 0; i < s->n; i++) {
		tell(s, s->v[i], now);
		if (s->v[i]->state == PUBLICATION_REFUSED)
			publication_again(s->v[i], false);
		else if (s->v[i]->state == PUBLICATION_LEAVING && s->v[i]->withdraw_said)
			s->v[i]->looks++;
	}
	forget(s, lingered);
}

void publications_unanswered(struct publications *s)
{
	for (size_t i = 0; i < s->n; i++) {
		s->v[i]->withdraw_said = false;
		if (s->v[i]->state == PUBLICATION_OFFERED || s->v[i]->state == PUBLICATION_IDLE)
			publication_again(s->v[i], false);
	}
}

static bool is_unwanted(const struct publication *pub)
{
	return pub->state == PUBLICATION_LEAVING || pub->successor;
}

void publications_withdrawn(struct publications *s)
{
	forget(s, is_unwanted); /* a new session does not know of them */
	for (size_t i = 0; i < s->n; i++)
		publication_again(s->v[i], true);
}

/* The exit node answered about `service`: those whose place it takes may go. Whether there are any. */
static bool relieve_others(struct publications *s, const struct publication *pub)
{
	bool any = false;
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i]->successor != pub)
			continue;
		s->v[i]->successor = NULL;
		publication_set_state(s->v[i], PUBLICATION_LEAVING);
		any = true;
	}
	return any;
}

void publications_granted(struct publications *s, const struct control *message, uint64_t now)
{
	struct publication *pub = publications_find(s, message->granted.service);
	if (!pub || (pub->state != PUBLICATION_OFFERED && pub->state != PUBLICATION_REFUSED))
		return;
	publication_granted(pub, message);
	tell(s, pub, now);
	s->granted = true;
	if (pub->state == PUBLICATION_GRANTED)
		relieve_others(s, pub);
}

void publications_refused(struct publications *s, const struct control *message, uint64_t now)
{
	struct publication *pub = publications_find(s, message->refused.service);
	if (!pub || (pub->state != PUBLICATION_OFFERED && pub->state != PUBLICATION_GRANTED))
		return;
	/* A port or a name with other TLS: it is our own that has it. That is withdrawn first. */
	if (relieve_others(s, pub) && message->refused.reason == CONTROL_REASON_TAKEN) {
		publication_again(pub, false);
		return;
	}
	publication_refused(pub, message);
	tell(s, pub, now);
}

size_t publications_count(const struct publications *s, enum publication_state state)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += s->v[i]->state == state;
	return n;
}

void publications_describe(const struct publications *s, char *out, size_t size)
{
	size_t granted = publications_count(s, PUBLICATION_GRANTED), told = 0, n = 0;
	size_t refused = publications_count(s, PUBLICATION_REFUSED);
	char more[64] = "", item[512];
	if (refused)
		snprintf(more, sizeof(more), "; refused: %zu", refused);
	if (!granted)
		snprintf(out, size, "nothing is published yet%s", more);
	for (size_t i = 0; granted && i < s->n; i++) {
		const struct publication *pub = s->v[i];
		if (pub->state != PUBLICATION_GRANTED || !pub->answer)
			continue;
		int m = snprintf(item, sizeof(item), "%s%s at %s",
			told ? ", " : "published: ", pub->upstream.text, pub->answer);
		/* Room for what stands behind it. */
		if (m >= (int)sizeof(item) || n + (size_t)m + sizeof(more) + 32 > size)
			break;
		memcpy(out + n, item, (size_t)m);
		n += (size_t)m;
		told++;
	}
	if (granted && told < granted)
		n += (size_t)snprintf(out + n, size - n, told ? ", and %zu more" : "published: %zu",
			granted - told);
	if (granted)
		snprintf(out + n, size - n, "%s", more);
}

bool publications_refused_for_good(const struct publications *s)
{
	for (size_t i = 0; i < s->n; i++) {
		enum control_reason reason = s->v[i]->reason;
		if (s->v[i]->state != PUBLICATION_REFUSED ||
			(reason != CONTROL_REASON_INVALID && reason != CONTROL_REASON_UNSUPPORTED))
			return false;
	}
	return s->n > 0 && !s->granted;
}
