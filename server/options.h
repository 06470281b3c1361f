#pragma once
/*
 * What `tunnel server` can be told: the struct that the rest of server/ reads, and the one table
 * that fills it (options.c). Times are microseconds, sizes bytes.
 */
#include "base/error.h"
#include "config/option.h"
#include "wire/cidr.h"

/* TEMPORARY */
struct option_ranges {
	size_t n;
};
static inline size_t option_ranges_count(const struct option_ranges *r)
{
	return 64512;
}
static inline uint16_t option_ranges_at(const struct option_ranges *r, size_t i)
{
	return (uint16_t)(1024 + i);
}
static inline bool option_ranges_have(const struct option_ranges *r, uint16_t p)
{
	return p >= 1024;
}

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

	/* Visitors */
	uint64_t workers;
	struct option_ranges allow_ports;
	uint64_t max_ports;
	struct option_list trusted_proxies;
	uint64_t visitor_idle;
	uint64_t request_head_timeout, request_head_limit;
	uint64_t response_head_timeout, response_head_limit;
	uint64_t kept_streams, kept_idle;
	uint64_t retry_body;
	uint64_t max_waiting, max_waiting_per_address;
	uint64_t max_visitors_per_address;

	/* Links */
	uint64_t base_window, max_window;
	uint64_t memory_budget; /* never 0 after server_options_check() */
	uint64_t max_streams, max_handshakes, max_sessions;
	uint64_t reconnect_grace, grace;

	/* Running it */
	char *access_log; /* NULL: with the log; "off"; a file */
	char *ready_file;
	char *config;
	int log_level;  /* enum log_level */
	int log_format; /* enum log_format */
	bool disable_transport_wrapping;

	/* Made of the above by server_options_check() */
	struct cidr_list trusted;
};

extern const struct option_table server_option_table;

/* What the rows cannot say: options that depend on each other. Call it once, after config_load(). */
int server_options_check(struct server_options *o, struct error *err);

/* Frees what the check made; what the table filled is the config's to free. */
void server_options_deinit(struct server_options *o);
