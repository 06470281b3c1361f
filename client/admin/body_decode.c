/* SPDX-License-Identifier: MIT */
#include "client/admin/body_decode.h"

#include <errno.h>
#define ZLIB_CONST /* its input is not written to */
#include <zlib.h>

#define STEP (64u << 10) /* bytes of room at a time */

/* Window sizes of inflateInit2(): of gzip alone; of zlib, which "deflate" is (RFC 9110, 8.4.1.2). */
#define GZIP_BITS (15 + 16)
#define ZLIB_BITS 15

static int inflate_all(z_stream *z, struct buf *out)
{
	int r = Z_OK;
	while (r == Z_OK && buf_len(out) < BODY_DECODED_MAX) {
		if (buf_reserve(out, STEP) < 0)
			return -ENOMEM;
		z->next_out = buf_tail(out);
		z->avail_out = STEP;
		r = inflate(z, Z_SYNC_FLUSH);
		buf_commit(out, STEP - z->avail_out);
	}
	if (r == Z_MEM_ERROR)
		return -ENOMEM;
	/* Z_BUF_ERROR: the rest was not kept. */
	return r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR ? 0 : -EINVAL;
}

int body_decode(struct str coding, const uint8_t *p, size_t n, struct buf *out, struct error *err)
{
	bool gzip = str_eq_nocase(coding, STR("gzip")) || str_eq_nocase(coding, STR("x-gzip"));
	if (!coding.n || str_eq_nocase(coding, STR("identity")))
		return buf_append(out, p, n);
	if (!gzip && !str_eq_nocase(coding, STR("deflate")))
		return error_set(err, -EINVAL,
			"the body is encoded as %.*s, which is not decoded here",
			(int)(coding.n < 32 ? coding.n : 32), coding.p);
	z_stream z = {.next_in = p, .avail_in = (uInt)n};
	if (inflateInit2(&z, gzip ? GZIP_BITS : ZLIB_BITS) != Z_OK)
		return -ENOMEM;
	int r = inflate_all(&z, out);
	inflateEnd(&z);
	if (r == -EINVAL)
		error_set(err, 0, "the body is not encoded as its Content-Encoding says");
	return r;
}
