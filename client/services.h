#pragma once
/*
 * All that this client publishes, by number, and what becomes of it when the configuration is read
 * again: what stays the same keeps its number and its streams; what changed is published under a new
 * number first and withdrawn then; streams of what is gone go on until they end.
 */
#include "base/error.h"
#include "client/offering.h"

#define SERVICES_RETRY        (10 * CLOCK_S) /* how often a refused name is asked for again */
/* Looks, SERVICES_RETRY apart, for which a withdrawn one still takes what was opened meanwhile. */
#define SERVICES_LINGER       2
/* Lines about the exit node's answers: each service's twice and a few, then one a second. */
#define SERVICES_LOG_BURST(n) ((unsigned)(n)*2 + 8)
#define SERVICES_LOG_EVERY    CLOCK_S

struct services {
	struct offering **v; /* by rising number */
	size_t n;
	uint32_t last; /* the highest number that was given */
	bool granted;  /* something was, once */
	bool invited;  /* somebody was told how to try what is published */
	struct log_limit log_answers;
};

struct services_change {
	size_t added, removed, kept; /* one that changed is both of the former */
};

/*
 * Makes the list what is published from now on. Copies what it keeps of it; reads the files of the
 * upstreams' TLS. 0, or -EIO (a file) or -ENOMEM with a sentence, when nothing has changed. `change_out` may
 * be NULL.
 */
int services_set(struct services *s, const struct upstreams *list, struct error *err,
	struct services_change *change_out);
/* Accepts zeroed memory. */
void services_deinit(struct services *s);

/* NULL: no such number. */
struct offering *services_find(const struct services *s, uint32_t number);

/* Says what the exit node has not heard: offers what is idle, withdraws what is not wanted. */
void services_offer(struct services *s, struct link *l);

/* Every SERVICES_RETRY: what was refused is to be offered again, and what was left out of the log said. */
void services_retry(struct services *s, uint64_t now);

/* A link of several is lost: what it had no answer to is to be said again. */
void services_unanswered(struct services *s);

/* The session is lost: nothing is published. */
void services_withdrawn(struct services *s);

/* The exit node's answers. Numbers that are not ours, or were not offered, are ignored. */
void services_granted(struct services *s, const struct control *message, uint64_t now);
void services_refused(struct services *s, const struct control *message, uint64_t now);

/*
 * For a person: "published: http://127.0.0.1:3000 at https://a.example/, and 2 more; refused: 1".
 */
void services_describe(const struct services *s, char *out, size_t size);

size_t services_count(const struct services *s, enum offering_state state);

/* Nothing ever was granted, and all were refused for reasons that time will not mend. */
bool services_hopeless(const struct services *s);
