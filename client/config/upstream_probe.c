/* SPDX-License-Identifier: MIT */
#include "client/config/upstream_probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/config/upstream_rules.h"

/* It becomes a part of a request's first line. */
static bool path_is_clean(const char *path)
{
	for (const char *c = path; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '#')
			return false;
	return *path == '/';
}

static int check(const struct part *p, enum control_kind kind, struct error *err)
{
	const struct service_options *o = p->o;
	bool connect = strcmp(o->probe, "connect") == 0;
	if (kind == CONTROL_UDP)
		return error_set(err, -EINVAL,
			"--probe is not for UDP, which nobody can connect to: %s", p->text);
	if (o->private_name)
		return error_set(err, -EINVAL,
			"--probe is for what visitors reach, and --private %s is not: leave it out",
			o->private_name);
	if (!connect && kind != CONTROL_HTTP)
		return error_set(err, -EINVAL,
			"--probe=connect is all that can be asked of %s, which is passed on as it "
			"comes",
			p->text);
	if (!connect && !path_is_clean(o->probe))
		return error_set(err, -EINVAL,
			"--probe takes a path, as /healthz, or connect, not \"%s\"", o->probe);
	if (connect && o->probe_expect.n)
		return error_set(err, -EINVAL,
			"--probe-expect is for a probe that asks for a path, and --probe=connect "
			"asks for none");
	for (size_t i = 0; i < o->probe_expect.n; i++)
		if (o->probe_expect.v[i].first < 100 || o->probe_expect.v[i].last > 599)
			return error_set(err, -EINVAL,
				"--probe-expect takes statuses of HTTP, 100 to 599, as 200,204 or "
				"200-299");
	return 0;
}

int upstream_probe_init(struct upstream_probe *out, const struct part *p, enum control_kind kind,
	struct error *err)
{
	const struct service_options *o = p->o;
	*out = (struct upstream_probe){.kind = UPSTREAM_PROBE_NONE};
	if (!o->probe && o->probe_expect.n)
		return error_set(err, -EINVAL,
			"--probe-expect is for a probe: say --probe=PATH as well");
	if (!o->probe)
		return 0;
	int r = check(p, kind, err);
	if (r)
		return r;
	out->kind = *o->probe == '/' ? UPSTREAM_PROBE_GET : UPSTREAM_PROBE_CONNECT;
	out->every = o->probe_every ? o->probe_every : UPSTREAM_PROBE_EVERY;
	out->n_expected = o->probe_expect.n;
	for (size_t i = 0; i < out->n_expected; i++)
		out->expected[i] = o->probe_expect.v[i];
	if (out->kind == UPSTREAM_PROBE_GET && !(out->path = strdup(o->probe)))
		return error_set(err, -ENOMEM, "no memory");
	return 0;
}

int upstream_probe_copy(struct upstream_probe *to, const struct upstream_probe *from)
{
	*to = *from;
	to->path = from->path ? strdup(from->path) : NULL;
	return to->path || !from->path ? 0 : -ENOMEM;
}

void upstream_probe_deinit(struct upstream_probe *v)
{
	free(v->path);
	*v = (struct upstream_probe){.kind = UPSTREAM_PROBE_NONE};
}

bool upstream_probe_same(const struct upstream_probe *a, const struct upstream_probe *b)
{
	bool same = a->kind == b->kind && a->every == b->every && str_same(a->path, b->path) &&
		    a->n_expected == b->n_expected;
	for (size_t i = 0; same && i < a->n_expected; i++)
		same = a->expected[i].first == b->expected[i].first &&
		       a->expected[i].last == b->expected[i].last;
	return same;
}

bool upstream_probe_expects(const struct upstream_probe *v, unsigned status)
{
	for (size_t i = 0; i < v->n_expected; i++)
		if (v->expected[i].first <= status && status <= v->expected[i].last)
			return true;
	return !v->n_expected && status >= 200 && status < 400;
}
