/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What visitors asked of upstreams, and what those answered, as far as it is kept: a client's own traffic, for
 * its own user to look at. Captures are in memory of a fixed size; when it is full, the oldest that are over
 * give way. Secrets are kept, since nothing could be sent again without them, and are hidden in everything
 * that leaves (client/inspector/capture_view.h), unless --inspect-forget drops them as they come.
 *
 * All of it belongs to the client's loop.
 */
#include "base/list.h"
#include "client/inspector/capture_pool.h"
#include "client/inspector/secret_mask.h"
#include "loop/loop.h"
#include "wire/address.h"
#include "wire/http1.h"

/* They do not give way; so many are a comparison, more a way to have no room left. */
#define INSPECTOR_PINNED_MAX 16

/* Bytes of a target that lists show and filters see; the head has all of it. */
#define CAPTURE_TARGET_SHOWN 384
/* Bytes of a method that lists show: registered ones have 17 at most. */
#define CAPTURE_METHOD_SHOWN 24
#define CAPTURE_WHY_SIZE     128

/* Bytes of a head that is kept: a request's is larger here than a visitor may send it, as fields were added. */
#define CAPTURE_HEAD_MAX HTTP1_RESPONSE_MAX

/*
 * Eighths of the memory that captures may fill which cannot give way, as they are under way or pinned: their bodies grow
 * up to the first, their heads up to the second. So uploads that do not end leave room for the heads of what comes, and
 * large heads leave room for its method, target and status. A guess.
 */
#define INSPECTOR_BODIES_SHARE 6
#define INSPECTOR_HEADS_SHARE  7

enum capture_state {
	CAPTURE_OPEN,   /* under way */
	CAPTURE_DONE,   /* answered */
	CAPTURE_CUT,    /* the connection ended before the answer was whole */
	CAPTURE_RAW,    /* what came is no HTTP/1: its first bytes are the answer's body */
	CAPTURE_FAILED, /* the upstream was not reached: `why` */
};

struct capture_message {
	struct capture_text text; /* its head, then of its body what is kept */
	size_t head;              /* bytes of the head in it; 0: there is none */
	uint64_t
		body; /* bytes of its body, without what framed them; of a WebSocket all behind the head */
	uint64_t first, last; /* µs, when its first byte came and its last; 0: not yet */
	bool whole;           /* it has ended in order */
	bool full;            /* nothing more of it is kept */
};

struct capture {
	struct list all;        /* inspector::all */
	struct list old;        /* inspector::old: once it is over, unless it is pinned */
	size_t blocks;          /* that it has, while it is there */
	uint64_t id, replay_of; /* 0: of a visitor */
	enum capture_state state;
	bool pinned;
	bool websocket;         /* the upstream has switched protocols: bytes are counted */
	bool forgotten;         /* its secrets were not kept */
	uint16_t status;        /* 0: none yet */
	uint32_t service;       /* the number of its publication */
	struct address visitor; /* ADDRESS_NONE of a replay */
	uint64_t at;            /* µs since 1970 */
	uint64_t opened,
		dialled; /* µs, of its connection: both 0 when that had carried a request before */
	struct capture_message request, answer; /* capture_message() has them by side */
	char method[CAPTURE_METHOD_SHOWN];
	char host[HOSTNAME_SIZE];
	char target[CAPTURE_TARGET_SHOWN]; /* with its secrets hidden */
	char why[CAPTURE_WHY_SIZE];
};

struct inspector_options {
	size_t size;                    /* bytes of the mapping */
	size_t body_max;                /* bytes that are kept of each body */
	const struct option_list *mask; /* names besides the usual ones; outlives the inspector */
	bool forget;
};

struct inspector {
	struct loop *loop;
	struct capture_pool pool;
	size_t body_max;
	struct secret_mask mask;
	bool forget;
	struct list all;   /* by id, the newest last */
	struct list old;   /* those that may go, in the order in which they ended */
	size_t old_blocks; /* of the pool, that these have */
	size_t n, pinned;
	uint64_t newest; /* id */
	uint64_t captured,
		skipped;        /* for which there was no room, as all that is kept is under way */
	struct http1_head head; /* what is parsed at the moment */
	/* One began, has its status, or is over; NULL: nobody wants to know. */
	void (*changed)(struct inspector *in, struct capture *c);
};

/* 0 or -ENOMEM. */
int inspector_init(struct inspector *in, struct loop *loop, const struct inspector_options *o);
/* Accepts zeroed memory. No connection that it taps is left. */
void inspector_deinit(struct inspector *in);

/* ---- Capturing: NULL for a capture stands for one that found no room ---- */

struct capture_facts {
	uint32_t service;
	struct address visitor;
	uint64_t opened, dialled; /* as struct capture has them */
	uint64_t replay_of;
};

/* Begins with the head at `p`, which in->head is of; `first` is when its first byte came. */
struct capture *inspector_begin(struct inspector *in, const struct capture_facts *facts,
	const uint8_t *p, uint64_t first);
/* Begins with a request that cannot be read. */
struct capture *inspector_begin_raw(struct inspector *in, const struct capture_facts *facts);
void inspector_answered(struct inspector *in, struct capture *c, const uint8_t *p, uint64_t first);

enum capture_side { CAPTURE_REQUEST, CAPTURE_ANSWER };

/* Bytes of a body. */
void inspector_body(struct inspector *in, struct capture *c, enum capture_side side,
	const uint8_t *p, size_t n);
/* They are counted and not kept. */
void inspector_count(struct inspector *in, struct capture *c, enum capture_side side, size_t n);
/* That message has ended in order. When both have, the capture is over. */
void inspector_whole(struct inspector *in, struct capture *c, enum capture_side side);
/* It is over. `why` may be NULL. */
void inspector_end(struct inspector *in, struct capture *c, enum capture_state state,
	const char *why);

/* ---- Looking ---- */

/* NULL: there is none, or none any more. */
struct capture *inspector_find(const struct inspector *in, uint64_t id);
/* False: so many are pinned already. */
bool inspector_pin(struct inspector *in, struct capture *c, bool pinned);
/* All that are over and not pinned go. */
void inspector_clear(struct inspector *in);

static inline struct capture_message *capture_message(struct capture *c, enum capture_side side)
{
	return side == CAPTURE_REQUEST ? &c->request : &c->answer;
}

/* Bytes of a message's body that are kept. */
static inline size_t capture_kept(const struct capture_message *m)
{
	return m->text.n - m->head;
}
