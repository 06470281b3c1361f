/* SPDX-License-Identifier: MIT */
/* Whom a certificate is for and who issued it, as a log may show it. */
#include <arpa/inet.h>
#include <stdio.h>

#include <openssl/x509v3.h>

#include "tls/tls_internal.h"

#define NAME_SHOWN  64 /* characters of a name that a stranger wrote into a certificate */
#define NAMES_SHOWN 2  /* then "and others" */

struct name_text {
	char text[NAME_SHOWN + 1];
};

/* The peer wrote it, and it goes to a log. */
static struct name_text printable(const void *p, int n)
{
	struct name_text out = {0};
	for (int i = 0; i < n && i < NAME_SHOWN; i++) {
		char c = ((const char *)p)[i];
		out.text[i] = (char)(c >= ' ' && c < 127 ? c : '?');
	}
	return out;
}

static struct name_text general_name(const GENERAL_NAME *general)
{
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(general, &type);
	struct name_text out = {0};
	if (type == GEN_DNS)
		return printable(ASN1_STRING_get0_data(value), ASN1_STRING_length(value));
	if (type == GEN_IPADD) {
		int n = ASN1_STRING_length(value);
		if (n == 4 || n == 16)
			inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(value),
				out.text, sizeof out.text);
	}
	return out;
}

/* A CA's has no names of its own but its subject's; a client's often neither. */
static struct name_text subject(X509 *x)
{
	char text[NAME_SHOWN + 1];
	const X509_NAME *name = X509_get_subject_name(x);
	int n = X509_NAME_get_text_by_NID((X509_NAME *)(uintptr_t)name, NID_commonName, text,
		sizeof text);
	return printable(text, n > 0 ? n : 0);
}

void tls_names(X509 *x, char out[TLS_NAMES_SIZE])
{
	struct name_text shown[NAMES_SHOWN] = {0};
	int n = 0, more = 0;
	GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; all && i < sk_GENERAL_NAME_num(all); i++) {
		struct name_text name = general_name(sk_GENERAL_NAME_value(all, i));
		if (!name.text[0])
			continue;
		if (n < NAMES_SHOWN)
			shown[n++] = name;
		else
			more++;
	}
	GENERAL_NAMES_free(all);
	if (!n)
		shown[0] = subject(x);
	snprintf(out, TLS_NAMES_SIZE, "%s%s%s%s", shown[0].text[0] ? shown[0].text : "no name",
		n < 2  ? ""
		: more ? ", "
		       : " and ",
		n > 1 ? shown[1].text : "", more ? " and others" : "");
}

bool tls_issuer(X509 *x, char out[TLS_NAMES_SIZE])
{
	char issuer[NAME_SHOWN + 1];
	const X509_NAME *name = X509_get_issuer_name(x);
	int n = X509_NAME_get_text_by_NID((X509_NAME *)(uintptr_t)name, NID_commonName, issuer,
		sizeof issuer);
	if (n <= 0)
		n = X509_NAME_get_text_by_NID((X509_NAME *)(uintptr_t)name, NID_organizationName,
			issuer, sizeof issuer);
	snprintf(out, TLS_NAMES_SIZE, "%s", printable(issuer, n > 0 ? n : 0).text);
	return n > 0;
}
