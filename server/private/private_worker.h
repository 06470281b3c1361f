/* SPDX-License-Identifier: MIT */
#pragma once
/* The streams of private services on one worker: what all of them have together. */
#include "base/counter.h"
#include "base/list.h"
#include "base/log_limit.h"
#include "crypto/keyed_hash.h"
#include "server/private/attachment.h"

struct service_shard;
struct worker;

struct private_worker {
	struct worker *worker;
	struct hash_key key; /* of session_shard::attachments: clients choose their numbers */
	struct list near;    /* bridge_end::link: ends that consumers opened, */
	struct list far;     /* and those to providers */
	struct counter denied[ATTACHMENT_BARS],
		cut[ATTACHMENT_BARS]; /* streams that might not pass, or
									  may not go on */
	struct log_limit log_full;    /* --max-private-streams is reached, */
	struct log_limit log_crowded; /* or --max-private-streams-per-identity */
};

void private_worker_init(struct private_worker *p, struct worker *w);
/* Its streams end. Before the worker's links. */
void private_worker_deinit(struct private_worker *p);

/* Nothing new is begun: streams that wait for a provider are reset. Those of datagrams do not hold up the end. */
void private_worker_drain(struct private_worker *p);

/* The service is withdrawn because it may not be published: what leads to it is cut, `denied` at both ends. */
void private_worker_cut(struct private_worker *p, const struct service_shard *shard);
