/* SPDX-License-Identifier: MIT */
#pragma once
/* One page that listens to the live feed: what it wants, and what waits for it. */
#include "panel/panel_live.h"

void panel_reader_init(struct panel_reader *r, struct panel_live *l);
void panel_reader_deinit(struct panel_reader *r); /* accepts zeroed memory */

/* A message from the page, which may be anything: 0, or -EINVAL: it is none that is known. */
int panel_reader_hear(struct panel_reader *r, struct str text);

bool panel_reader_wants(const struct panel_reader *r, enum panel_topics topic);

/* ---- What is told, to those who want it ---- */

void panel_reader_tick(struct panel_reader *r, struct panel_message *m); /* NULL: memory was out */
void panel_reader_list(struct panel_reader *r, enum panel_topics topic,
	const struct panel_batch *whole, const struct panel_batch *news);
void panel_reader_requests(struct panel_reader *r, const json_t *items);

/* Whether something waits; the next of it, which the caller lets go; NULL: nothing does, or memory is out. */
bool panel_reader_has(const struct panel_reader *r);
struct panel_message *panel_reader_next(struct panel_reader *r);
