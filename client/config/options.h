/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What `tunnel client` and `tunnel connect` can be told: the struct that the rest of client/ reads, and the
 * tables that fill it (options.c, connect_options.c). Times are microseconds, sizes bytes.
 */
#include <sys/types.h>

#include "base/error.h"
#include "client/config/local_services.h"
#include "client/config/upstreams.h"
#include "config/option.h"
#include "panel/panel_settings.h"
#include "wire/url.h"

struct client_options {
	/* Where to */
	char *remote;
	char *control_path; /* never NULL after client_options_check(), as little as `remote` */
	char *proxy; /* NULL: as the environment says; "none"; a URL, which may hold a password */
	uint64_t links;

	/* Whom it believes, and what it shows, over wss:// */
	char *tls_ca, *tls_pin;
	char *tls_client_cert;
	char *tls_client_key; /* NULL: with the certificate */

	/* As whom */
	char *token; /* the command puts the token here, wherever it was given; NULL: none was */
	char *token_from;
	bool no_token, no_seal;

	/* What is published */
	struct option_group publications; /* of struct service_options */
	struct option_ranges ports;       /* for upstreams that are a host alone */
	bool exclusive;                   /* shares none of it with other clients */
	bool strict_forwarding;
	uint64_t dial_timeout;
	uint64_t max_dials, max_dials_per_visitor;
	uint64_t queue_timeout; /* of visitors beyond a service's --max-connections */
	uint64_t udp_idle;

	/* Requests that are kept to be looked at */
	struct {
		uint64_t size, body; /* 0: none */
		struct option_list mask;
		bool forget;
	} inspect;

	/* What is used: private services of others */
	struct option_group endpoints; /* of struct local_options */
	uint64_t wait;     /* until each could be used, else the client ends; 0: for ever */
	char *hosts_file;  /* NULL: none is kept */
	char *socket_mode; /* octal, of sockets that it listens at */

	/* Keys, end to end */
	char *identity_key; /* a file; NULL: one that is kept in the state directory */
	char *known_keys;   /* a file: the consumers that a provider takes; NULL: as remembered */
	char *state_dir;    /* NULL: in the XDG state home */

	/* The link */
	uint64_t base_window, max_window;
	uint64_t memory_budget; /* never 0 after client_options_check() */
	uint64_t max_streams;
	uint64_t grace;

	/* Running it */
	char *admin_socket;          /* NULL: the default; "none" */
	struct panel_settings panel; /* NULL: on a terminal there is one; else none */
	char *config;
	int log_level;                /* enum log_level */
	struct option_list log_rooms; /* config/log_rooms.h */
	int log_format;               /* enum log_format */
	int generate;                 /* enum generate */

	/* Made of the above by client_options_check() */
	struct url remote_url; /* looks into `remote` */
	struct upstreams upstreams;
	struct local_services local_services;
	mode_t local_socket_mode;
};

extern const struct option_table client_option_table;

/* `tunnel connect`: the client that publishes nothing. */
extern const struct option_table connect_option_table;

/* By enum upstream_form: `tunnel http 3000` is tunnel client --upstream=http://127.0.0.1:3000. */
extern const struct option_table client_short_forms[];

/*
 * What the rows cannot say: URLs, and what depends on them. Call it after config_load(); again only
 * behind client_options_deinit(). Without `remote`, as in a file that is read alone, the rest is checked.
 */
int client_options_check(struct client_options *o, struct error *err);

/* The same of what a short form's table filled. */
int client_short_form_check(struct client_options *o, enum upstream_form form, struct error *err);

/* Frees what the check made; what the table filled is the config's to free. */
void client_options_deinit(struct client_options *o);
