/* SPDX-License-Identifier: MIT */
#pragma once
/* The key of RFC 7515, A.3. */
#include <string.h>

#include "crypto/p256.h"

static const char rfc7515_pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n"
	"H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n"
	"7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n"
	"-----END PRIVATE KEY-----\n";

/* Its thumbprint, computed by another program. */
#define RFC7515_THUMBPRINT "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"

static inline struct p256 *rfc7515_key(void)
{
	return p256_read(rfc7515_pem, strlen(rfc7515_pem));
}
