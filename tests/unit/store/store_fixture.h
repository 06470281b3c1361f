/* SPDX-License-Identifier: MIT */
#pragma once
/* A directory with a store in it, rows for it, and all that it has as one text. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "store/store.h"

struct store_fixture {
	char dir[PATH_MAX - 64];
	char path[PATH_MAX]; /* of the store, which is not made yet */
};

extern const uint8_t fixture_salt[TOKEN_SALT_SIZE];

/* In $TMPDIR, or in memory. */
void fixture_make(struct store_fixture *f);
void fixture_remove(struct store_fixture *f);

/* Opens it, or makes it; the test fails when that does. */
struct store *fixture_open(const struct store_fixture *f);

/* An identity with a host, ports and a network that its id chooses; its row is deinited by its owner. */
struct store_row fixture_identity(uint64_t id, const char *name);
void fixture_grant(struct store_row *row, enum policy_grant_kind kind, const char *text);

/* A credential whose key is chosen by `n`. */
struct store_row fixture_credential(uint64_t n, uint64_t identity);
void fixture_row_free(struct store_row *row);

/* A private service and an endpoint; the link id is the id. */
struct store_row fixture_service(uint64_t id, const char *name, uint64_t owner);
struct store_row fixture_endpoint(uint64_t id, uint64_t service, uint64_t consumer);

/* Commits one row with a note; the new revision. */
uint64_t fixture_commit(struct store *s, const struct store_row *row);
/* The same, and the row has it. */
void fixture_put(struct store *s, struct store_row *row);
/* What the next endpoint gets. */
uint64_t fixture_next_link(struct store *s);

/* Every row behind `since`, a line each, and the revision. Owned by the caller. -errno of store_read(). */
int fixture_dump(struct store *s, uint64_t since, char **text_out, struct error *err);

/* The same; the test fails when it cannot be read. */
char *fixture_text(struct store *s, uint64_t since);

/* A row as such a line. */
void fixture_print(FILE *f, const struct store_row *row);

/* The audit's subjects, oldest first: "a b c ". Owned by the caller; NULL when it cannot be read. */
char *fixture_history(struct store *s);

/* A file of mode 0600, in place of one that is there. */
void fixture_copy(const char *from, const char *to);
