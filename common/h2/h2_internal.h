/* SPDX-License-Identifier: MIT */
#pragma once
/* What the files of this room share; with h2_fields.h the only header here that shows nghttp2. */
#include <nghttp2/nghttp2.h>

#include "h2/h2.h"

/* h2_frames.c */

void h2_frames_init(struct h2_frames *f);
/* The peer has ended that stream, and it is over. */
void h2_frames_ended(struct h2_frames *f, int32_t id);

/* h2_answer.c: for nghttp2 */

/* What is next of a stream's response. */
ssize_t h2_read_data(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *user);
int h2_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *framehd,
	size_t length, nghttp2_data_source *source, void *user);
