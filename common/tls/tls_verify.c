/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with a certificate or a handshake, in words that tell a person what to do. OpenSSL's
 * own ("certificate verify failed") do not tell an old certificate from a stranger's.
 */
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tls/tls_internal.h"

static void complain_of_name(struct tls *tls, X509 *x, const char *wanted)
{
	char names[TLS_NAMES_SIZE];
	tls_names(x, names);
	tls->misnamed = true;
	tls_complain(tls, "its certificate is for %s, not %s", names, wanted);
}

static void complain_of_issuer(struct tls *tls, X509 *x)
{
	char issuer[TLS_NAMES_SIZE];
	if (tls_issuer(x, issuer))
		tls_complain(tls,
			"no CA that is trusted here vouches for its certificate "
			"(issued by \"%s\")",
			issuer);
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

/* The result stays with the session as OpenSSL's verify result, so that a resumed one has it as well. */
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
