/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The client's panel over TCP: where --panel says; and by itself for a person who publishes something from a terminal,
 * who wants to see what comes. A program that runs unattended opens no port that it was not told of.
 */
#include "client/admin/client_socket.h"
#include "panel/panel_settings.h"

/* By itself: the port that ngrok's users know, or one of so many behind it. */
#define CLIENT_PANEL_ADDRESS "127.0.0.1:4040"
#define CLIENT_PANEL_MORE    9

struct client_panel {
	struct panel_settings settings;
	struct panel_place place;
	bool open;
};

/* 0; or -errno with a sentence: only for what the options ask for, the lack of the default is logged. */
int client_panel_open(struct client_panel *p, struct client_socket *s,
	const struct client_options *o, struct error *err);

/* When the socket's panel is gone. Accepts zeroed memory. */
void client_panel_deinit(struct client_panel *p);
