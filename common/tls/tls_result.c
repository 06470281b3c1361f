/* SPDX-License-Identifier: MIT */
/* What came of a handshake. */
#include <string.h>

#include <openssl/err.h>

#include "tls/tls_internal.h"

#define EXPORTER_LABEL "EXPORTER-Channel-Binding" /* RFC 9266 */

enum tls_version tls_version(const struct tls *tls)
{
	if (!tls->established)
		return TLS_NONE;
	return SSL_version(tls->ssl) == TLS1_3_VERSION ? TLS_1_3 : TLS_1_2;
}

struct str tls_alpn(const struct tls *tls)
{
	const unsigned char *p;
	unsigned int n;
	SSL_get0_alpn_selected(tls->ssl, &p, &n);
	return (struct str){(const char *)p, n};
}

bool tls_verified(const struct tls *tls)
{
	return tls->established && SSL_get0_peer_certificate(tls->ssl) &&
	       SSL_get_verify_result(tls->ssl) == X509_V_OK;
}

bool tls_foreign(const struct tls *tls)
{
	return tls->foreign && !tls->established;
}

bool tls_distrusted(const struct tls *tls)
{
	return tls->distrusted;
}

bool tls_misnamed(const struct tls *tls)
{
	return tls->misnamed;
}

bool tls_exporter(const struct tls *tls, uint8_t value_out[TLS_EXPORTER_SIZE])
{
	if (tls_version(tls) != TLS_1_3)
		return false;
	ERR_clear_error();
	uint8_t value[TLS_EXPORTER_SIZE];
	if (SSL_export_keying_material(tls->ssl, value, sizeof value, EXPORTER_LABEL,
		    sizeof EXPORTER_LABEL - 1, (const uint8_t *)"", 0, 1) != 1)
		return false;
	memcpy(value_out, value, sizeof value);
	return true;
}
