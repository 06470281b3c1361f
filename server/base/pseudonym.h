/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The name by which an exit node recognises a request that it passed on itself, in CDN-Loop (RFC 8586):
 * random and new with each start, so that nobody can know it who is not behind this exit node.
 */
#define PSEUDONYM_LEN 23 /* characters: "tunnel-" and 64 bits in hex; all of one length */

void pseudonym_make(char out[PSEUDONYM_LEN + 1]);
