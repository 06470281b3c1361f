/* SPDX-License-Identifier: MIT */
#pragma once
/* What --acme and the options that belong to it may say. */
#include "base/error.h"
#include "base/str.h"

#define ACME_LETSENCRYPT         "https://acme-v02.api.letsencrypt.org/directory"
#define ACME_LETSENCRYPT_STAGING "https://acme-staging-v02.api.letsencrypt.org/directory"

/* How names are proved to the CA. AUTO: by what leads here, and wildcards by DNS. */
enum acme_challenge {
	ACME_CHALLENGE_AUTO,
	ACME_CHALLENGE_HTTP,
	ACME_CHALLENGE_TLS,
	ACME_CHALLENGE_DNS,
};
extern const char *const acme_challenge_words[];

/* Each: 0, or -EINVAL with a sentence. */
int acme_email_check(struct str text, struct error *err);
int acme_server_check(struct str text, struct error *err);
/* A name that a certificate can be for, or "*." and a name. */
int acme_names_check(struct str text, struct error *err);

/* The directory's URL of what acme_server_check() let through. */
const char *acme_server_url(const char *text);
