/* SPDX-License-Identifier: MIT */
#pragma once
/* Endpoints asked for by commands, as a client asks by `attach`: server/control/endpoint_request.h checks both. */
#include "server/admin/admin.h"

void endpoint_create(struct api_request *rq);
