/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A password of a request (RFC 7617) that is checked on a helper thread. The request's head is kept meanwhile, as
 * its rules go on behind.
 */
#include "loop/offload.h"
#include "rules/front.h"
#include "server/base/front_tables.h"
#include "wire/http1_head.h"

#define PASSWORD_USER_MAX 512 /* bytes of a user's name with its password */

enum password_state {
	PASSWORD_GOOD,    /* it was found good a short while ago */
	PASSWORD_MISSING, /* none was given, or one of another kind */
	PASSWORD_PENDING, /* `checked` comes */
	PASSWORD_WAIT,    /* too many wrong ones came from this address */
	PASSWORD_BUSY,    /* too many are checked, or memory is out */
};

/* What is asked; the views last as long as the call. */
struct password_question {
	struct front_tables *tables;
	struct loop *loop;
	struct list *checks;       /* that are under way on the loop */
	const struct front *front; /* whose users they are; held while it is checked */
	const struct rule_basic *basic;
	const struct http1_head *head;
	const struct address *visitor;
	/* On the loop, unless it is cancelled before. `head`: the request's, from its line to its empty line. */
	void (*checked)(void *arg, struct str head, bool good);
	void *arg;
};

struct password_check;

/* `out` is set with PASSWORD_PENDING, `wait_out` with PASSWORD_WAIT: µs. */
enum password_state password_check_start(const struct password_question *q,
	struct password_check **out, uint64_t *wait_out);
/* Accepts NULL. */
void password_check_cancel(struct password_check *c);
