#include "client/services.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

const char *service_host(const struct service *service)
{
	return service->upstream->host[0] ? service->upstream->host : "every other host";
}

/* Every legal transition; anything else is a bug of ours. */
static void service_set_state(struct service *service, enum service_state state)
{
	static const char *const names[] = {"idle", "offered", "granted", "refused"};
	static const uint8_t legal[] = {
		[SERVICE_IDLE] = 1 << SERVICE_OFFERED,
		[SERVICE_OFFERED] = 1 << SERVICE_IDLE | 1 << SERVICE_GRANTED | 1 << SERVICE_REFUSED,
		[SERVICE_GRANTED] = 1 << SERVICE_IDLE | 1 << SERVICE_REFUSED,
		[SERVICE_REFUSED] = 1 << SERVICE_IDLE | 1 << SERVICE_OFFERED | 1 << SERVICE_GRANTED,
	};
	if (!(legal[service->state] & 1 << state))
		abort();
	log_debug("service %u (%s): %s -> %s", service->number, service_host(service),
		names[service->state], names[state]);
	service->state = state;
}

static int service_init(struct service *service, const struct upstream *u, uint32_t number)
{
	*service = (struct service){.upstream = u, .number = number};
	if (u->url.query.n)
		log_warn("the query in the upstream %s is not used", u->text);
	if (!u->url.path.n)
		return 0;
	service->path = strndup(u->url.path.p, u->url.path.n);
	return service->path ? 0 : -ENOMEM;
}

int services_init(struct services *s, const struct upstreams *list)
{
	*s = (struct services){.v = calloc(list->n + !list->n, sizeof(*s->v)), .n = list->n};
	int r = s->v ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < list->n; i++)
		r = service_init(&s->v[i], &list->v[i], (uint32_t)i + 1);
	return r;
}

void services_deinit(struct services *s)
{
	for (size_t i = 0; s->v && i < s->n; i++) {
		free(s->v[i].path);
		free(s->v[i].told);
	}
	free(s->v);
	*s = (struct services){0};
}

struct service *services_find(const struct services *s, uint32_t number)
{
	return number >= 1 && number <= s->n ? &s->v[number - 1] : NULL;
}

void services_offer(struct services *s, struct link *l)
{
	for (size_t i = 0; i < s->n; i++) {
		struct service *service = &s->v[i];
		if (service->state == SERVICE_OFFERED || service->state == SERVICE_GRANTED)
			continue;
		/* For people on the other side, who need no more than a line of it. */
		char text[CONTROL_TEXT + 1];
		snprintf(text, sizeof(text), "%s", service->upstream->text);
		struct control message = {.type = CONTROL_PUBLISH};
		message.publish.service = service->number;
		message.publish.kind = CONTROL_HTTP;
		message.publish.host = service->upstream->host;
		message.publish.upstream = text;
		message.publish.path = service->path;
		int r = link_send(l, &message);
		if (r == 0)
			service_set_state(service, SERVICE_OFFERED);
		else if (r == -EINVAL)
			log_warn("%s cannot be published: the path in %.100s… is too long or not "
				 "text",
				service_host(service), service->upstream->text);
	}
}

void services_withdrawn(struct services *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].state != SERVICE_IDLE)
			service_set_state(&s->v[i], SERVICE_IDLE);
}

/* Whether it differs from what was said last, which it now is. */
static bool is_news(struct service *service, const char *text)
{
	if (service->told && strcmp(service->told, text) == 0)
		return false;
	free(service->told);
	service->told = strdup(text);
	return true;
}

void services_granted(struct services *s, const struct control *message)
{
	struct service *service = services_find(s, message->granted.service);
	if (!service || service->state == SERVICE_IDLE || service->state == SERVICE_GRANTED)
		return;
	service_set_state(service, SERVICE_GRANTED);
	if (is_news(service, message->granted.address))
		log_info("%s is published at %s", service->upstream->text,
			message->granted.address);
}

static const char *advice(enum control_reason reason)
{
	switch (reason) {
	case CONTROL_REASON_TAKEN:
		return "choose another name, or stop the client that has it; asking again "
		       "meanwhile";
	case CONTROL_REASON_DENIED:
		return "the exit node's operator can allow it; asking again meanwhile";
	case CONTROL_REASON_INVALID:
		return "correct the name in --upstream";
	case CONTROL_REASON_UNSUPPORTED:
		return "the exit node may be of an older version";
	case CONTROL_REASON_LIMIT:
		return "publish less through one client; asking again meanwhile";
	case CONTROL_REASON_OTHER:
		break;
	}
	return "asking again meanwhile";
}

void services_refused(struct services *s, const struct control *message)
{
	struct service *service = services_find(s, message->refused.service);
	if (!service || service->state == SERVICE_IDLE || service->state == SERVICE_REFUSED)
		return;
	service_set_state(service, SERVICE_REFUSED);
	service->reason = message->refused.reason;
	if (is_news(service, message->refused.sentence))
		log_warn("the exit node does not publish %s (%s): %s; %s", service_host(service),
			service->upstream->text, message->refused.sentence,
			advice(service->reason));
}

size_t services_count(const struct services *s, enum service_state state)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += s->v[i].state == state;
	return n;
}

bool services_hopeless(const struct services *s)
{
	for (size_t i = 0; i < s->n; i++) {
		enum control_reason reason = s->v[i].reason;
		if (s->v[i].state != SERVICE_REFUSED ||
			(reason != CONTROL_REASON_INVALID && reason != CONTROL_REASON_UNSUPPORTED))
			return false;
	}
	return s->n > 0;
}

void services_failed(struct service *service, const char *why, uint64_t now)
{
	service->failures++;
	if (service->failure_told && now - service->failure_told < SERVICE_QUIET)
		return;
	char more[64] = "";
	if (service->failures > 1)
		snprintf(more, sizeof(more), " (%llu times since this was said last)",
			(unsigned long long)service->failures);
	log_warn("the upstream %s cannot be reached: %s%s", service->upstream->text, why, more);
	service->failure_told = now;
	service->failures = 0;
}
