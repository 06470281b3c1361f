/* SPDX-License-Identifier: MIT */
#pragma once
/* What links tell, passed on to the rooms that it concerns: the registrar, the routes, the HTTP front. */
#include "server/link/server_link.h"

/* For node::link_ops. */
extern const struct server_link_ops link_events;
