/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The rows as tables of columns, for whichever engine keeps them: statements are made of the names, rows are
 * filled and read by the types. Each table has two more columns behind those named here, "rev" and "digest".
 * Rows of meta are a name, a value, and a digest under revision 0.
 */
#include "base/buf.h"
#include "crypto/keyed_hash.h"
#include "store/store.h"

enum store_column_type {
	STORE_NUMBER,   /* uint64_t */
	STORE_NUMBER32, /* uint32_t */
	STORE_OPTIONAL, /* uint64_t; POLICY_NONE is null */
	STORE_FLAG,     /* bool: 0, 1 */
	STORE_STATE,    /* bool: 1 there or active, 2 deleted or revoked */
	STORE_ENUM,     /* an enum, from `min` to `max` */
	STORE_TEXT,     /* char *, a policy_text_new() */
	STORE_BYTES,    /* uint8_t[size], in the struct */
	STORE_KEY,      /* likewise; none is kept when it is all zeros */
};

struct store_column {
	const char *name;
	enum store_column_type type;
	size_t offset; /* in struct store_row */
	size_t size;
	unsigned min, max;
};

struct store_table {
	const char *name;
	const struct store_column *columns; /* the first is the key */
	size_t n;
};

/* By kind; that of STORE_META has no columns. */
extern const struct store_table store_tables[STORE_KINDS];

/* A value on its way between a row and an engine. */
struct store_value {
	enum store_value_type {
		STORE_VALUE_NULL,
		STORE_VALUE_NUMBER,
		STORE_VALUE_TEXT,
		STORE_VALUE_BYTES
	} type;
	uint64_t number;
	const void *p; /* borrowed */
	size_t n;
};

/* What a row has in a column; texts and bytes are the row's. */
struct store_value store_value_get(const struct store_column *c, const struct store_row *row);

/* Puts it there; texts are copied. 0; -EINVAL: no such value is ever written; -ENOMEM. */
int store_value_set(const struct store_column *c, struct store_row *row,
	const struct store_value *v);

/* The key of a row that has one, as bytes that mean the same on each machine. */
#define STORE_KEY_SIZE 8
void store_key_get(const struct store_row *row, uint8_t key_out[STORE_KEY_SIZE]);
void store_key_set(struct store_row *row, const uint8_t key[STORE_KEY_SIZE]);

/*
 * What a row says, revision included, as one number under the store's salt; `scratch` is used for it. 0 or
 * -ENOMEM.
 */
int store_digest(const struct store_row *row, uint64_t rev, const struct hash_key *salt,
	struct buf *scratch, uint64_t *digest_out);
