/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Both ends of a link in one process, joined by two pipes that lie in memory. The pipes cut what
 * goes through them where they like, hold it back, change a byte, or break; time is a number. What
 * the streams carry is a pattern of their own and is checked where it arrives, so a test only says
 * what happens and what must hold in the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "link/link.h"

#define PAIR_FLOWS 64
#define PAIR_START (1000 * CLOCK_S)
#define NOWHERE    SIZE_MAX

struct pair;
struct side;

/* One end of one stream. */
struct flow {
	struct stream stream;
	struct side *side;
	uint32_t number; /* the OPEN's service: the same on both ends */
	bool used;

	size_t give;  /* bytes that may be sent now */
	size_t sent;  /* bytes pulled so far */
	size_t piece; /* at most so many at once; 0: no limit */
	bool end;     /* FIN behind them */
	size_t total; /* bytes sent in all when it ended in order */
	bool sent_end;

	size_t take; /* bytes that are taken before it stalls */
	size_t got;
	bool got_end;

	bool resetting; /* we reset it */
	int n_closed;
	enum frame_reset reason;
	uint64_t taken;
};

struct side {
	struct pair *pair;
	bool client;
	struct link link;
	struct budget budget;
	struct random_pool random;
	uint8_t instance[CONTROL_INSTANCE];
	struct token_key key; /* the client's, or the one that the server knows */
	bool knows_no_key;
	struct flow flows[PAIR_FLOWS]; /* by number */

	struct buf pipe;  /* on the way to the other side */
	size_t n_piped;   /* bytes that ever went in */
	size_t tamper_at; /* of them, the one to change, with `tamper_by` */
	uint8_t tamper_by;
	size_t break_at; /* the connection ends behind so many */

	int ups, controls, goaways, salts, silences;
	uint8_t salt[HELLO_SALT]; /* that the client was asked for */
	uint32_t peer_window;
	char peer_features[CONTROL_FEATURES + 1]; /* "": it said nothing */
	char notice[CONTROL_TEXT + 1];
	void (*on_up)(struct side *s);
	void (*on_closed)(struct flow *f);
	void (*on_push)(struct flow *f);
	/* Whose stream a kind of UDP is; without it there is none. */
	struct stream *(*on_udp)(struct side *s, const struct frame_open *open);
};

struct pair_config {
	bool client_waives, server_waives;
	const char *client_cb, *server_cb; /* HELLO_CB bytes: TLS 1.3 with this exporter value */
	bool client_tls12;                 /* its value is there all the same */
	const char *client_features, *server_features;
	const char *unverified; /* the client could not verify the certificate */
	bool wrong_psk, wrong_id, open_mode, server_without_key;
	bool hold_key;            /* the client never answers the hello */
	struct mux_limits limits; /* zeros: the usual ones */
	size_t budget;            /* 0: 64 MiB */
};

struct pair {
	struct side client, server;
	struct pair_config config;
	uint64_t now;
	uint32_t random;
	size_t cut; /* bytes delivered at once; 0: at random */
	bool broken;
};

void pair_init(struct pair *p, const struct pair_config *config, uint32_t seed);
/* Asserts what must hold whatever happened, and that nothing is held any more. */
void pair_deinit(struct pair *p);

uint32_t pair_draw(struct pair *p, uint32_t n); /* below n */

/* Carries bytes until none are left and nothing wants to be said. */
void pair_run(struct pair *p);
/* One round: a part of what there is, each way. Whether anything moved. */
bool pair_step(struct pair *p);
/* Rounds until this side is in that state; it comes to it soon. */
void pair_run_until(struct pair *p, struct side *s, enum link_state state);
/* Lets time go by, both sides ticking when they asked for it. */
void pair_wait(struct pair *p, uint64_t time);
void pair_break(struct pair *p); /* the connection ends, as both sides' sockets tell */

/* Runs until both sides are up. */
void pair_up(struct pair *p);

/* Flow `number`, opened by `s`: so much to send, then FIN or not. */
struct flow *pair_open(struct side *s, uint32_t number, size_t give, bool end);
struct side *pair_other(struct side *s);
struct flow *pair_peer(struct flow *f);

/* Frames as they are, ahead of everything else that the side has to say: what a hostile peer does. */
void pair_inject(struct side *s, const void *frames, size_t n);
