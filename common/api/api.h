/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * An API: tables of requests (api/operation.h) with several transports. A transport takes a request from somebody
 * (an HTTP connection, a stream of a link), says who asks, and carries the answer back; the table decides what may
 * be asked and knows no sockets. All on the thread of one loop.
 */
#include <stdbool.h>
#include <stddef.h>

#include "api/target.h"
#include "base/list.h"
#include "wire/address.h"

/* Bytes of a body: an `apply` of some thousand identities. A transport refuses more (API_TOO_LARGE). */
#define API_BODY_MAX ((size_t)1 << 20)

#define API_ACTOR_SIZE 72 /* an identity's name or "uid 4294967295", and a NUL */
#define API_VIA_SIZE   64 /* "admin socket", "link SESSION", "link ADDRESS" */

struct api_operation;
struct api_operations;
struct credential;
struct identity;
struct json_t;
struct loop;

/* Who asks. */
struct api_actor {
	char name[API_ACTOR_SIZE];
	char via[API_VIA_SIZE];
	bool stranger; /* came in without proof of who it is: for what is open to all */
	bool may_all;  /* at the operator's socket, or by the grant of its identity */
	/* The exit node's, which the table does not look into. At the operator's socket there are none of these. */
	struct identity *identity;
	const struct credential *credential;
	struct address from;
};

enum api_method {
	API_GET,
	API_POST,
	API_PUT,
	API_PATCH,
	API_DELETE,
	API_OTHER_METHOD,
};

/* Made by a transport, in zeroed memory, mostly embedded in a struct of its own. */
struct api_request {
	/* What is asked: the transport fills it in. */
	struct api_actor actor;
	enum api_method method;
	char *target;     /* owned; "/api/v1/identities?limit=10", as it came */
	char *body;       /* owned; NULL: none */
	size_t body_size; /* at most API_BODY_MAX */
	char *if_match;   /* owned; the field as it came; NULL: none */
	char *accept;     /* likewise */
	/* The answer is there. Called exactly once, perhaps from within api_ask(). */
	void (*answered)(struct api_request *rq);

	/* The answer. */
	unsigned status;
	char *answer; /* owned; may be NULL, with `answer_size` 0 */
	size_t answer_size;
	const char *content_type; /* a constant */
	char *etag, *location;    /* owned; NULL: there is no such field */
	char *allow;              /* owned; the methods, with status 405 */
	unsigned retry_after;     /* seconds; 0: there is no such field */

	/* The table's own. */
	struct api *api;
	struct list under_way; /* api::under_way */
	const struct api_operation *operation;
	struct api_target asked;
	struct json_t *json; /* the body, an object; NULL: none */
	/* Whoever answers later sets both: at the process's end `drop` takes back what it began. */
	void *work;
	void (*drop)(struct api_request *rq);
};

/* By the name in a request line; API_OTHER_METHOD for those that the table does not have. */
enum api_method api_method(struct str name);

/* Embedded in what the handlers of the tables work with, which they find by container_of(). */
struct api {
	const struct api_operations *const *tables; /* the last is NULL */
	struct loop *loop;                          /* of the thread that it is on */
	const char *side;                           /* "server" or "client", for sentences */
	struct list under_way;                      /* of struct api_request */
	bool closed;                                /* nothing is asked any more */
};

/* All three outlive it. */
void api_init(struct api *a, const struct api_operations *const *tables, struct loop *loop,
	const char *side);

/* Asks the table. The request stays the transport's, and where it is until it is answered. */
void api_ask(struct api *a, struct api_request *rq);

/* Frees what the request holds; of zeroed memory too. */
void api_request_deinit(struct api_request *rq);

/* What is under way is answered: busy. The transports are still there. Accepts zeroed memory. */
void api_close(struct api *a);
