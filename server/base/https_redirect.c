/* SPDX-License-Identifier: MIT */
#include "server/base/https_redirect.h"

#include <errno.h>

#include "config/value.h"
#include "wire/hostname.h"

int https_redirect_parse(struct str text, bool *redirects_out, uint16_t *port_out)
{
	uint16_t port = 0;
	bool redirects = true;
	if (value_parse_flag(text, &redirects) && !hostname_port(text, &port))
		return -EINVAL;
	*redirects_out = redirects;
	*port_out = port;
	return 0;
}

int https_redirect_check(struct str text, struct error *err)
{
	bool redirects;
	uint16_t port;
	return https_redirect_parse(text, &redirects, &port)
		       ? error_set(err, -EINVAL, "\"%.*s\" is neither a port nor true nor false",
				 STR_ARG(text))
		       : 0;
}
