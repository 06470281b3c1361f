/* SPDX-License-Identifier: MIT */
/*
 * store_fill DIRECTORY N: a store with N identities, a token each, in the state directory of a server that was
 * there once. Their tokens are nobody's: keys are drawn, since deriving one takes 20 ms.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "crypto/random.h"
#include "store/store.h"

/* Rows of a commit, to stay far below what a transaction keeps in memory. */
#define ROWS 1000

static void fail(const char *what)
{
	fprintf(stderr, "store_fill: %s\n", what);
	exit(1);
}

static void read_salt(const char *dir, uint8_t salt[TOKEN_SALT_SIZE])
{
	char path[4096], hex[2 * TOKEN_SALT_SIZE + 1] = "";
	snprintf(path, sizeof(path), "%s/salt", dir);
	FILE *f = fopen(path, "re");
	if (!f || fread(hex, 1, sizeof(hex) - 1, f) != sizeof(hex) - 1)
		fail("there is no salt");
	fclose(f);
	for (size_t i = 0; i < TOKEN_SALT_SIZE; i++) {
		char byte[3] = {hex[2 * i], hex[2 * i + 1]};
		salt[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
}

static void make(struct store_row rows[2], uint64_t id)
{
	static char label[] = "filled";
	char name[POLICY_NAME_SIZE], host[64];
	struct error err;
	snprintf(name, sizeof(name), "team-%05u", (unsigned)id);
	snprintf(host, sizeof(host), "*.team-%05u.example.org", (unsigned)id);
	rows[0] = (struct store_row){.kind = STORE_IDENTITY};
	if (policy_identity_init(&rows[0].identity, name) < 0 ||
		policy_grants_add(&rows[0].identity.grants, POLICY_HOST, str_from(host), &err) < 0)
		fail("memory is out");
	rows[0].identity.id = id;
	rows[1] = (struct store_row){.kind = STORE_CREDENTIAL};
	struct policy_credential *k = &rows[1].credential;
	*k = (struct policy_credential){.identity = id, .label = label, .created_at = policy_now()};
	k->expires_at = k->revoked_at = k->last_used_at = POLICY_NONE;
	random_bytes(k->key_id, sizeof(k->key_id));
	random_bytes(rows[1].psk, sizeof(rows[1].psk));
}

int main(int argc, char **argv)
{
	static struct store_row rows[ROWS];
	struct store *s;
	struct error err;
	uint64_t rev, n = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
	char path[4096];
	uint8_t salt[TOKEN_SALT_SIZE];
	if (!n || crypto_start() < 0)
		fail("usage: store_fill DIRECTORY N");
	read_salt(argv[1], salt);
	snprintf(path, sizeof(path), "%s/" STORE_FILE, argv[1]);
	if (store_open(&s, path, salt, true, &err) != 0)
		fail(err.text);
	for (uint64_t id = 0; id < n;) {
		size_t at = 0;
		for (; at < ROWS && id < n; at += 2)
			make(rows + at, ++id);
		if (store_commit(s, rows, at, NULL, &rev, &err) != 0)
			fail(err.text);
		for (size_t i = 0; i < at; i += 2)
			policy_identity_deinit(&rows[i].identity);
	}
	store_close(s);
	return 0;
}
