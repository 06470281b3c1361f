/* SPDX-License-Identifier: MIT */
#pragma once
/* Where operators reach the API of this server: the admin socket, and --panel. */
#include "api/api_panel.h"
#include "config/kept_file.h"
#include "panel/panel_settings.h"

struct admin;
struct certificates;
struct server_options;

struct admin_panel {
	struct api_panel api;
	struct panel_place place;
	bool shown; /* --panel: place is where */
};

/*
 * Opens what the options ask for, and starts to answer; nothing of it: no thread is made. `state_dir` is NULL where
 * nothing can be kept. 0, or -errno with a sentence. Before the workers run; the options and certificates outlive it.
 */
int admin_panel_open(struct admin_panel *p, struct admin *a, const struct server_options *o,
	const char *state_dir, const struct certificates *certificates, struct error *err);

/* Logs where --panel is. */
void admin_panel_say(const struct admin_panel *p, const struct server_options *o);

/* The certificates are others now. */
void admin_panel_renew(void *p);

/* Nothing is asked any more. Accepts zeroed memory. */
void admin_panel_close(struct admin_panel *p);

/* When nothing that was asked can be answered any more. Accepts zeroed memory. */
void admin_panel_deinit(struct admin_panel *p);
