/* SPDX-License-Identifier: MIT */
#pragma once
/* A consumer's client opens a stream to a private service: whether it may pass is decided here and nowhere else. */
#include "server/link/server_link.h"

/* As server_link_ops::open(): the stream, or NULL with the reason to reset it with. */
struct stream *private_open(struct server_link *l, const struct frame_open *open,
	enum frame_reset *reason_out);
