/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The reason phrase of a status (RFC 9110, 15; the others are IANA's). HTTP/2 has none, and no reader is to look at it; but
 * programs do, and some take a status line without one for none.
 */

/* "Not Found"; NULL: it is not registered. */
const char *http_reason(unsigned status);
