#include "net/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

/* What a look-up works on; owned by the offload while it is under way. */
struct resolve_job {
	struct offload_job offload;
	struct resolve *owner; /* NULL when cancelled */
	char host[NI_MAXHOST];
	uint16_t port;
	/* The answer, written by the helper thread: */
	struct address list[RESOLVE_MAX];
	size_t n;
	int code; /* of getaddrinfo */
};

static void take_addresses(struct resolve_job *job, const struct addrinfo *ai)
{
	for (; ai && job->n < RESOLVE_MAX; ai = ai->ai_next) {
		struct address address = address_from_sockaddr(ai->ai_addr);
		if (address.family == ADDRESS_NONE)
			continue;
		address.port = job->port;
		job->list[job->n++] = address;
	}
	resolve_interleave(job->list, job->n);
}

/*
 * Without AI_ADDRCONFIG: on a machine with an IPv4 address it would hide ::1 for "localhost", where
 * many a development server listens alone. An address without a route costs a failed connect().
 */
static void resolve_run(struct offload_job *offload)
{
	struct resolve_job *job = container_of(offload, struct resolve_job, offload);
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *answer = NULL;
	job->code = getaddrinfo(job->host, NULL, &hints, &answer);
	if (job->code != 0)
		return;
	take_addresses(job, answer);
	freeaddrinfo(answer);
}

/* glibc's own texts name calls, not causes. */
static const char *explain(int code)
{
	switch (code) {
	case 0:
	case EAI_NONAME:
	case EAI_NODATA:
	case EAI_ADDRFAMILY:
		return "the name is not known";
	case EAI_AGAIN:
		return "no name server answered";
	case EAI_FAIL:
		return "the name server could not answer";
	default:
		return gai_strerror(code);
	}
}

static void resolve_done(struct offload_job *offload)
{
	struct resolve_job *job = container_of(offload, struct resolve_job, offload);
	struct resolve *owner = job->owner;
	/* A look-up that was not cancelled by its owner but by the end of the offload never ran. */
	bool ran = !atomic_load(&offload->cancelled);
	if (owner) {
		owner->job = NULL;
		owner->done(owner, job->list, job->n,
			job->n > 0 ? NULL : (ran ? explain(job->code) : "the program is ending"));
	}
	free(job);
}

int resolve_start(struct resolve *resolve, struct loop *loop, struct offload *offload,
	const char *host, uint16_t port,
	void (*done)(struct resolve *, const struct address *list, size_t n, const char *why))
{
	*resolve = (struct resolve){.done = done};
	size_t len = strlen(host);
	if (len == 0 || len >= NI_MAXHOST)
		return -EINVAL;
	struct resolve_job *job = calloc(1, sizeof *job);
	if (!job)
		return -ENOMEM;
	job->offload.run = resolve_run;
	job->offload.done = resolve_done;
	job->owner = resolve;
	job->port = port;
	memcpy(job->host, host, len + 1);
	resolve->job = job;
	offload_submit(offload, loop, &job->offload);
	return 0;
}

void resolve_cancel(struct resolve *resolve)
{
	if (!resolve->job)
		return;
	resolve->job->owner = NULL;
	offload_cancel(&resolve->job->offload);
	resolve->job = NULL;
}

void resolve_interleave(struct address *list, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		size_t other = i;
		while (other < n && list[other].family == list[i - 1].family)
			other++;
		if (other == n)
			return; /* the rest is of one family */
		struct address next = list[other];
		memmove(&list[i + 1], &list[i], (other - i) * sizeof *list);
		list[i] = next;
	}
}
