#pragma once
/*
 * The access log: one line for each request when its exchange is over; and the ids that let a
 * visitor's complaint, the upstream's log and that line find each other.
 */
#include "base/str.h"
#include "crypto/random.h"
#include "server/base/access_query.h"
#include "wire/http1.h"

/* Characters of an id: room for what other proxies make (UUIDs, traces of several parts), and a NUL */
#define REQUEST_ID_SIZE 128

/* Characters of our own: 128 random bits in hexadecimal. */
#define REQUEST_ID_LEN 32

/*
 * One per worker. Every bit of every id is from the kernel, a block at a time, so nobody who saw ids
 * can tell another one; an upstream may use them as keys.
 */
struct request_ids {
	struct random_pool pool;
};

void request_ids_init(struct request_ids *ids);
void request_ids_deinit(struct request_ids *ids);

/* A new id and a NUL; returns its length. */
size_t request_id_next(struct request_ids *ids, char id_out[REQUEST_ID_SIZE]);

/*
 * The id that a trusted peer gave, or empty: also when it is longer than REQUEST_ID_SIZE takes or has
 * a character that is no visible ASCII. Ask for trusted peers only (rule 41).
 */
struct str request_id_given(const struct http1_head *h);

/* Whatever is not known is empty or 0. Texts are escaped by the log. */
struct access_entry {
	struct str visitor; /* address without port */
	struct str method, host;
	struct str path;         /* as it was asked for, with its query */
	enum access_query query; /* what of it is shown */
	unsigned status;         /* 0: the visitor left before an answer */
	uint64_t bytes_in;       /* of the request's head and body, as the visitor sent them */
	uint64_t bytes_out;      /* of the answer, heads included, as the visitor was sent them */
	uint64_t duration;       /* µs from the request's first byte to the answer's last */
	struct str session;
	struct str request_id;
	const char *why; /* what went wrong, as error_page::why; NULL: nothing */
};

/* Writes the line unless the access log is off; the line's time is the log's own. */
void access_log(const struct access_entry *a);
