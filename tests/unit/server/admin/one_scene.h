/* SPDX-License-Identifier: MIT */
#pragma once
/* A scene for each test, which cmocka opens before it and closes behind it: `s`. */
#include "tests/unit/server/admin/scene.h"

static struct scene scene;
static struct scene *const s = &scene;

static inline int scene_begin(void **state)
{
	scene_open(s);
	return 0;
}

static inline int scene_end(void **state)
{
	scene_close(s);
	return 0;
}
