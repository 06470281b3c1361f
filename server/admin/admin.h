/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The admin API: one table of requests (server/admin/operation.h) with several transports. A transport takes a request from
 * somebody (an HTTP connection, a stream of a link), says who asks, and carries the answer back; the table decides
 * what may be asked and knows no sockets. All on the main thread.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "wire/address.h"
#include "server/admin/authority.h"
#include "server/admin/target.h"

/* Bytes of a body: an `apply` of some thousand identities. A transport refuses more (ADMIN_TOO_LARGE). */
#define ADMIN_BODY_MAX ((size_t)1 << 20)

#define ADMIN_ACTOR_SIZE 72 /* an identity's name or "uid 4294967295", and a NUL */
#define ADMIN_VIA_SIZE   64 /* "admin socket", "link SESSION", "link ADDRESS" */

struct admin;
struct admin_operation;
struct admin_operations;
struct catalog;
struct changes;
struct credential;
struct identity;
struct json_t;
struct loop;
struct node;
struct offload;
struct registrar;
struct store_access;

/* Who asks. */
struct admin_actor {
	char name[ADMIN_ACTOR_SIZE];
	char via[ADMIN_VIA_SIZE];
	bool may_all; /* at the operator's socket, or by the grant of its identity */
	/* At the operator's socket there are none of these. */
	struct identity *identity;
	const struct credential *credential;
	struct address from;
};

enum admin_method {
	ADMIN_GET,
	ADMIN_POST,
	ADMIN_PUT,
	ADMIN_PATCH,
	ADMIN_DELETE,
	ADMIN_OTHER_METHOD,
};

/* Made by a transport, in zeroed memory, mostly embedded in a struct of its own. */
struct admin_request {
	/* What is asked: the transport fills it in. */
	struct admin_actor actor;
	enum admin_method method;
	char *target;     /* owned; "/api/v1/identities?limit=10", as it came */
	char *body;       /* owned; NULL: none */
	size_t body_size; /* at most ADMIN_BODY_MAX */
	char *if_match;   /* owned; the field as it came; NULL: none */
	/* The answer is there. Called exactly once, perhaps from within admin_ask(). */
	void (*answered)(struct admin_request *rq);

	/* The answer. */
	unsigned status;
	char *answer; /* owned; may be NULL, with `answer_size` 0 */
	size_t answer_size;
	const char *content_type; /* a constant */
	char *etag, *location;    /* owned; NULL: there is no such field */
	char *allow;              /* owned; the methods, with status 405 */
	unsigned retry_after;     /* seconds; 0: there is no such field */

	/* The table's own. */
	struct admin *admin;
	struct list under_way; /* admin::under_way */
	const struct admin_operation *operation;
	struct admin_target asked;
	struct json_t *json; /* the body, an object; NULL: none */
	/* Whoever answers later sets both: at the process's end `drop` takes back what it began. */
	void *work;
	void (*drop)(struct admin_request *rq);
};

/* By the name in a request line; ADMIN_OTHER_METHOD for those that the table does not have. */
enum admin_method admin_method(struct str name);

/* Asks the table. The request stays the transport's, and where it is until it is answered. */
void admin_ask(struct admin *a, struct admin_request *rq);

/* Frees what the request holds; of zeroed memory too. */
void admin_request_deinit(struct admin_request *rq);

/* What it works with, which outlives it. */
struct admin_config {
	const struct admin_operations *const *tables; /* the last is NULL; admin_api has all */
	struct loop *loop;                            /* of the thread that it is on */
	struct catalog *catalog;
	struct store_access *store;
	struct node *node; /* NULL, and no registrar: a command that has the store to itself */
	struct registrar *registrar;
};

struct admin {
	const struct admin_operations *const *tables;
	struct loop *loop;
	struct catalog *catalog;
	struct store_access *store;
	struct node *node;
	struct registrar *registrar;
	struct list under_way;    /* of struct admin_request */
	bool closed;              /* nothing is asked any more */
	struct changes *changes;  /* owned */
	struct offload *deriving; /* owned; NULL until the first token */
	struct authority authority;
	unsigned drains; /* requests that wait for a session to be drained */
};

/* 0 or -ENOMEM. */
int admin_init(struct admin *a, const struct admin_config *config);
/*
 * What is under way is answered: busy. The transports are still there, and no job of the store is under way.
 * Accepts zeroed memory.
 */
void admin_close(struct admin *a);
/* When nothing is delivered any more to the loops. Accepts zeroed memory. */
void admin_deinit(struct admin *a);
