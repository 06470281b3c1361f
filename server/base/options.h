/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What `tunnel server` can be told: the struct that the rest of server/ reads, and the one table
 * that fills it (options.c). Times are microseconds, sizes bytes.
 */
#include "base/error.h"
#include "config/option.h"
#include "panel/panel_settings.h"
#include "policy/intention.h"
#include "server/base/rate_limit.h"
#include "wire/cidr.h"

/* Bytes of a visitor's connection over TLS that asks for nothing: by these memory limits how many may be. */
#define SERVER_VISITOR_AT_REST (16u << 10)

/* Threads: enough for any machine that one would rent; beyond it the kernel's own locks are what limits. */
#define WORKERS_MAX 64

/* What of visitors has a rate (server/base/visitor_rates.h). */
enum visitor_rate {
	VISITOR_RATE_ADDRESS_CONNECTIONS, /* of TCP */
	VISITOR_RATE_ADDRESS_FLOWS,       /* of UDP: as the one above; its senders may be forged */
	VISITOR_RATE_ADDRESS_REQUESTS,    /* of HTTP */
	VISITOR_RATE_SERVICE_CONNECTIONS, /* of TCP and UDP services */
	VISITOR_RATE_SERVICE_REQUESTS,
	VISITOR_RATES_KINDS,
};

struct server_options {
	/* Where it listens */
	struct option_ports ports;
	struct option_ports control_port; /* none: links come through `ports` */
	char *bind_addr; /* NULL: all, IPv4 and IPv6; the two below default to it */
	char *data_addr, *control_addr;
	char *control_path;

	/* Who may come */
	char *token; /* the command puts the token here, wherever it was given; NULL: none was */
	char *token_from;
	bool no_token, no_seal;
	bool print_token;
	char *state_dir; /* NULL: the XDG state home */
	char *advertise; /* NULL: the default route's address */

	/* TLS, for visitors and links alike */
	struct option_list tls_cert, tls_key; /* as many keys as certificates, or none */
	bool auto_tls;                        /* and then no certificate */
	char *tls_client_ca;
	char *https_redirect; /* true, false or a port: https_redirect_parse() */
	uint64_t tls_handshake_timeout;

	/* Certificates by ACME */
	char *acme; /* NULL: off */
	char *acme_server;
	char *acme_ca;
	char *acme_eab, *acme_profile, *acme_dns_hook; /* NULL: none */
	int acme_challenge;                            /* enum acme_challenge */
	struct option_list acme_domain, acme_names;
	uint64_t acme_names_per_hour, acme_names_per_identity;

	/* Public ports of sessions */
	struct option_ranges allow_ports;
	uint64_t max_ports;
	uint64_t udp_idle, max_flows, max_flows_per_visitor, max_private_streams,
		max_private_streams_per_identity;

	/* Balancers in front */
	struct option_list accept_proxy_protocol, accept_proxy_protocol_control;
	uint64_t proxy_header_timeout;

	/* Visitors */
	struct option_list trusted_proxies;
	int http2; /* enum server_http2 */
	uint64_t visitor_idle, visitor_stalled;
	uint64_t request_head_timeout, request_head_limit;
	uint64_t response_head_timeout, response_head_limit;
	uint64_t head_fields_limit;
	uint64_t kept_streams, kept_idle;
	uint64_t retry_body;
	uint64_t max_waiting, max_waiting_per_address;
	uint64_t max_exchanges, max_exchanges_per_address;
	uint64_t max_visitors; /* never 0 after server_options_check() */
	uint64_t max_visitors_per_address;
	/* NULL: none */
	char *connection_rate_per_address, *request_rate_per_address;
	char *connection_rate_per_service, *request_rate_per_service;

	/* Routes and rules */
	char *front; /* NULL: none */
	uint64_t rate_entries;

	/* Links */
	uint64_t base_window, max_window;
	uint64_t memory_budget; /* never 0 after server_options_check() */
	uint64_t max_streams, max_handshakes, max_sessions;
	uint64_t reconnect_grace, grace;

	/* Running it */
	uint64_t workers;      /* never 0 after server_options_check() */
	char *access_log;      /* NULL: with the log; "off"; a file */
	char *audit_log;       /* NULL: there is none */
	int access_log_format; /* enum access_format */
	int access_log_query;  /* enum access_query */
	int default_intention; /* server_default_intention() */
	char *ready_file;
	char *otlp; /* NULL: no collector */
	char *otlp_ca, *otlp_headers_from, *otlp_ratio;
	bool trace_visitors;
	char *admin_socket; /* NULL: in $RUNTIME_DIRECTORY or the state directory; "none" */
	char *admin_group;  /* NULL: none */
	struct panel_settings panel;
	uint64_t metrics_routes; /* series of a kind in /metrics */
	char *config;
	int log_level;                /* enum log_level */
	struct option_list log_rooms; /* config/log_rooms.h */
	int log_format;               /* enum log_format */
	int generate;                 /* enum generate */
	bool disable_transport_wrapping;

	/* Made of the above by server_options_check() */
	bool redirects;      /* --https-redirect */
	uint16_t https_port; /* to this port; 0: scheme_https_port() */
	struct rate_limit rates[VISITOR_RATES_KINDS];
	struct cidr_list trusted;
	struct cidr_list proxied, proxied_control; /* who sends a PROXY header */
};

enum server_http2 { SERVER_HTTP2_ON, SERVER_HTTP2_OFF };

extern const struct option_table server_option_table;

/*
 * What the rows cannot say: options that depend on each other. Call it
 * after config_load(); again only behind server_options_deinit().
 */
int server_options_check(struct server_options *o, struct error *err);

/* Frees what the check made; what the table filled is the config's to free. */
void server_options_deinit(struct server_options *o);

/* Visitors and clients may come by TLS: with --acme by a certificate of its own, until a name has another. */
static inline bool server_has_tls(const struct server_options *o)
{
	return o->tls_cert.n || o->auto_tls || o->acme;
}

/* What holds where no intention decides. */
static inline enum policy_action server_default_intention(const struct server_options *o)
{
	return (enum policy_action)(o->default_intention + POLICY_ALLOW);
}
