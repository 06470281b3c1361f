/* SPDX-License-Identifier: MIT */
/*
 * Requests for certificates, of whoever has a token. What is claimed: of a request that is taken comes a certificate
 * of the name that was decided, which lasts as long as was said.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "tls/tls_authority.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

#define ID "spiffe://fuzz.tunnel/ns/default/dc/exit/svc/web"

static struct tls_authority *make_authority(void)
{
	uint8_t key[TLS_ROOT_KEY_SIZE];
	char *certificate;
	struct error err;
	CLAIM(crypto_start() == 0);
	CLAIM(tls_root_make("fuzz.tunnel", 1000, 900000, key, &certificate, &err) == 0);
	struct tls_authority *a = tls_authority_new(certificate, key, &err);
	free(certificate);
	CLAIM(a);
	return a;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tls_authority *authority;
	const struct tls_leaf leaf = {(const char *)data, size, ID, 2000, 5000};
	struct tls_facts facts;
	struct error err = {""};
	char *certificate = NULL;
	if (!authority)
		authority = make_authority();
	int r = tls_authority_issue(authority, &leaf, &certificate, &facts, &err);
	CLAIM((r == 0) == (certificate != NULL) && (r == 0) == !*err.text);
	if (r == 0) {
		CLAIM(strcmp(facts.id, ID) == 0);
		CLAIM(facts.from == 2000 && facts.to == 5000);
		CLAIM(tls_facts_read(certificate, &facts, &err) == 0);
		CLAIM(strcmp(facts.id, ID) == 0);
	}
	free(certificate);
	return 0;
}
