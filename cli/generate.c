/* SPDX-License-Identifier: MIT */
#include "cli/generate.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

struct form {
	int (*print)(FILE *to, const struct deployment *d, struct error *err);
	bool file; /* the configuration file will not be there */
};

static const struct form forms[] = {
	[GENERATE_SYSTEMD] = {generate_systemd, false},
	[GENERATE_COMPOSE] = {generate_compose, true},
	[GENERATE_K8S_YAML] = {generate_k8s, true},
	[GENERATE_CLOUD_INIT] = {generate_cloud_init, true},
};

int generate(const struct launch *l, void *opts, const struct config *c, enum generate form,
	struct error *err)
{
	struct deployment d;
	auto_free char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	if (!to)
		return error_set(err, -ENOMEM, "no memory");
	int r = deployment_init(&d, l, opts, c, forms[form].file, err);
	if (r == 0)
		r = forms[form].print(to, &d, err);
	deployment_deinit(&d);
	if (fclose(to) != 0 && r == 0)
		r = error_set(err, -ENOMEM, "no memory");
	if (r == 0)
		fwrite(text, 1, n, stdout);
	return r;
}
