/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Link ids of endpoints: counted up in meta, so none is ever given twice, and with a digest, so a byte of the disk
 * does not turn the counter back. Within a transaction of the caller's.
 */
#include "store/store_db.h"

/* Of one commit; all zero at first. */
struct store_links {
	uint64_t next;  /* as it was before; 0: not read yet */
	uint64_t after; /* and will be */
};

/* The first is 1. */
int store_links_begin(struct store *s, struct error *err);

/* A new endpoint has this one. 0; STORE_STALE: it was given before; -EINVAL: 0 is none; -errno. With a sentence. */
int store_links_take(struct store *s, struct store_links *l, uint32_t link, struct error *err);
/* At the end of the commit. */
int store_links_keep(struct store *s, const struct store_links *l, struct error *err);

/* In a copy: those are left out that the original may have given by when the copy is used. */
int store_links_skip(struct store *s, struct error *err);
