/* SPDX-License-Identifier: MIT */
#include "client/upstream/dial_failure.h"

void dial_failure_describe(const struct dial *dial, const char *host, const char *what,
	struct error *out)
{
	if (dial->outcome == DIAL_NO_ADDRESS)
		error_set(out, 0, "cannot resolve %.120s: %s", host, dial->reason);
	else if (dial->outcome == DIAL_REFUSED)
		error_set(out, 0, "%s: is %s running, and is this its port?", dial->reason, what);
	else if (dial->outcome == DIAL_TIMED_OUT && dial->address.family != ADDRESS_NONE)
		error_set(out, 0, "%s: a firewall or security group may not let the port through",
			dial->reason);
	else
		error_set(out, 0, "%s", dial->reason);
}
