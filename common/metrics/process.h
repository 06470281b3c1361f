/* SPDX-License-Identifier: MIT */
#pragma once
/* What every exporter tells of its process, by the names that Prometheus' own libraries use. */
#include "metrics/exposition.h"

/* What /proc does not tell is left out. */
void metrics_process(struct exposition *e);

/* tunnel_build_info of a side, "server" or "client". */
void metrics_build(struct exposition *e, const char *version, const char *side);

/* Lines that the log dropped since the start. */
void metrics_log(struct exposition *e);
