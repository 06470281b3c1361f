/* SPDX-License-Identifier: MIT */
#include "crypto/password.h"

#include <crypt.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define BCRYPT_SIZE 60

/* Of Argon2id libsodium's "interactive" is 64 MiB and 2 passes. */
const struct password_cost password_cost_own = {.bcrypt = 14,
	.argon_kib = 64ul << 10,
	.argon_passes = 8};
const struct password_cost password_cost_client = {.bcrypt = 12,
	.argon_kib = 64ul << 10,
	.argon_passes = 2};

static bool is_bcrypt(struct str hash)
{
	return hash.n > 7 && memcmp(hash.p, "$2", 2) == 0 && strchr("aby", hash.p[2]) &&
	       hash.p[3] == '$';
}

static int check_bcrypt(struct str hash, const struct password_cost *max, struct error *err)
{
	static const char digits[] =
		"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	if (hash.n != BCRYPT_SIZE || hash.p[6] != '$' ||
		strspn(hash.p + 7, digits) < BCRYPT_SIZE - 7)
		return error_set(err, -EINVAL, "the bcrypt hash is not whole");
	int cost = (hash.p[4] - '0') * 10 + hash.p[5] - '0';
	if (cost < 4 || cost > max->bcrypt)
		return error_set(err, -EINVAL,
			"the bcrypt hash has a cost of %.2s; 04 to %d are taken", hash.p + 4,
			max->bcrypt);
	return 0;
}

/* The number behind "m=" or "t=". */
static unsigned long parameter(const char *hash, const char *name)
{
	const char *at = strstr(hash, name);
	return at ? strtoul(at + strlen(name), NULL, 10) : 0;
}

static int check_argon(struct str hash, const struct password_cost *max, struct error *err)
{
	char text[PASSWORD_HASH_MAX + 1];
	memcpy(text, hash.p, hash.n);
	text[hash.n] = 0;
	unsigned long memory = parameter(text, "m="), passes = parameter(text, "t=");
	int again = crypto_pwhash_str_needs_rehash(text, passes, memory * 1024);
	if (again < 0 || !memory || !passes)
		return error_set(err, -EINVAL, "the Argon2id hash is none of libsodium's");
	if (memory > max->argon_kib || passes > max->argon_passes)
		return error_set(err, -EINVAL,
			"the Argon2id hash takes %lu KiB and %lu passes; at most %lu and %lu are "
			"taken",
			memory, passes, max->argon_kib, max->argon_passes);
	return 0;
}

int password_hash_check(struct str hash, const struct password_cost *max, struct error *err)
{
	struct str argon = STR("$argon2id$");
	if (is_bcrypt(hash))
		return check_bcrypt(hash, max, err);
	if (hash.n > argon.n && hash.n <= PASSWORD_HASH_MAX &&
		memcmp(hash.p, argon.p, argon.n) == 0)
		return check_argon(hash, max, err);
	return error_set(err, -EINVAL,
		"the hash is neither bcrypt ($2y$) nor Argon2id ($argon2id$): make one with "
		"htpasswd -B");
}

static bool verify_bcrypt(const char *hash, const char *password)
{
	struct crypt_data *data = calloc(1, sizeof(*data)); /* 32 KiB, too much for a stack */
	const char *made = data ? crypt_rn(password, hash, data, sizeof(*data)) : NULL;
	bool same =
		made && strlen(made) == BCRYPT_SIZE && sodium_memcmp(made, hash, BCRYPT_SIZE) == 0;
	if (data)
		sodium_memzero(data, sizeof(*data));
	free(data);
	return same;
}

bool password_verify(const char *hash, struct str password)
{
	char text[PASSWORD_MAX + 1];
	if (password.n > PASSWORD_MAX || memchr(password.p, 0, password.n))
		return false;
	memcpy(text, password.p, password.n);
	text[password.n] = 0;
	bool good = hash[1] == '2' ? verify_bcrypt(hash, text)
				   : crypto_pwhash_str_verify(hash, text, password.n) == 0;
	sodium_memzero(text, sizeof(text));
	return good;
}
