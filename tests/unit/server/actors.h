/* SPDX-License-Identifier: MIT */
#pragma once
/* An exit node whose catalog has identities with tokens, and what a test changes of them. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "crypto/random.h"
#include "store/store.h"
#include "tests/unit/server/exit_node.h"

struct asked {
	struct enforcement enforcement;
	bool done;
};

static inline void asked_done(struct enforcement *e)
{
	container_of(e, struct asked, enforcement)->done = true;
}

static inline void enforce(struct exit_node *n, struct asked *a)
{
	a->done = false;
	enforce_changes(&n->registrar, &a->enforcement, false, asked_done);
	assert_false(a->done); /* never from within */
}

static inline const struct enforce_result *enforced(struct exit_node *n, struct asked *a)
{
	enforce(n, a);
	settle(n);
	assert_true(a->done);
	return &a->enforcement.result;
}

static inline void put(struct exit_node *n, struct store_row *row)
{
	assert_int_equal(catalog_apply(&n->catalog, row, 1), 0);
	if (row->kind == STORE_IDENTITY)
		policy_identity_deinit(&row->identity);
	else
		policy_credential_deinit(&row->credential);
}

/* As it is in the catalog, to be changed. */
static inline struct store_row identity_row(struct exit_node *n, const char *name)
{
	struct store_row row = {.kind = STORE_IDENTITY};
	struct identity *i = catalog_find(&n->catalog, str_from(name));
	assert_non_null(i);
	assert_int_equal(policy_identity_copy(&row.identity, &i->value), 0);
	return row;
}

static inline struct store_row credential_row(const struct credential *k)
{
	struct store_row row = {.kind = STORE_CREDENTIAL};
	assert_int_equal(policy_credential_copy(&row.credential, &k->value), 0);
	return row;
}

static inline struct identity *add_identity(struct exit_node *n, const char *name)
{
	struct store_row row = {.kind = STORE_IDENTITY};
	assert_int_equal(policy_identity_init_all(&row.identity, name), 0);
	row.identity.id = n->catalog.max_id + 1;
	put(n, &row);
	return catalog_find(&n->catalog, str_from(name));
}

static inline struct credential *add_credential(struct exit_node *n, const struct identity *i)
{
	struct store_row row = {.kind = STORE_CREDENTIAL};
	struct policy_credential *k = &row.credential;
	uint8_t id[TOKEN_ID_SIZE];
	random_bytes(id, sizeof(id));
	memcpy(k->key_id, id, sizeof(id));
	random_bytes(row.psk, sizeof(row.psk));
	k->identity = i->value.id;
	k->label = strdup("");
	k->expires_at = k->revoked_at = k->last_used_at = POLICY_NONE;
	put(n, &row);
	return catalog_find_key(&n->catalog, id);
}

/* Two of it by row, in force. */
struct actors {
	struct identity *team, *other;
	struct credential *token, *others;
};

static inline struct actors actors(struct exit_node *n)
{
	struct actors a = {.team = add_identity(n, "team"), .other = add_identity(n, "other")};
	struct asked asked;
	a.token = add_credential(n, a.team);
	a.others = add_credential(n, a.other);
	enforced(n, &asked);
	return a;
}

static inline int visit(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* The connection was ended by the exit node, in order or not. */
static inline bool is_cut(int fd)
{
	char c;
	ssize_t r = recv(fd, &c, 1, MSG_DONTWAIT);
	return r == 0 || (r < 0 && errno != EAGAIN);
}
