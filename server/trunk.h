#pragma once
/*
 * The server's end of one link, on the worker where the link lives. What its peer says is passed on to
 * the registrar, which answers who it is: then the trunk belongs to a session and may carry streams.
 *
 *	HANDSHAKING -> ESTABLISHED -> [DRAINING ->] CLOSED
 */
#include "net/link_io.h"
#include "server/worker.h"

#define TRUNK_SAY_AGAIN      (60 * CLOCK_S) /* between two lines about clients that were refused */
#define TRUNK_STRANGER_EVERY CLOCK_S        /* between two lines about handshakes that failed */
/* Lines about links that leave: so many at once, as when a network of clients is restarted, then these. */
#define TRUNK_LEAVING_BURST  1024
#define TRUNK_LEAVING_EVERY  CLOCK_S
#define TRUNK_SUSPECT_TIME   (2 * CLOCK_S) /* rule 28: a holder silent for so long is dead */

struct presence;
struct trunk_offer;
struct session;

enum trunk_state { TRUNK_HANDSHAKING, TRUNK_ESTABLISHED, TRUNK_DRAINING, TRUNK_CLOSED };

struct trunk {
	struct link_io io;
	struct worker *worker;
	struct list link; /* worker::links */
	struct loop_task reap;
	struct loop_timer suspect;
	enum trunk_state state;
	const struct keyring_entry *identity; /* NULL until the handshake named one */
	struct half_open_slot *slot;          /* while it is HANDSHAKING */
	struct address peer;
	struct presence *presence; /* NULL until the registrar said whose it is */
	struct list of_presence;
	bool key_unknown;      /* the handshake named a key that no token of ours makes */
	unsigned active;       /* requests and connections under way */
	bool counted;          /* in presence::usable */
	bool silence_counted;  /* in presence::silent */
	uint64_t silence_told; /* when its silence was logged last, µs */
	uint64_t suspected_at; /* µs; 0: not */
	struct mail gone;      /* its end: to the registrar, and back to be freed */
	atomic_uint unheard;   /* messages on their way to the registrar */
	atomic_bool leaving;   /* the client said that it ends */

	/* The registrar's alone */
	struct session *session;
	struct list of_session;
	uint8_t instance[CONTROL_INSTANCE];
	const char *protection; /* "sealed", for people */
	char version[CONTROL_VERSION + 1];
	char *remote; /* owned; what the client dialled, as a URL; NULL: it did not say */
};

/* On the offer's worker. False, and nothing was taken: its place is gone, or memory. */
bool trunk_begin(struct trunk_offer *offer);

/* Its place is another's now: it goes, unless it has proved its key in the meantime. */
void trunk_evict(struct trunk *t);

/* Whether new streams may be opened on it. */
bool trunk_usable(const struct trunk *t);

/* Usable or not, it has not answered: others go first. */
static inline bool trunk_silent(const struct trunk *t)
{
	return t->io.link.silent;
}

/* One request or connection more or less under way on it. */
void trunk_began(struct trunk *t);
void trunk_finished(struct trunk *t);

/* Says that it will be served no longer (the server ends); streams under way go on. */
void trunk_drain(struct trunk *t);

/* Where it came from, for people. Behind a trusted proxy there is no port. */
void trunk_peer(const struct trunk *t, char text[ADDRESS_TEXT_SIZE]);

/* When no loop runs any more. */
void trunk_discard(struct trunk *t);

/* ---- From the registrar, from the main thread ---- */

/* It belongs to this session now. 0 or -ENOMEM. */
int trunk_attach(struct trunk *t, struct presence *p);
/* Copied. */
void trunk_send(struct trunk *t, const struct control *message);
void trunk_close(struct trunk *t, const char *why);
/* Claimed by another: it has to show that it lives. */
void trunk_suspect(struct trunk *t);
/* The registrar has forgotten it. */
void trunk_forget(struct trunk *t);
