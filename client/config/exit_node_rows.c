/* SPDX-License-Identifier: MIT */
#include "client/config/exit_node_rows.h"

#include <errno.h>
#include <string.h>

#include "tls/tls.h"

int exit_node_check_remote(struct str text, struct error *err)
{
	struct url url;
	return url_parse_remote(text, &url, err);
}

int exit_node_check_proxy(struct str text, struct error *err)
{
	struct url url;
	struct url_login login;
	if (str_eq(text, STR("none")))
		return 0;
	int r = url_parse_proxy(text, &url, &login, err);
	explicit_bzero(&login, sizeof(login));
	return r;
}

int exit_node_check_pin(struct str text, struct error *err)
{
	return tls_is_pin(text)
		       ? 0
		       : error_set(err, -EINVAL,
				 "\"%.*s\" is no pin: it is sha256/ and 44 characters of base64, "
				 "as the exit node prints it",
				 STR_ARG(text));
}
