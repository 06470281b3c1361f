/* SPDX-License-Identifier: MIT */
/* What rules make of a request: the URL of a redirect, and the key of a rate. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "rules/path.h"
#include "server/http/plan_run.h"
#include "server/http/scheme.h"
#include "wire/http1_path.h"
#include "wire/url.h"

/* ---- Paths ---- */

int plan_write_path(const struct template *t, const struct rule *rule, bool as_is, struct facts *f,
	struct buf *out)
{
	struct captures captures;
	size_t at = buf_len(out);
	when_captures(&rule->when, f, &captures);
	int r = f->undecided ? -ENOMEM : template_write(t, TEMPLATE_PATH, f, &captures, out);
	if (r || template_is_plain(t))
		return r;
	size_t n = buf_len(out) - at;
	r = buf_reserve(out, n);
	if (r)
		return r;
	struct str path = {(const char *)buf_head(out) + at, n};
	bool refused = as_is ? http1_path_has_dots(path, buf_tail(out))
			     : path_is_ambiguous(path, (char *)buf_tail(out));
	return refused ? -EINVAL : 0;
}

/* ---- Redirects ---- */

/* The port of a URL: 0 for the scheme's own. */
static uint16_t port_of(uint16_t port, bool https)
{
	return port == (https ? URL_HTTPS_PORT : URL_HTTP_PORT) ? 0 : port;
}

/* What was asked for, where the scheme stays; scheme_asked() says http's port for none. */
static uint16_t asked_port(const struct scheme_place *asked)
{
	return asked->port == URL_HTTP_PORT || asked->port == URL_HTTPS_PORT ? 0 : asked->port;
}

static uint16_t port_to(const struct rule_redirect *to, const struct redirect_from *from,
	const struct scheme_place *asked, bool https)
{
	const struct server_options *o = from->opts;
	if (to->port)
		return port_of(to->port, https);
	if (https == from->secure)
		return asked_port(asked);
	if (!https)
		return 0;
	return port_of(o->https_port ? o->https_port
				     : scheme_https_port(&o->ports, from->downstream->listener.port,
					       asked->port),
		true);
}

static int append(struct buf *out, struct str s)
{
	return s.n ? buf_append(out, s.p, s.n) : 0;
}

static int append_path(const struct rule *rule, bool as_is, struct facts *f, struct buf *out)
{
	const struct rule_redirect *to = &rule->redirect;
	/* RFC 9112, 3.2.4: the asterisk is for a server as a whole. */
	if (!to->has_path)
		return f->head->path.p[0] == '*' ? 0 : append(out, f->head->path);
	return plan_write_path(&to->path, rule, as_is, f, out);
}

static bool is_asked(const struct buf *out, size_t at, const struct http1_head *h)
{
	struct str made = {(const char *)buf_head(out) + at, buf_len(out) - at};
	return made.n == h->path.n + h->query.n && memcmp(made.p, h->path.p, h->path.n) == 0 &&
	       (!h->query.n || memcmp(made.p + h->path.n, h->query.p, h->query.n) == 0);
}

/* It is whole, with scheme and host: what a visitor wrote can only become its path. */
int redirect_location(const struct rule *rule, const struct redirect_from *from, struct facts *f,
	struct buf *out)
{
	const struct rule_redirect *to = &rule->redirect;
	struct scheme_place asked;
	char number[sizeof(":65535")] = "";
	scheme_asked(f->head, from->trusted, &from->downstream->local, &asked);
	bool https = to->https < 0 ? from->secure : to->https;
	uint16_t port = port_to(to, from, &asked, https);
	struct str host = to->host.n ? to->host : (struct str){asked.host, asked.host_n};
	if (port)
		snprintf(number, sizeof(number), ":%u", port);
	int r = append(out, https ? STR("https://") : STR("http://"));
	if (!r)
		r = append(out, host);
	if (!r)
		r = append(out, str_from(number));
	size_t at = buf_len(out);
	if (!r)
		r = append_path(rule, from->as_is, f, out);
	if (!r && !to->drops_query)
		r = append(out, f->head->query);
	if (r)
		return r;
	bool same = https == from->secure && port == asked_port(&asked) &&
		    str_eq(host, (struct str){asked.host, asked.host_n});
	return same && is_asked(out, at, f->head);
}

/* ---- Rates ---- */

/* Each value with its length before it, so that nothing can move from one to the next. */
static void add(struct buf *room, struct str s)
{
	uint32_t n = (uint32_t)s.n;
	if (buf_append(room, &n, sizeof(n)) == 0 && s.n)
		buf_append(room, s.p, s.n);
}

/*
 * The numbers are in it, because what was counted by others means something else to these: a rule that a reload has
 * changed begins anew. Where memory is out a value is missing, and the request counts with others.
 */
uint64_t rate_key(const struct cell_table *t, const struct front_route *route,
	const struct rule *rule, struct facts *f, struct buf *room)
{
	const struct rule_rate *r = &rule->rate;
	const uint64_t numbers[] = {r->allow, r->every, r->burst, r->block};
	room->start = room->end = 0;
	add(room, route->of_client ? STR("client") : STR("operator"));
	add(room, route->name);
	add(room, rule->name);
	add(room, (struct str){(const char *)&rule->line, sizeof(rule->line)});
	add(room, (struct str){(const char *)numbers, sizeof(numbers)});
	for (size_t i = 0; i < rule->rate.n_by; i++) {
		enum fact fact = (enum fact)rule->rate.by[i];
		struct str value = STR_NULL;
		size_t at = 0;
		uint64_t network = 0;
		if (fact == FACT_ADDRESS) {
			network = address_network(f->address);
			value = (struct str){(const char *)&network, sizeof(network)};
		} else {
			facts_next(f, fact, rule->rate.names[i], &at, &value);
		}
		add(room, value);
	}
	return cell_table_key(t, buf_head(room), buf_len(room));
}
