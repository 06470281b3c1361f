/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Names and the public keys of who is called so, as a file has them: lines "NAME x25519/KEY", where a name may have
 * several; empty lines, and what stands behind a '#', are for people.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "crypto/key_pair.h"

/* Bytes of a name with its NUL: a private service's, an '@' and a host name with a port. */
#define KEY_NAME_SIZE 336

/* As many consumers as a big provider has. A hostile exit node can make a client remember so many, and no more. */
#define KEY_LIST_MAX           10000
/* Consumers among them, whose names have a '/': the rest is for providers, whom this client's user has chosen. */
#define KEY_LIST_CONSUMERS_MAX 9000

struct key_entry {
	char *name; /* owned */
	uint8_t key[KEY_PAIR_SIZE];
};

struct key_list {
	struct key_entry *v; /* by name */
	size_t n, cap;
};

/* Adds what the text says. 0; -EINVAL with a sentence that names the line; -ENOMEM, -ENOSPC. */
int key_list_parse(struct key_list *list, const char *text, struct error *err);
/* Accepts zeroed memory. */
void key_list_deinit(struct key_list *list);

/* The first key of that name, KEY_PAIR_SIZE bytes; NULL: none. */
const uint8_t *key_list_find(const struct key_list *list, const char *name);
bool key_list_has(const struct key_list *list, const char *name, const uint8_t *key);

/* 0; -EINVAL: it is no visible ASCII, or has a '#'; -ENOMEM; -ENOSPC: there are as many as there may be. */
int key_list_add(struct key_list *list, const char *name, const uint8_t *key);

/* Takes away the name, and those that begin with it and a '/' or an '@'. How many were there. */
size_t key_list_forget(struct key_list *list, const char *name);

/* As key_list_parse() reads it. 0 or -ENOMEM. */
int key_list_format(const struct key_list *list, struct buf *to);
