/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * All publications of this client, by number. When the configuration is read again, a publication that is
 * still in it keeps its number and its streams; one that changed is published under a new number first, and
 * then the old one is withdrawn; streams of a withdrawn publication go on until they end.
 */
#include "base/error.h"
#include "client/publish/publication.h"

#define PUBLICATIONS_RETRY        (10 * CLOCK_S) /* how often a refused name is asked for again */
/* A withdrawn one still takes streams for so many PUBLICATIONS_RETRY: the exit node may have opened them. */
#define PUBLICATIONS_LINGER       2
/* Lines about the exit node's answers: at once two for each service and a few, then one a second. */
#define PUBLICATIONS_LOG_BURST(n) ((unsigned)(n)*2 + 8)
#define PUBLICATIONS_LOG_EVERY    CLOCK_S

struct publications {
	struct publication **v; /* by rising number */
	size_t n;
	uint32_t last; /* the highest number that was given */
	bool granted;  /* the exit node has granted one, once */
	/* Of this session's exit node, by its hello: CONTROL_FEATURE_… */
	struct {
		bool private, groups, rules, h2;
	} features;
	const struct key_pair
		*own;        /* for those that are end to end; must outlast them; NULL: none is */
	bool command_logged; /* a command that shows what is published, once */
	struct log_limit log_answers;
};

struct publications_change {
	size_t added, removed, kept; /* a publication that changed counts as added and removed */
};

/*
 * Makes the list what is published from now on. Copies what it keeps of it; reads the files of the
 * upstreams' TLS. 0, or -EIO (a file) or -ENOMEM with a sentence, when nothing has changed. `change_out` may
 * be NULL.
 */
int publications_set(struct publications *s, const struct upstreams *list, struct error *err,
	struct publications_change *change_out);
/* Accepts zeroed memory. */
void publications_deinit(struct publications *s);

/* NULL: no such number. */
struct publication *publications_find(const struct publications *s, uint32_t number);

/* There is a session whose exit node has these `features` (control.hello.features; NULL: none). */
void publications_begin(struct publications *s, const char *features);

/*
 * Tells the exit node what it does not know yet: publishes the IDLE ones, withdraws the LEAVING ones. What needs a
 * feature that it has not is refused here, and not told: it would publish it without.
 */
void publications_offer(struct publications *s, struct link *l);

/* The private service of this name that is published; NULL: none. */
struct publication *publications_find_private(const struct publications *s, const char *name);

/* Every PUBLICATIONS_RETRY: refused ones become IDLE again, and answers that the log left out are logged. */
void publications_retry(struct publications *s, uint64_t now);

/* One link of several is lost: what the exit node has not answered is to be sent again. */
void publications_unanswered(struct publications *s);

/* The session is lost: nothing is published. */
void publications_withdrawn(struct publications *s);

/* The exit node's answers. Numbers that are not ours, or were not offered, are ignored. */
void publications_granted(struct publications *s, const struct control *message, uint64_t now);
void publications_refused(struct publications *s, const struct control *message, uint64_t now);

/*
 * For a person: "published: http://127.0.0.1:3000 at https://a.example/, and 2 more; refused: 1".
 */
void publications_describe(const struct publications *s, char *out, size_t size);

size_t publications_count(const struct publications *s, enum publication_state state);

/* None was ever granted, and all are refused for reasons that time does not change. */
bool publications_refused_for_good(const struct publications *s);
