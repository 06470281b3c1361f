/* SPDX-License-Identifier: MIT */
#include "server/base/half_open.h"

#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"

struct half_open_host {
	struct network_entry entry; /* half_open::hosts */
	struct list of_count;       /* half_open_rank::hosts, while it has a place */
	struct list of_known;       /* half_open::known */
	uint64_t proved;            /* µs; 0: a stranger's */
	unsigned n;
	struct list places; /* the oldest is first */
};

void half_open_init(struct half_open *h, void (*wake)(struct half_open *h, unsigned worker))
{
	*h = (struct half_open){.lock = PTHREAD_MUTEX_INITIALIZER, .wake = wake};
	network_table_init(&h->hosts);
	list_init(&h->known);
	for (unsigned i = 0; i < 2; i++) {
		list_init(&h->ranks[i].places);
		for (unsigned n = 0; n <= HALF_OPEN_PER_ADDRESS + 1; n++)
			list_init(&h->ranks[i].hosts[n]);
	}
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		list_init(&h->workers[i].evicted);
}

/* ---- Hosts; with the lock held, as everything down to the interface ---- */

static struct half_open_rank *rank_of(struct half_open *h, const struct half_open_host *host)
{
	return &h->ranks[host->proved != 0];
}

static struct half_open_host *host_of(struct network_entry *e)
{
	return container_of(e, struct half_open_host, entry);
}

static struct half_open_host *host_take(struct half_open *h, const struct address *peer)
{
	struct network_entry *e = network_table_find(&h->hosts, peer);
	if (e)
		return host_of(e);
	e = network_table_add(&h->hosts, peer, sizeof(struct half_open_host));
	if (!e)
		return NULL;
	struct half_open_host *host = host_of(e);
	list_init(&host->of_count);
	list_init(&host->of_known);
	list_init(&host->places);
	return host;
}

static void host_release(struct half_open *h, struct half_open_host *host)
{
	if (host->n || host->proved)
		return;
	network_table_drop(&h->hosts, &host->entry);
}

static void host_set_count(struct half_open *h, struct half_open_host *host, unsigned n)
{
	struct half_open_rank *rank = rank_of(h, host);
	rank->n = rank->n - host->n + n;
	host->n = n;
	list_unlink(&host->of_count);
	if (n)
		list_append(&rank->hosts[n], &host->of_count);
}

/* Known from here on, or a stranger's again (0); its places go along to the end of the other queue. */
static void host_set_proved(struct half_open *h, struct half_open_host *host, uint64_t proved)
{
	unsigned n = host->n;
	if (!host->proved != !proved)
		host_set_count(h, host, 0);
	h->n_known = h->n_known - (host->proved != 0) + (proved != 0);
	list_unlink(&host->of_known);
	host->proved = proved;
	if (proved)
		list_append(&h->known, &host->of_known);
	if (host->n == n)
		return;
	host_set_count(h, host, n);
	list_for_each (it, &host->places) {
		struct half_open_slot *place = list_entry(it, struct half_open_slot, of_host);
		list_unlink(&place->of_rank);
		list_append(&rank_of(h, host)->places, &place->of_rank);
	}
}

static void host_forget(struct half_open *h, struct half_open_host *host)
{
	host_set_proved(h, host, 0);
	host_release(h, host);
}

static void forget_old(struct half_open *h, uint64_t now)
{
	struct half_open_host *host;
	while ((host = list_first(&h->known, struct half_open_host, of_known)) != NULL &&
		now - host->proved >= HALF_OPEN_KNOWN_TIME)
		host_forget(h, host);
}

/* ---- Places ---- */

static void place_take_out(struct half_open *h, struct half_open_slot *place)
{
	struct half_open_host *host = place->host;
	list_unlink(&place->of_host);
	list_unlink(&place->of_rank);
	host_set_count(h, host, host->n - 1);
	place->host = NULL;
	host_release(h, host);
}

/* `wake_out` is a set of workers, a bit each. */
static void place_evict(struct half_open *h, struct half_open_slot *place, uint64_t *wake_out)
{
	bool held = place->state == HALF_OPEN_HELD;
	place_take_out(h, place);
	place->state = HALF_OPEN_EVICTED;
	if (!held)
		return; /* half_open_begin() will tell */
	list_append(&h->workers[place->worker].evicted, &place->of_rank);
	if (!h->workers[place->worker].told)
		*wake_out |= UINT64_C(1) << place->worker;
	h->workers[place->worker].told = true;
}

static struct half_open_slot *oldest_of_fullest(const struct half_open_rank *rank)
{
	for (unsigned n = HALF_OPEN_PER_ADDRESS; n; n--) {
		struct half_open_host *host =
			list_first(&rank->hosts[n], struct half_open_host, of_count);
		if (host)
			return list_first(&host->places, struct half_open_slot, of_host);
	}
	return NULL;
}

/* Strangers' places. */
static unsigned strangers_limit(unsigned limit)
{
	return limit - limit / HALF_OPEN_RESERVE;
}

static void hurry_strangers(struct half_open *h, unsigned limit, uint64_t now, uint64_t *wake_out)
{
	struct half_open_rank *strangers = &h->ranks[0];
	struct half_open_slot *place;
	while (strangers->n > strangers_limit(limit) / 2 &&
		(place = list_first(&strangers->places, struct half_open_slot, of_rank)) != NULL &&
		now - place->began >= HALF_OPEN_CROWDED)
		place_evict(h, place, wake_out);
}

/* Whose place this host's next handshake needs; NULL: none's. -EBUSY: it gets none. */
static int choose_victim(struct half_open *h, const struct half_open_host *host, unsigned limit,
	struct half_open_slot **out)
{
	const struct half_open_rank *strangers = &h->ranks[0], *known = &h->ranks[1];
	bool full = strangers->n + known->n >= limit ||
		    (!host->proved && strangers->n >= strangers_limit(limit));
	*out = NULL;
	if (host->n >= HALF_OPEN_PER_ADDRESS)
		*out = list_first(&host->places, struct half_open_slot, of_host);
	else if (full)
		*out = oldest_of_fullest(strangers);
	if (full && !*out && host->proved)
		*out = oldest_of_fullest(known);
	return full && !*out ? -EBUSY : 0;
}

static int enter(struct half_open *h, const struct address *peer, struct half_open_slot *place,
	unsigned limit, uint64_t *wake_out)
{
	uint64_t now = place->began;
	struct half_open_slot *victim;
	forget_old(h, now);
	hurry_strangers(h, limit, now, wake_out);
	struct half_open_host *host = host_take(h, peer);
	if (!host)
		return -ENOMEM;
	int r = choose_victim(h, host, limit, &victim);
	if (r < 0) {
		host_release(h, host);
		return r;
	}
	place->host = host;
	list_append(&host->places, &place->of_host);
	list_append(&rank_of(h, host)->places, &place->of_rank);
	/* Before the victim goes, whose host may be the same one: a host without places would be freed. */
	host_set_count(h, host, host->n + 1);
	if (victim)
		place_evict(h, victim, wake_out);
	return victim ? HALF_OPEN_CROWDED_OUT : 0;
}

/* ---- The interface ---- */

static void wake(struct half_open *h, uint64_t workers)
{
	for (unsigned i = 0; workers; i++, workers >>= 1)
		if (workers & 1)
			h->wake(h, i);
}

int half_open_enter(struct half_open *h, const struct address *peer, unsigned limit, uint64_t now,
	struct half_open_slot **out)
{
	struct half_open_slot *place = calloc(1, sizeof(*place));
	if (!place)
		return -ENOMEM;
	place->began = now;
	list_init(&place->of_host);
	list_init(&place->of_rank);
	uint64_t workers = 0;
	pthread_mutex_lock(&h->lock);
	int r = enter(h, peer, place, limit, &workers);
	pthread_mutex_unlock(&h->lock);
	wake(h, workers);
	if (r < 0)
		free(place);
	else
		*out = place;
	return r;
}

bool half_open_begin(struct half_open *h, struct half_open_slot *place, struct server_link *l,
	unsigned worker)
{
	pthread_mutex_lock(&h->lock);
	bool held = place->state == HALF_OPEN_COMING;
	if (held) {
		place->state = HALF_OPEN_HELD;
		place->server_link = l;
		place->worker = worker;
	}
	pthread_mutex_unlock(&h->lock);
	return held;
}

void half_open_leave(struct half_open *h, struct half_open_slot *place)
{
	if (!place)
		return;
	pthread_mutex_lock(&h->lock);
	if (place->state == HALF_OPEN_EVICTED)
		list_unlink(&place->of_rank);
	else
		place_take_out(h, place);
	pthread_mutex_unlock(&h->lock);
	free(place);
}

void half_open_proved(struct half_open *h, const struct address *peer, uint64_t now)
{
	pthread_mutex_lock(&h->lock);
	forget_old(h, now);
	struct half_open_host *host = host_take(h, peer);
	if (host) {
		host_set_proved(h, host, now);
		if (h->n_known > HALF_OPEN_KNOWN_MAX)
			host_forget(h, list_first(&h->known, struct half_open_host, of_known));
	}
	pthread_mutex_unlock(&h->lock);
}

bool half_open_knows(struct half_open *h, const struct address *peer, uint64_t now)
{
	pthread_mutex_lock(&h->lock);
	forget_old(h, now);
	struct network_entry *e = network_table_find(&h->hosts, peer);
	bool knows = e && host_of(e)->proved;
	pthread_mutex_unlock(&h->lock);
	return knows;
}

struct server_link *half_open_evicted(struct half_open *h, unsigned worker)
{
	pthread_mutex_lock(&h->lock);
	struct half_open_slot *place =
		list_first(&h->workers[worker].evicted, struct half_open_slot, of_rank);
	if (place)
		list_unlink(&place->of_rank);
	else
		h->workers[worker].told = false;
	/* Read here: behind the lock the link is still there, because it ends on the caller's thread. */
	struct server_link *l = place ? place->server_link : NULL;
	pthread_mutex_unlock(&h->lock);
	return l;
}

unsigned half_open_count(struct half_open *h)
{
	pthread_mutex_lock(&h->lock);
	unsigned n = h->ranks[0].n + h->ranks[1].n;
	pthread_mutex_unlock(&h->lock);
	return n;
}

void half_open_deinit(struct half_open *h)
{
	while (!list_empty(&h->known))
		host_forget(h, list_first(&h->known, struct half_open_host, of_known));
	network_table_deinit(&h->hosts);
	pthread_mutex_destroy(&h->lock);
}
