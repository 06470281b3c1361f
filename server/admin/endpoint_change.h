/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Endpoints decided about by the private service's owner or an operator, and deleted by either side: by the provider's it
 * is Disconnected, which its consumer sees until it deletes it; by the consumer it is gone.
 */
#include "server/admin/admin_change.h"

void endpoint_approve(struct api_request *rq);
void endpoint_reject(struct api_request *rq);
void endpoint_delete(struct api_request *rq);
