/* SPDX-License-Identifier: MIT */
#pragma once
/* What the live feed tells of (panel_live.h). */

enum panel_topics {
	PANEL_TICK,     /* one object */
	PANEL_SESSIONS, /* lists of objects with an "id" or a "name" */
	PANEL_SERVICES,
	PANEL_REQUESTS, /* what is new since the last one */
	PANEL_TOPICS,
};
