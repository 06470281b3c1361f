/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What is asked at a panel (common/panel, on its own thread) is posted to the API's loop, asked of the tables there,
 * and the answer goes back. Who has come in there may do everything, and strangers ask for what is open to all.
 */
#include "api/api.h"
#include "panel/panel.h"

struct api_panel {
	struct api *api;
	struct panel *panel; /* NULL: there is none */
};

/*
 * Makes the panel, which asks this API; its owner says where it is reached, and starts it. 0, or -errno with a
 * sentence. The API's loop must outlive api_panel_close().
 */
int api_panel_new(struct api_panel *p, struct api *a, struct error *err);

/* Nothing is asked any more, and the socket is gone. Accepts zeroed memory. */
void api_panel_close(struct api_panel *p);

/* When nothing that it asked can be answered any more, nor discarded. Accepts zeroed memory. */
void api_panel_deinit(struct api_panel *p);
