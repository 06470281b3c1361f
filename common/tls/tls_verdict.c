/*
 * What is wrong with a certificate or a handshake, in words that tell a person what to do. OpenSSL's
 * own ("certificate verify failed") do not tell an old certificate from a stranger's.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
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

static void complain_of_name(struct tls *tls, X509 *x, const char *wanted)
{
	char names[TLS_NAMES_SIZE];
	tls_names(x, names);
	tls->misnamed = true;
	tls_complain(tls, "its certificate is for %s, not %s", names, wanted);
}

static void complain_of_issuer(struct tls *tls, X509 *x)
{
	char issuer[NAME_SHOWN + 1];
	const X509_NAME *name = X509_get_issuer_name(x);
	int n = X509_NAME_get_text_by_NID((X509_NAME *)(uintptr_t)name, NID_commonName, issuer,
		sizeof issuer);
	if (n <= 0)
		n = X509_NAME_get_text_by_NID((X509_NAME *)(uintptr_t)name, NID_organizationName,
			issuer, sizeof issuer);
	if (n > 0)
		tls_complain(tls,
			"no CA that is trusted here vouches for its certificate "
			"(issued by \"%s\")",
			printable(issuer, n).text);
	else
		tls_complain(tls, "no CA that is trusted here vouches for its certificate");
}

static void complain(struct tls *tls, X509_STORE_CTX *store)
{
	X509 *leaf = X509_STORE_CTX_get0_cert(store);
	X509 *x = X509_STORE_CTX_get_current_cert(store);
	X509_VERIFY_PARAM *wanted = SSL_get0_param(tls->ssl);
	const char *whose = X509_STORE_CTX_get_error_depth(store) ? "its CA's" : "its";
	int error = X509_STORE_CTX_get_error(store);
	x = x ? x : leaf;
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		tls_complain_of_dates(tls, x, X509_STORE_CTX_get_error_depth(store) > 0);
		break;
	case X509_V_ERR_HOSTNAME_MISMATCH:
		complain_of_name(tls, leaf, X509_VERIFY_PARAM_get0_host(wanted, 0));
		break;
	case X509_V_ERR_IP_ADDRESS_MISMATCH: {
		char *ip = X509_VERIFY_PARAM_get1_ip_asc(wanted);
		complain_of_name(tls, leaf, ip ? ip : "its address");
		OPENSSL_free(ip);
		break;
	}
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		tls_complain(tls, "no CA vouches for its certificate (self-signed)");
		break;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		complain_of_issuer(tls, x);
		break;
	case X509_V_ERR_CERT_REVOKED:
		tls_complain(tls, "%s certificate was revoked", whose);
		break;
	default:
		tls_complain(tls, "%s certificate is refused: %s", whose,
			X509_verify_cert_error_string(error));
	}
}

static bool pin_fits(struct tls *tls, X509 *leaf)
{
	uint8_t digest[TLS_PIN_SIZE];
	if (!tls_spki(leaf, digest))
		return false;
	if (CRYPTO_memcmp(digest, tls->client->pin, sizeof digest) == 0)
		return true;
	char text[TLS_PIN_TEXT];
	tls_pin_text(digest, text);
	tls_complain(tls, "its certificate has another key than the pinned one (%s)", text);
	return false;
}

/*
 * The verdict stays with the session as OpenSSL's verify result, so that a resumed one has it as well.
 * 1 lets the handshake go on.
 */
int tls_verify(X509_STORE_CTX *store, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *tls = SSL_get_app_data(ssl);
	if (tls->client && tls->client->insecure) {
		tls_complain(tls, "its certificate was not verified");
		X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
		return 1;
	}
	bool good;
	if (tls->client && tls->client->pinned) {
		good = pin_fits(tls, X509_STORE_CTX_get0_cert(store));
		X509_STORE_CTX_set_error(store, good ? X509_V_OK : X509_V_ERR_CERT_UNTRUSTED);
	} else {
		good = X509_verify_cert(store) > 0;
		if (!good && X509_STORE_CTX_get_error(store) == X509_V_OK)
			X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
		if (!good)
			complain(tls, store);
	}
	/* Without a client's certificate one goes on too: its owner knows what it was wanted for. */
	if (good || tls->server || tls->client->verify_later)
		return 1;
	/* What is only out of date is not made right by trusting somebody else. */
	tls->distrusted = !tls->client->pinned && !tls->valid_to;
	return 0;
}

void tls_explain(struct tls *tls)
{
	unsigned long e = ERR_peek_error();
	int reason = ERR_GET_REASON(e);
	if (tls->foreign && !tls->established)
		tls_complain(tls, tls->plain_http ? "it answers in plain HTTP, not TLS"
						  : "it does not speak TLS");
	else if (ERR_GET_LIB(e) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET)
		tls_complain(tls, "it ended TLS: %s",
			SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
	else
		switch (ERR_GET_LIB(e) == ERR_LIB_SSL ? reason : 0) {
		case SSL_R_UNSUPPORTED_PROTOCOL:
		case SSL_R_NO_PROTOCOLS_AVAILABLE:
			tls_complain(tls, "it speaks no TLS newer than 1.1");
			break;
		case SSL_R_NO_SHARED_CIPHER:
			tls_complain(tls, "it has no TLS cipher that we have");
			break;
		case SSL_R_NO_APPLICATION_PROTOCOL:
			tls_complain(tls, "it offers no protocol (ALPN) that the service speaks");
			break;
		default:
			tls_complain(tls, "TLS failed: %s",
				e ? ERR_reason_error_string(e) : "for no reason that is known");
		}
	ERR_clear_error();
}
