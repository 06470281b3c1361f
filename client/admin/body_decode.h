/* SPDX-License-Identifier: MIT */
#pragma once
/* A captured body without its Content-Encoding: gzip and deflate, by zlib. */
#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

/* Bytes of a decoded body: a small one may say that it is endless. What is beyond is cut. */
#define BODY_DECODED_MAX ((size_t)8 << 20)

/*
 * Appends what `n` bytes stand for, as far as they were kept. 0; -EINVAL with a sentence: another coding, or
 * they are not of it; -ENOMEM.
 */
int body_decode(struct str coding, const uint8_t *p, size_t n, struct buf *out, struct error *err);
