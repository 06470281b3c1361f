/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The head of an HTTP/1 message, parsed: its fields, and what follows from them. wire/http1.h fills it.
 *
 * Nothing is copied but the host: all views point into the parsed bytes and live as long.
 */
#include "wire/hostname.h"
#include "wire/http1_field.h"

#define HTTP1_FIELDS_DEFAULT 256 /* fields a head: browsers send 20, some answers set 150 cookies */
#define HTTP1_CONNECTION_MAX 32  /* names in Connection: each is compared with every field */

/* RFC 9110, 7.6.2: larger ones are taken for it, and so long a way for an endless one. */
#define HTTP1_MAX_FORWARDS_MAX 999999

enum http1_method {
	HTTP1_METHOD_OTHER,
	HTTP1_GET,
	HTTP1_HEAD,
	HTTP1_POST,
	HTTP1_PUT,
	HTTP1_DELETE,
	HTTP1_OPTIONS,
	HTTP1_TRACE,
	HTTP1_PATCH,
	HTTP1_CONNECT,
};
enum http1_form { HTTP1_ORIGIN_FORM, HTTP1_ABSOLUTE_FORM, HTTP1_ASTERISK_FORM };
enum http1_body { HTTP1_BODY_NONE, HTTP1_BODY_LENGTH, HTTP1_BODY_CHUNKED, HTTP1_BODY_UNTIL_CLOSE };

struct http1_field {
	struct str name, value; /* the value without white space around it */
	uint8_t id;             /* enum http1_id */
	bool hop; /* not to be passed on: by its name, Connection names it, or it means nothing */
};

struct http1_head {
	size_t size; /* bytes up to and with the empty line */
	size_t n_fields;
	uint8_t minor;     /* HTTP/1.minor: 0 or 1 */
	uint8_t body;      /* enum http1_body; a body of 0 bytes is HTTP1_BODY_NONE */
	uint64_t length;   /* with Content-Length */
	uint64_t seen;     /* bit 1 << id for every enum http1_id that occurs */
	uint64_t repeated; /* the same for those that occur more than once */

	bool framed_anew;     /* what frames it is marked `hop`: to be written in its plain form */
	bool keep_alive;      /* version and Connection allow another message after this one */
	bool upgrade;         /* 1.1, Connection names it, and http1_upgrade_next() finds one */
	bool te_trailers;     /* TE lists trailers */
	bool expect_continue; /* requests; ignored in 1.0, where the field is marked `hop` */

	/* requests */
	bool counted; /* OPTIONS and TRACE: Max-Forwards says how many more may pass it on */
	uint32_t max_forwards;
	uint8_t method; /* enum http1_method */
	uint8_t form;   /* enum http1_form */
	struct str method_name;
	struct str target;             /* as it came */
	struct str path;               /* of any form: "/…", never empty, or "*" */
	struct str query;              /* from its '?' on; may be empty */
	struct str host_value;         /* Host as it came; empty or none: an absolute target's */
	char host_name[HOSTNAME_SIZE]; /* canonical; empty where no host is named */
	uint8_t host_n;
	uint16_t host_port; /* 0: none given */

	/* responses */
	uint16_t status; /* 100 to 999 */
	struct str reason;

	/* After an HTTP1_E_*: the name of the field that it is about, or empty. Token characters. */
	struct str at_fault;

	/*
	 * Not the parser's. There is room for one more than fields_max: after the last field stands one
	 * that has only a name, which begins where the empty line does.
	 */
	size_t fields_max;
	struct http1_field *fields;
};

/* An initializer for a head of at most `n` fields, in memory that lives as long as it. */
#define HTTP1_HEAD_OF(n)                                                   \
	{                                                                  \
		.fields_max = (n), .fields = (struct http1_field[(n) + 1]) \
		{                                                          \
			{                                                  \
				.id = HTTP1_OTHER                          \
			}                                                  \
		}                                                          \
	}

/* The same on the heap. 0 or -ENOMEM. */
int http1_head_init(struct http1_head *h, size_t fields_max);
void http1_head_deinit(struct http1_head *h);

/* The first field of that id, or NULL. HTTP1_OTHER is never found. */
const struct http1_field *http1_find(const struct http1_head *h, enum http1_id id);

/* Whether a field of that id lists the token (case does not matter, nor on how many lines). */
bool http1_lists(const struct http1_head *h, enum http1_id id, struct str token);

/*
 * Takes the next protocol off an Upgrade field's value that may be passed on: whatever it is but HTTP of
 * another version, whose requests nobody here would read (rule 34). False: there is none.
 */
bool http1_upgrade_next(struct str *list, struct str *protocol_out);

/* The bytes of field `i` with its line end. Lines follow each other: runs can be copied at once. */
static inline struct str http1_line(const struct http1_head *h, size_t i)
{
	const char *p = h->fields[i].name.p;
	return (struct str){p, (size_t)(h->fields[i + 1].name.p - p)};
}

/* A request's bytes, from its line to the empty line, which is not among them. */
static inline struct str http1_head_text(const struct http1_head *h)
{
	const char *from = h->method_name.p;
	return (struct str){from, (size_t)(h->fields[h->n_fields].name.p - from)};
}

static inline struct str http1_host(const struct http1_head *h)
{
	return (struct str){h->host_name, h->host_n};
}

/* Doing it twice does what doing it once does (RFC 9110, 9.2.2). */
static inline bool http1_idempotent(enum http1_method m)
{
	return m >= HTTP1_GET && m <= HTTP1_TRACE && m != HTTP1_POST;
}
