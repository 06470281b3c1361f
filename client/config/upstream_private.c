/* SPDX-License-Identifier: MIT */
#include "client/config/upstream_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "client/config/upstream_rules.h"
#include "policy/name.h"
#include "wire/control.h"

/* ---- What does not go together ---- */

/* The option that only a private service can have; NULL: none was given. */
static const char *needs_private(const struct service_options *o)
{
	return o->visibility.n         ? "--visibility"
	       : o->auto_approve.n     ? "--auto-approve"
	       : o->fqdns.n            ? "--fqdns"
	       : o->source_addresses.n ? "--source-addresses"
	       : o->on_pending         ? "--on-pending"
	       : o->end_to_end         ? "--end-to-end"
				       : NULL;
}

/* What somebody has to say about TLS or HTTP of a service whose bytes are passed on as they come. */
static const char *needs_http(const struct service_options *o)
{
	return o->insecure      ? "--upstream-insecure"
	       : o->ca          ? "--upstream-ca"
	       : o->host        ? "--upstream-host"
	       : o->host_only   ? "--upstream-host-only"
	       : o->half_closed ? "--half-closed-requests"
	       : o->alpn.n      ? "--alpn"
				: NULL;
}

static int check_scheme(const struct part *p, struct error *err)
{
	enum url_scheme scheme = p->url.scheme;
	if (scheme == URL_FILE)
		return error_set(err, -EINVAL,
			"%s is a folder, which is served to the public side alone: a private "
			"service needs a server of its own",
			p->text);
	if (scheme == URL_TLS_TCP || scheme == URL_SNI_TCP)
		return error_set(err, -EINVAL,
			"%s is about TLS of the public side, and a private service has none: write "
			"tcp://HOST:PORT",
			p->text);
	if (p->url.path.n)
		return error_set(err, -EINVAL,
			"a private service is passed on as bytes, to a host and port: leave the "
			"path out of %s",
			p->text);
	if (scheme != URL_UNIX && p->url.port != p->url.port_last)
		return error_set(err, -EINVAL, "a private service has one port, and %s has several",
			p->text);
	return 0;
}

static int check_sources(const struct part *p, struct error *err)
{
	const struct option_list *list = &p->o->source_addresses;
	if (!list->n)
		return 0;
	if (p->url.scheme == URL_UNIX || p->url.scheme == URL_UDP)
		return error_set(err, -EINVAL,
			"--source-addresses is for an upstream that is reached by TCP, and %s is "
			"not",
			p->text);
	if (list->n > UPSTREAM_SOURCES_MAX)
		return error_set(err, -EINVAL, "--source-addresses: there may be %d at most",
			UPSTREAM_SOURCES_MAX);
	return 0;
}

static bool has(const struct option_list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcasecmp(list->v[i], name) == 0)
			return true;
	return false;
}

/* Whoever has the alias is not everybody, who needs none. */
static bool may_ask(const struct option_list *visibility, const char *name)
{
	return has(visibility, name) || has(visibility, "@all") ||
	       (has(visibility, "*") && strcasecmp(name, "@all") != 0);
}

/* Who need not wait must be among those who may ask: an exit node refuses it as well. */
static int check_approval(const struct service_options *o, struct error *err)
{
	for (size_t i = 0; i < o->auto_approve.n && o->visibility.n; i++)
		if (!may_ask(&o->visibility, o->auto_approve.v[i]))
			return error_set(err, -EINVAL,
				"--auto-approve has %s, which --visibility has not: who may not "
				"ask needs no approval",
				o->auto_approve.v[i]);
	return 0;
}

int upstream_check_private(const struct part *p, bool alone, struct error *err)
{
	const struct service_options *o = p->o;
	const char *lost = needs_private(o), *http = needs_http(o);
	if (!o->private_name && lost)
		return error_set(err, -EINVAL,
			"%s is for a private service: give %s a name with --private", lost,
			p->text);
	if (!o->private_name)
		return 0;
	if (!alone)
		return error_set(err, -EINVAL,
			"--private is for one upstream, and the --upstream before it has several");
	if (p->key.kind != KEY_NONE)
		return error_set(err, -EINVAL,
			"--private %s has no public name or port: leave out what stands before the "
			"'=' of its --upstream",
			o->private_name);
	if (o->port.n)
		return error_set(err, -EINVAL, "--private %s has no public port: leave --port out",
			o->private_name);
	if (http)
		return error_set(err, -EINVAL,
			"--private %s is passed on as bytes, as they come from its consumers: "
			"leave %s out",
			o->private_name, http);
	if (o->proxy_protocol == UPSTREAM_PROXY_V1)
		return error_set(err, -EINVAL,
			"--proxy-protocol v1 cannot say who consumes a private service: write v2");
	int r = check_scheme(p, err);
	if (!r)
		r = check_sources(p, err);
	return r ? r : check_approval(o, err);
}

/* ---- Its own copy ---- */

int upstream_list_text(const struct option_list *list, const char *option, char **out,
	struct error *err)
{
	size_t n = 0;
	for (size_t i = 0; i < list->n; i++)
		n += strlen(list->v[i]) + 1;
	if (n > CONTROL_LIST)
		return error_set(err, -EINVAL, "%s has more than %d bytes", option, CONTROL_LIST);
	if (!n)
		return 0;
	char *at = *out = malloc(n);
	for (size_t i = 0; at && i < list->n; i++)
		at += sprintf(at, "%s%s", i ? "," : "", list->v[i]);
	return *out ? 0 : error_set(err, -ENOMEM, "no memory");
}

static int read_sources(struct upstream_private *v, const struct option_list *list,
	struct error *err)
{
	v->sources = list->n ? calloc(list->n, sizeof(*v->sources)) : NULL;
	if (list->n && !v->sources)
		return error_set(err, -ENOMEM, "no memory");
	for (size_t i = 0; i < list->n; i++)
		if (!address_parse_ip(str_from(list->v[i]), &v->sources[v->n_sources++].address))
			return error_set(err, -EINVAL,
				"--source-addresses: \"%s\" is no address such as 10.0.0.5",
				list->v[i]);
	return 0;
}

int upstream_private_init(struct upstream_private *out, const struct service_options *o,
	struct error *err)
{
	char name[POLICY_NAME_SIZE];
	*out = (struct upstream_private){.end_to_end = o->private_name && o->end_to_end};
	if (!o->private_name)
		return 0;
	int r = policy_name_check(str_from(o->private_name), name, err);
	if (r)
		return error_prefix(err, "--private"), r;
	out->name = strdup(name);
	out->on_pending = o->on_pending ? strdup(o->on_pending) : NULL;
	if (!out->name || (o->on_pending && !out->on_pending))
		return error_set(err, -ENOMEM, "no memory");
	r = upstream_list_text(&o->visibility, "--visibility", &out->visibility, err);
	if (!r)
		r = upstream_list_text(&o->auto_approve, "--auto-approve", &out->auto_approve, err);
	if (!r)
		r = upstream_list_text(&o->fqdns, "--fqdns", &out->fqdns, err);
	return r ? r : read_sources(out, &o->source_addresses, err);
}

static bool copy_text(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

int upstream_private_copy(struct upstream_private *to, const struct upstream_private *from)
{
	*to = (struct upstream_private){.end_to_end = from->end_to_end};
	bool ok =
		copy_text(&to->name, from->name) && copy_text(&to->visibility, from->visibility) &&
		copy_text(&to->auto_approve, from->auto_approve) &&
		copy_text(&to->fqdns, from->fqdns) && copy_text(&to->on_pending, from->on_pending);
	if (ok && from->n_sources) {
		to->sources = calloc(from->n_sources, sizeof(*to->sources));
		ok = to->sources;
	}
	if (!ok)
		return -ENOMEM;
	to->n_sources = from->n_sources;
	for (size_t i = 0; i < from->n_sources; i++)
		to->sources[i].address = from->sources[i].address;
	return 0;
}

void upstream_private_deinit(struct upstream_private *v)
{
	free(v->name);
	free(v->visibility);
	free(v->auto_approve);
	free(v->fqdns);
	free(v->on_pending);
	free(v->sources);
	*v = (struct upstream_private){0};
}

bool upstream_private_same(const struct upstream_private *a, const struct upstream_private *b)
{
	bool same = str_same(a->name, b->name) && str_same(a->visibility, b->visibility) &&
		    str_same(a->auto_approve, b->auto_approve) && str_same(a->fqdns, b->fqdns) &&
		    str_same(a->on_pending, b->on_pending) && a->n_sources == b->n_sources &&
		    a->end_to_end == b->end_to_end;
	for (size_t i = 0; same && i < a->n_sources; i++)
		same = address_same_ip(&a->sources[i].address, &b->sources[i].address);
	return same;
}
