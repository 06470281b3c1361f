/* SPDX-License-Identifier: MIT */
#include "panel/panel_login.h"

#include <stdio.h>

#include "base/macros.h"
#include "crypto/random.h"

void panel_login_init(struct panel_login *l, const char *token)
{
	*l = (struct panel_login){0};
	random_bytes(l->key, sizeof(l->key));
	mac_make(l->key, token, strlen(token), l->token);
	l->unguessable = strlen(token) >= PANEL_UNGUESSABLE;
}

/* ---- Wrong tokens ---- */

static bool recent(const struct panel_failed *f, uint64_t now)
{
	return f->since && now - f->since < PANEL_FAILURES_FOR;
}

static struct panel_failed *find_failed(struct panel_login *l, uint64_t network, uint64_t now)
{
	for (size_t i = 0; i < ARRAY_LEN(l->failed); i++)
		if (l->failed[i].network == network && recent(&l->failed[i], now))
			return &l->failed[i];
	return NULL;
}

static void count_failure(struct panel_login *l, uint64_t network, uint64_t now)
{
	struct panel_failed *f = find_failed(l, network, now);
	if (f) {
		f->n++;
		return;
	}
	f = &l->failed[0];
	for (size_t i = 0; i < ARRAY_LEN(l->failed); i++)
		if (l->failed[i].since < f->since)
			f = &l->failed[i];
	*f = (struct panel_failed){.network = network, .since = now, .n = 1};
}

enum panel_login_result panel_login_try(struct panel_login *l, struct str token, uint64_t network,
	uint64_t now)
{
	const struct panel_failed *f = find_failed(l, network, now);
	bool late = f && f->n >= PANEL_FAILURES_MAX;
	bool right = (!late || l->unguessable) && mac_verify(l->key, token.p, token.n, l->token);
	if (right)
		return PANEL_LOGIN_RIGHT;
	if (late)
		return PANEL_LOGIN_LATER;
	count_failure(l, network, now);
	return PANEL_LOGIN_WRONG;
}

unsigned panel_login_wait(struct panel_login *l, uint64_t network, uint64_t now)
{
	const struct panel_failed *f = find_failed(l, network, now);
	uint64_t left = f ? f->since + PANEL_FAILURES_FOR - now : 0;
	return (unsigned)(left / CLOCK_S) + 1;
}

/* ---- Cookies ---- */

void panel_login_begin(struct panel_login *l, uint64_t now, char cookie_out[PANEL_COOKIE_SIZE])
{
	uint8_t id[(PANEL_COOKIE_SIZE - 1) / 2];
	random_bytes(id, sizeof(id));
	for (size_t i = 0; i < sizeof(id); i++)
		snprintf(cookie_out + 2 * i, 3, "%02x", id[i]);
	explicit_bzero(id, sizeof(id));
	struct panel_session *s = &l->sessions[0];
	for (size_t i = 0; i < ARRAY_LEN(l->sessions); i++)
		if (l->sessions[i].until < s->until)
			s = &l->sessions[i];
	mac_make(l->key, cookie_out, PANEL_COOKIE_SIZE - 1, s->mac);
	s->until = now + PANEL_SESSION_AGE * CLOCK_S;
	s->number = ++l->n_begun;
}

static struct panel_session *find_session(struct panel_login *l, struct str cookie)
{
	struct panel_session *found = NULL;
	for (size_t i = 0; i < ARRAY_LEN(l->sessions); i++)
		if (l->sessions[i].until &&
			mac_verify(l->key, cookie.p, cookie.n, l->sessions[i].mac))
			found = &l->sessions[i];
	return found;
}

uint64_t panel_login_find(struct panel_login *l, struct str cookie, uint64_t now)
{
	const struct panel_session *s =
		cookie.n == PANEL_COOKIE_SIZE - 1 ? find_session(l, cookie) : NULL;
	return s && now < s->until ? s->number : 0;
}

bool panel_login_lasts(const struct panel_login *l, uint64_t number, uint64_t now)
{
	for (size_t i = 0; i < ARRAY_LEN(l->sessions); i++)
		if (l->sessions[i].number == number)
			return now < l->sessions[i].until;
	return false;
}

void panel_login_end(struct panel_login *l, struct str cookie)
{
	struct panel_session *s = find_session(l, cookie);
	if (s)
		*s = (struct panel_session){0};
}
