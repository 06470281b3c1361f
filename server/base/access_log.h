/* SPDX-License-Identifier: MIT */
#pragma once
/* The access log: one line for each request, connection, flow or private stream when it is over. */
#include "base/error.h"
#include "base/str.h"
#include "server/base/access_query.h"

enum access_format {
	ACCESS_FORMAT_LOG, /* as --log-format */
	ACCESS_FORMAT_LOGFMT,
	ACCESS_FORMAT_JSON,
	ACCESS_FORMAT_COMBINED, /* Apache's: %h - - %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" */
};

/* Whatever is not known is empty or 0. Texts are escaped by the log. */
struct access_entry {
	struct str visitor; /* address without port */
	struct str method, host;
	struct str path;         /* as it was asked for, with its query */
	enum access_query query; /* what of it is shown */
	unsigned status;         /* 0: the visitor left before an answer, or it is no request */
	uint64_t bytes_in;       /* of the request's head and body, as the visitor sent them */
	uint64_t bytes_out;      /* of the answer, heads included, as the visitor was sent them */
	uint64_t duration;       /* µs from the request's first byte to the answer's last */
	struct str session;
	struct str request_id;
	uint64_t connection; /* log_new_connection() */
	struct str
		consumer; /* of a private service: the identity; empty: there is none, and no line shows it */
	uint32_t link; /* then: its link id */
	enum access_format format;
	const char *protocol; /* "HTTP/1.1"; NULL: it is no request */
	struct str
		head; /* the request's: of ACCESS_FORMAT_COMBINED, which shows Referer and User-Agent */
	struct str
		rule; /* that ended the request (--front); empty: none did, and no line shows it */
	const char *why; /* what went wrong, as error_page::why; NULL: nothing */
};

/* Writes the line unless the access log is off; the line's time is the log's own. */
void access_log(const struct access_entry *a);

/*
 * For the option that says where the lines go, a file, "off" or "stdout": -EINVAL with a sentence for a word
 * that nobody wants a file to be named by.
 */
int access_log_check(struct str text, struct error *err);
