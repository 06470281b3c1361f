/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * All private services that this client wants to use. They are asked for on each new session, and those that are
 * declined again and again; the ports of those that may be used are opened and closed here. When the
 * configuration is read again, one that is still in it keeps its number, its port and its connections; connections
 * to one that is not go on until they end.
 */
#include "base/error.h"
#include "client/config/local_services.h"
#include "client/local/client_endpoint.h"

/* While something is to be tried again, it is looked at so often. */
#define CLIENT_ENDPOINTS_LOOK      CLOCK_S
/* How often a port that could not be opened is tried again. */
#define CLIENT_ENDPOINTS_LISTEN    (10 * CLOCK_S)
/* Lines about answers: at once two for each and a few, then one a second. */
#define CLIENT_ENDPOINTS_BURST(n)  ((unsigned)(n)*2 + 8)
#define CLIENT_ENDPOINTS_LOG_EVERY CLOCK_S

struct client_endpoints;

/* What their owner does for them; none of it may free an endpoint. */
struct client_endpoints_ops {
	/* One has to be asked for, or is no longer wanted: calls client_endpoints_offer() if there is a link. */
	void (*due)(struct client_endpoints *s);
	/* What may be done with this one, or where it is found, may have changed. */
	void (*changed)(struct client_endpoints *s, struct client_endpoint *ep);
};

struct client_endpoints {
	const struct client_endpoints_ops *ops;
	const struct local_port_ops *port_ops; /* container_of() gives the endpoint */
	void *port_arg;
	struct loop *loop;
	struct client_keys *keys; /* set by their owner; NULL: there are none */
	const char *remote;       /* with them: the exit node, of which bare names are */
	struct udp_arena *arena;  /* NULL before the first port of UDP */
	mode_t socket_mode;
	struct client_endpoint **v; /* by rising number */
	size_t n;
	uint32_t last;   /* the highest number that was given */
	bool older_said; /* that the exit node has no private services */
	bool closed;     /* no port is opened any more */
	struct loop_timer look;
	struct log_limit log_answers;
};

struct client_endpoints_change {
	size_t added, removed, kept;
};

void client_endpoints_init(struct client_endpoints *s, struct loop *loop, mode_t socket_mode,
	const struct client_endpoints_ops *ops, const struct local_port_ops *port_ops,
	void *port_arg);
/* Accepts zeroed memory. */
void client_endpoints_deinit(struct client_endpoints *s);

/*
 * Makes the list what is wanted from now on; copies what it keeps of it. Those that are not wanted any more close
 * their ports at once. 0, or -ENOMEM with a sentence and nothing changed.
 */
int client_endpoints_set(struct client_endpoints *s, const struct local_services *list,
	struct error *err, struct client_endpoints_change *change_out);

/*
 * Tells the exit node what it does not know yet: asks for the IDLE ones, detaches those that are not wanted. One
 * without private services (`has_private`) is asked for nothing, which is said once.
 */
void client_endpoints_offer(struct client_endpoints *s, struct link *l, bool has_private);

/* One link of several is lost: what the exit node has not answered is to be asked again. */
void client_endpoints_unanswered(struct client_endpoints *s);

/* The session is lost: the exit node has nothing of them. */
void client_endpoints_lost(struct client_endpoints *s);

/* The exit node's answers. Numbers that are not ours, or were not asked for, are ignored. */
void client_endpoints_attached(struct client_endpoints *s, const struct control *message);
void client_endpoints_declined(struct client_endpoints *s, const struct control *message);

/* Opens the port of one, and closes it again. 0, or -errno with a sentence. */
int client_endpoints_probe(struct client_endpoints *s, struct client_endpoint *ep,
	struct error *err);

/* Closes all ports, for good: the client ends. */
void client_endpoints_close(struct client_endpoints *s);

/* NULL: no such number. */
struct client_endpoint *client_endpoints_find(const struct client_endpoints *s, uint32_t number);

/* How many are wanted, whatever their state; and of those how many are in it. */
size_t client_endpoints_wanted(const struct client_endpoints *s);
size_t client_endpoints_count(const struct client_endpoints *s, enum client_endpoint_state state);

/* Whether each of those that are wanted could be used once. */
bool client_endpoints_all_used(const struct client_endpoints *s);

/* For a person: "using: redis, super-api; pending: 1; declined: 1"; "" without any. */
void client_endpoints_describe(const struct client_endpoints *s, char *out, size_t size);
