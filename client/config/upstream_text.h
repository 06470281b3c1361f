/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What people type where an upstream's URL stands, made that URL: a bare port, the path of a socket or a folder; and
 * what other programs have there, refused with the form that was meant. For client/config/upstreams.c.
 */
#include "client/config/upstreams.h"

/*
 * `key` is what stands before the '=', with it, or empty: for sentences. `*url_out` is the caller's to free;
 * it is not checked beyond that. 0, -EINVAL with a sentence, or -ENOMEM.
 */
int upstream_text_read(struct str key, struct str typed, enum upstream_form form, char **url_out,
	struct error *err);
