/* SPDX-License-Identifier: MIT */
#include "client/local/reset_reason.h"

#include <stddef.h>

const char *reset_explain(enum frame_reset reason, bool sealed)
{
	switch (reason) {
	case FRAME_RESET_DENIED:
		return sealed ? "the exit node does not allow it now, or its provider does not "
				"take this client's key (see tunnel key show)"
			      : "the exit node does not allow it now";
	case FRAME_RESET_UNKNOWN_SERVICE:
		return "the exit node does not know what it is for";
	case FRAME_RESET_UNREACHABLE:
		return "no client that provides it is connected, or none reaches its server";
	case FRAME_RESET_REFUSED:
		return "its server refused the connection";
	case FRAME_RESET_DIAL_TIMEOUT:
		return "its server did not answer";
	case FRAME_RESET_DNS:
		return "its server's name does not resolve";
	case FRAME_RESET_BUSY:
		return "there are too many";
	case FRAME_RESET_NO_MEMORY:
		return "memory is out";
	case FRAME_RESET_NONE:
	case FRAME_RESET_LINK_LOST: /* said of the link */
	case FRAME_RESET_ABORTED:
	case FRAME_RESET_PROTOCOL:
	case FRAME_RESET_TIMEOUT:
	case FRAME_RESET_CANCELLED:
	case FRAME_RESET_TLS:
	case FRAME_RESET_SURPLUS:
		break;
	}
	return NULL;
}
