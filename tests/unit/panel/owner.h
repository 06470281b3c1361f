/* SPDX-License-Identifier: MIT */
#pragma once
/* A panel with an owner that answers when the test says so, and peers by a plain socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "panel/panel.h"

#define PATIENCE 20000      /* ms: a busy machine under a sanitizer */
#define BIG      (3u << 20) /* bytes of the answer to GET /big: no socket takes them at once */

extern char path[64]; /* of the socket */
extern struct panel *panel;

#define TOKEN "0123456789abcdef0123456789abcdef01234567" /* of the panel over TCP */

/* Each test has a panel of its own. */
int owner_setup(void **state);
int owner_teardown(void **state);
/* One that is reached over TCP besides. */
int owner_setup_tcp(void **state);
#define PANEL_TEST(name) cmocka_unit_test_setup_teardown(name, owner_setup, owner_teardown)

/* ---- The owner ---- */

/* Whether the test answers; else a request is answered at once with what it is. */
void hold(bool holds);
/* The next request that the test has to answer; when there are `n`; how many there are. */
struct panel_request *asked(void);
void wait_asked(unsigned n);
unsigned owner_n(void);
void answer(struct panel_request *rq, const char *text);

/* ---- The peer ---- */

int dial(void);
int dial_tcp(void);
void put(int fd, const char *text);

struct response {
	int status;
	char head[2048];
	char *body;
	size_t n; /* of the body */
};

void get_head(int fd, struct response *r);
/* The body is the caller's to free. */
void get(int fd, struct response *r);
/* The next answer has this status, and this part in its head or body. */
void expect(int fd, int status, const char *part);
/* False: the connection has ended, or nothing came in `ms`. */
bool get_byte(int fd, char *out, int ms);
/* Whether the connection has ended, or does so in time. */
bool ended(int fd);
