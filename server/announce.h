/* SPDX-License-Identifier: MIT */
#pragma once
/* What a server says once it is ready: how somebody publishes a service here. */
#include "server/base/advertise.h"
#include "server/base/options.h"
#include "server/store/state_dir.h"

struct announce {
	const struct server_options *opts;
	const struct state_dir *files;
	const char *address; /* "host:port" for clients */
	enum advertise_how how;
	bool tls;
	const char *pin; /* of a certificate that nothing else vouches for; NULL: none is needed */
};

/*
 * The client's command, alone on its line, to be pasted on another machine as it stands: with the token,
 * where it was made here and a person reads along; else with a file, and how the token gets into it.
 */
void announce(const struct announce *a);
