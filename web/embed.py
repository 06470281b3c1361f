#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The pages as one C file: embed.py OUTPUT FILE...

Each file of this folder becomes a row of panel_files (common/panel/panel_site.h): what it is served
as, a tag of its contents, its bytes, and the same gzip'd. All of them must be named, so that none is
forgotten, and together they must stay small: a phone loads them over a tunnel.
"""

import gzip
import hashlib
import pathlib
import sys

LIMIT = 100 << 10  # bytes of all files, gzip'd

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
OURS = {"embed.py", "meson.build"}


def array(data):
    """The bytes as an initializer."""
    return "{" + ",".join(map(str, data)) + "}"


def main():
    folder = pathlib.Path(__file__).parent
    files = {pathlib.Path(name).resolve().relative_to(folder.resolve()).as_posix(): pathlib.Path(name)
             for name in sys.argv[2:]}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
             and "__pycache__" not in path.parts} - OURS
    if missing := there - files.keys():
        sys.exit(f"web/meson.build does not name {', '.join(sorted(missing))}")
    out, rows, total = ['#include "panel/panel_site.h"'], [], 0
    for i, (name, path) in enumerate(sorted(files.items())):
        data = path.read_bytes()
        packed = gzip.compress(data, 9, mtime=0)
        total += len(packed)
        out += [f"static const uint8_t plain_{i}[] = {array(data)};",
                f"static const uint8_t packed_{i}[] = {array(packed)};"]
        tag = hashlib.sha256(data).hexdigest()[:32]
        rows.append(f'{{"/{name}", "{TYPES[path.suffix]}", "W/\\"{tag}\\"", '
                    f"{{(const char *)plain_{i}, sizeof(plain_{i})}}, "
                    f"{{(const char *)packed_{i}, sizeof(packed_{i})}}}},")
    if total > LIMIT:
        sys.exit(f"the pages have {total} bytes when they are gzip'd: at most {LIMIT}")
    out += ["const struct panel_file panel_files[] = {", *rows, "};",
            f"const size_t panel_files_n = {len(rows)};"]
    pathlib.Path(sys.argv[1]).write_text("\n".join(out) + "\n", encoding="utf-8")


main()
