#pragma once
/*
 * All that this client publishes, by number, and what becomes of it when the configuration is read
 * again: what stays the same keeps its number and its streams; what changed is published under a new
 * number first and withdrawn then; streams of what is gone go on until they end.
 */
#include "base/error.h"
#include "client/publish/publication.h"

#define PUBLICATIONS_RETRY        (10 * CLOCK_S) /* how often a refused name is asked for again */
/* Looks, PUBLICATIONS_RETRY apart, for which a withdrawn one still takes what was opened meanwhile. */
#define PUBLICATIONS_LINGER       2
/* Lines about the exit node's answers: each service's twice and a few, then one a second. */
#define PUBLICATIONS_LOG_BURST(n) ((unsigned)(n)*2 + 8)
#define PUBLICATIONS_LOG_EVERY    CLOCK_S

struct publications {
	struct publication **v; /* by rising number */
	size_t n;
	uint32_t last;       /* the highest number that was given */
	bool granted;        /* something was, once */
	bool command_logged; /* a command that shows what is published, once */
	struct log_limit log_answers;
};

struct publications_change {
	size_t added, removed, kept; /* one that changed is both of the former */
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

/* Says what the exit node has not heard: offers what is idle, withdraws what is not wanted. */
void publications_offer(struct publications *s, struct link *l);

/* Every PUBLICATIONS_RETRY: what was refused is to be offered again, and what was left out of the log said. */
void publications_retry(struct publications *s, uint64_t now);

/* A link of several is lost: what it had no answer to is to be said again. */
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

/* Nothing ever was granted, and all were refused for reasons that time will not mend. */
bool publications_refused_for_good(const struct publications *s);
