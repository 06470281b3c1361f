/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the two ends of a link tell each other in CONTROL frames: one JSON object a frame, with a
 * member "type" and the members that control_messages.c lists for it. JSON, because these messages are few,
 * grow with every version and are read by people in a debug log; the data path has none of it.
 *
 * Growing: unknown members are ignored, an unknown type is reported and skipped unparsed, an unknown word
 * where one of a list is expected reads as the list's _UNKNOWN or _OTHER. What is known is held to
 * its type and bounds strictly.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Bytes of JSON that are parsed: above the largest message whose texts are all escaped (26 KB), and 2 ms
   of the parser's time. Longer ones are of a type that is not known, or malformed. An exit node without
   CONTROL_FEATURE_PRIVATE parses 16 KiB, the bound of before: what it knows fits. */
#define CONTROL_MAX      (28 << 10)
#define CONTROL_INSTANCE 16  /* bytes: a process, drawn at start (rule 28) */
#define CONTROL_SECRET   32  /* bytes: the resume secret, and a MAC under it (rules 28, 29) */
#define CONTROL_SESSION  8   /* bytes: names a session, in logs too; not a secret */
#define CONTROL_VERSION  64  /* bytes: a program's version */
#define CONTROL_HOST     255 /* bytes: "*." and a DNS name (253) */
#define CONTROL_REWRITE  (CONTROL_HOST + 6)  /* bytes: a host and ":65535" */
#define CONTROL_ALPN     255                 /* bytes: ALPN_LIST_MAX */
#define CONTROL_REMOTE   (CONTROL_HOST + 16) /* bytes: "wss://", a host, and ":65535" */
#define CONTROL_FEATURES 127  /* bytes: a dozen words; hello stays within WS_MESSAGE_MAX_UNPROVEN */
#define CONTROL_TEXT     1024 /* bytes: a URL, a path, a sentence; what a log line should hold */
#define CONTROL_NAME     63   /* bytes: an identity, a private service: a DNS label */
#define CONTROL_ENDPOINT (CONTROL_NAME + 17) /* bytes: an identity, a dot, 16 digits */
#define CONTROL_MESSAGE  560                 /* bytes: 140 characters of up to 4 bytes */
#define CONTROL_LIST     4096 /* bytes: names with commas between; 64 of the longest */
#define CONTROL_RULES \
	(16 << 10)          /* bytes: rules of one service; CONTROL_MAX has room to escape them */
#define CONTROL_KEY      32 /* bytes: an end-to-end key, X25519's public half */
#define CONTROL_WINDOW   INT32_MAX /* bytes: the largest credit (rule 20) */
#define CONTROL_PRIORITY 5         /* the last one that is used; 1 is the first */
#define CONTROL_WEIGHT   1000      /* the largest of an origin */

/* Words of hello's `features`. The server's: a client may open streams of FRAME_KIND_ADMIN. */
#define CONTROL_FEATURE_ADMIN   "admin"
/* The server's: it has private services, and knows `attach`. To others nothing of it is sent. */
#define CONTROL_FEATURE_PRIVATE "private"
/* The server's: it has origin groups, and knows what `publish` says of an origin. To others no group is sent. */
#define CONTROL_FEATURE_GROUPS  "groups"
/* The server's: it knows `rules` of `publish`. To others no service that has some is offered. */
#define CONTROL_FEATURE_RULES   "rules"

/* The server's: it knows `protocol` of `publish`. To others nothing is published that has it. */
#define CONTROL_FEATURE_H2 "h2"

enum control_type {
	CONTROL_HELLO = 1,     /* both ways, first of all (rule 10) */
	CONTROL_PUBLISH,       /* client: offers one service */
	CONTROL_GRANTED,       /* server: it is reachable now */
	CONTROL_REFUSED,       /* server: it is not, and why */
	CONTROL_SESSION_GRANT, /* server: "session", with the first grant */
	CONTROL_JOIN,          /* client: this link belongs to that session */
	CONTROL_WITHDRAW,      /* client: no longer offers it */
	CONTROL_NOTICE,        /* either: a sentence for the other's log */
	CONTROL_ATTACH,        /* client: wants to use a private service, by a number of its own */
	CONTROL_DETACH,        /* client: no longer does */
	CONTROL_ATTACHED,      /* server: how that endpoint stands, and again at each change */
	CONTROL_DECLINED,      /* server: there is nothing to attach to */
	CONTROL_PENDING,       /* server: somebody asks for a private service of this client's */
	CONTROL_HEALTH,        /* client: how what it publishes is, as its probe found out */
	CONTROL_TYPES,         /* how many there are, with 0 */
};

/* Numbers are the ones of frame_kind. */
enum control_kind { CONTROL_KIND_UNKNOWN, CONTROL_TCP, CONTROL_UDP, CONTROL_HTTP };

/* What the exit node does with the visitors' TLS; absent is none. */
enum control_tls {
	CONTROL_TLS_NONE,      /* does not look */
	CONTROL_TLS_TERMINATE, /* ends it */
	CONTROL_TLS_PASS,      /* reads the name in the ClientHello and passes all of it on */
	CONTROL_TLS_UNKNOWN,   /* a later version's word: to be refused, never taken for none */
};

/* What an HTTP upstream speaks. */
enum control_scheme {
	CONTROL_SCHEME_UNKNOWN, /* absent: a client of an older version */
	CONTROL_SCHEME_HTTP,
	CONTROL_SCHEME_HTTPS,
};

/* The HTTP of an upstream. */
enum control_protocol {
	CONTROL_PROTOCOL_HTTP1, /* absent */
	CONTROL_PROTOCOL_H2,    /* HTTP/2, from its first byte on */
	CONTROL_PROTOCOL_UNKNOWN, /* a later version's word: to be refused, never taken for HTTP/1.1 */
};

enum control_reason {
	CONTROL_REASON_OTHER,
	CONTROL_REASON_TAKEN,       /* another identity holds that name or port (rule 30) */
	CONTROL_REASON_DENIED,      /* this identity may not have it */
	CONTROL_REASON_INVALID,     /* not a name, path or port that can be published */
	CONTROL_REASON_UNSUPPORTED, /* a kind that this server does not serve */
	CONTROL_REASON_LIMIT,       /* too many services */
	CONTROL_REASON_UNKNOWN,     /* nothing that this identity could attach to */
};

/* How a consumer's endpoint at a private service stands. */
enum control_endpoint_state {
	CONTROL_ENDPOINT_OTHER, /* a later version's word */
	CONTROL_ENDPOINT_PENDING,
	CONTROL_ENDPOINT_APPROVED,
	CONTROL_ENDPOINT_REJECTED,
	CONTROL_ENDPOINT_DISCONNECTED,
};

enum control_health {
	CONTROL_HEALTH_OTHER, /* a later version's word */
	CONTROL_HEALTH_UP,
	CONTROL_HEALTH_DOWN,
};

/*
 * One message. Texts are borrowed: from the caller when encoding, from `tree` after decoding and from
 * `texts` in a copy, where they live until control_deinit(). They come from a peer: escape them before
 * printing.
 * NULL is an absent text, and a flag `x_given` tells whether `x` is there.
 */
struct control {
	enum control_type type;
	union {
		struct {
			const char *version;
			uint8_t instance[CONTROL_INSTANCE];
			uint8_t resume[CONTROL_SECRET];   /* client: of the session to go on with */
			uint8_t session[CONTROL_SESSION]; /* server, when it has one already */
			bool resume_given, session_given;
			const char *
				remote; /* client: what it dialled, "wss://host:port"; NULL: not said */
			const char *features; /* what this end can, CONTROL_FEATURE_… with
						 commas between; NULL: not said */
			uint32_t base_window; /* bytes that each stream may send at once */
			uint32_t max_streams; /* that the peer may have open */
		} hello;
		struct {
			uint32_t service; /* the number that OPEN will name */
			enum control_kind kind;
			const char *host;     /* "" is the catch-all */
			const char *upstream; /* for people: no user name, no password */
			const char *path;     /* http: prefix of the request's path; NULL: none */
			const char *rewrite;  /* http: Host for the upstream, free of anything that
						 ends a field; NULL: the visitor's */
			uint32_t port;        /* tcp and udp: public port; 0: any */
			bool port_given; /* else `host` names it, among all that share the front's */
			/* So many from `port` on, whose OPENs name `service` and the numbers behind
			   it; 0: one. */
			uint32_t ports;
			enum control_tls tls; /* tcp */
			bool per_visitor; /* a stream serves one visitor's connection (rule 33) */
			bool exclusive;   /* shared with no other session while this one has it */
			bool half_closed; /* http: a visitor's FIN does not end its request (rule 44) */
			const char *alpn; /* tcp that is terminated: wire/alpn's list; NULL: none */
			enum control_scheme scheme;     /* http */
			enum control_protocol protocol; /* http */
			bool host_only; /* http: with `rewrite`, no field but Host (rule 47) */
			/* tcp and udp: no public name, port or TLS, but this name among the private
			   services; with it those below. */
			const char *private_name;
			const char *visibility;   /* a list: who may ask; NULL: as it was */
			const char *auto_approve; /* a list: who need not wait; NULL: as it was */
			const char *fqdns;        /* a list: names by which consumers may call it */
			uint8_t e2e_key[CONTROL_KEY]; /* streams are sealed for this key's owner */
			bool e2e_given;
			bool aes; /* prefers AES-GCM for that */
			/* http: the origin group that it is published into, instead of a host; NULL: none */
			const char *group;
			const char *origin; /* its name among others of its place; NULL: none */
			uint32_t priority;  /* 1 to CONTROL_PRIORITY; 0: not said */
			uint32_t weight;    /* 1 to CONTROL_WEIGHT; 0: not said */
			bool enabled;       /* false: it takes nobody new */
			bool enabled_given; /* else it does */
			const char *rules;  /* http: YAML (rules/client_rules.h); NULL: none */
		} publish;
		struct {
			uint32_t service;
			const char *address; /* where visitors find it, for people; a private
						service's alias */
			uint32_t port;       /* tcp and udp: the public one; 0: none of its own */
			uint32_t ports;      /* so many from there on; 0: one */
			bool exclusive; /* as it was asked for; a server of an older version does not know */
		} granted;
		struct {
			uint32_t service;
			enum control_reason reason;
			const char *sentence;
		} refused;
		struct {
			uint8_t session[CONTROL_SESSION];
			uint8_t resume[CONTROL_SECRET];
		} session;
		struct {
			uint8_t session[CONTROL_SESSION];
			uint8_t mac[CONTROL_SECRET];
		} join;
		struct {
			uint32_t service;
		} withdraw;
		struct {
			const char *sentence;
			bool warning; /* a person should act on it */
		} notice;
		struct {
			uint32_t endpoint; /* the number that OPEN will name: the client's choice */
			const char *service; /* its alias or name */
			enum control_kind kind;
			const char *name;             /* of the endpoint; NULL: the identity's */
			const char *message;          /* for who approves it */
			uint8_t e2e_key[CONTROL_KEY]; /* the consumer's */
			bool e2e_given;
		} attach;
		struct {
			uint32_t endpoint;
		} detach;
		struct {
			uint32_t endpoint;
			uint32_t link; /* its link id, which the provider sees */
			enum control_endpoint_state state;
			bool usable;          /* an OPEN would be let through now */
			const char *id;       /* "web.7f3a9c2e41d05b68", for who approves it */
			const char *alias;    /* the private service's */
			const char *sentence; /* the approver's, or why it is not usable */
			const char *fqdns;    /* a list: the provider's names for it */
			uint8_t e2e_key[CONTROL_KEY]; /* the provider's */
			bool e2e_given, aes;
		} attached;
		struct {
			uint32_t endpoint;
			enum control_reason reason;
			const char *sentence;
		} declined;
		struct {
			const char *id; /* as in `attached` */
			const char *service, *consumer;
			const char *message; /* the consumer's; NULL: none */
			uint8_t e2e_key[CONTROL_KEY];
			bool e2e_given;
		} pending;
		struct {
			uint32_t service;
			enum control_health state;
			uint32_t latency_us; /* that its probe took; 0: not said */
		} health;
	};
	void *tree;  /* owned after decoding */
	void *texts; /* owned by a copy */
};

enum control_result {
	CONTROL_UNKNOWN = 1, /* a message of a type that this version does not know */
	CONTROL_E_MALFORMED, /* not JSON, or a member missing, of the wrong type, or out of bounds
			      */
};

/*
 * Writes the message, at most `cap` bytes; CONTROL_MAX always suffices. 0, -ENOMEM, -ENOBUFS, or
 * CONTROL_E_MALFORMED for a message that the peer would refuse; with a sentence.
 */
int control_encode(const struct control *c, void *at, size_t cap, struct error *err,
	size_t *size_out);

/* 0, -ENOMEM, CONTROL_UNKNOWN or CONTROL_E_MALFORMED, with a sentence. After 0: control_deinit().
 */
int control_decode(const void *p, size_t n, struct error *err, struct control *control_out);

/* Whether `features` of a hello, or NULL, has that word. */
bool control_has_feature(const char *features, const char *word);

/* The message with what its texts are in; `from` is as if it had not been decoded. */
void control_take(struct control *from, struct control *to_out);

/* The message with texts of its own, all that it has. 0 or -ENOMEM. */
int control_copy(const struct control *from, struct control *to_out);

/* Frees what decoding or copying made; any other message is left alone. */
void control_deinit(struct control *c);

/* Whether a text can be the name of an origin: 1 to CONTROL_NAME letters, digits, and -_.: */
bool control_is_origin(const char *text);

const char *control_type_name(enum control_type type);
const char *control_kind_name(enum control_kind kind);
const char *control_tls_name(enum control_tls tls);
const char *control_reason_name(enum control_reason reason);
const char *control_endpoint_state_name(enum control_endpoint_state state);

/* Whether it takes visitors that it did not have before. */
static inline bool control_publish_enabled(const struct control *m)
{
	return m->publish.enabled || !m->publish.enabled_given;
}

/* How many ports it asks for, and how many numbers its OPENs have: 1 also without any port. */
static inline uint32_t control_publish_ports(const struct control *m)
{
	return m->publish.ports ? m->publish.ports : 1;
}
