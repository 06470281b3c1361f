/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Streams as both ends of a link use them. One end asks: it opens streams, as the exit node does,
 * and the other end answers. Bytes are not made and not looked at, only their numbers are, so that
 * what is counted is the way between the two.
 */
#include "mux/mux.h"

#define FLOWS     64
#define FLOWS_NOW (1000 * CLOCK_S)

struct flow {
	struct stream stream;
	uint32_t number; /* the OPEN's service: the same on both ends */
	size_t give;     /* bytes that may be sent now */
	size_t answer;   /* bytes to give behind each request of SMALL bytes */
	size_t got;      /* bytes; of one that answers: of the request that is under way */
	bool end;        /* FIN behind what there is to give */
	bool closed;
};

struct flows {
	struct flow asking[FLOWS], answering[FLOWS];
	struct mux *asker;
	/* Carries what there is to be carried, each way once; whether anything moved. */
	bool (*turn)(void);
};

extern const struct mux_limits flows_limits;

/* The answering end's stream for the one that was opened. */
struct stream *flows_accept(struct flows *f, const struct frame_open *open);

/* Opens the first so many of them, to stay. */
void flows_open(struct flows *f, size_t streams);

/*
 * What is done `n` times, and returns how often it was done: a MiB on the first stream, from
 * the end that asks or to it; a request and its answer, those of all `streams` at once; the same on
 * a stream that is opened for it and ended by both sides.
 */
size_t flows_upload(struct flows *f, size_t n);
size_t flows_download(struct flows *f, size_t n);
size_t flows_requests(struct flows *f, size_t streams, size_t n);
size_t flows_short(struct flows *f, size_t n);
