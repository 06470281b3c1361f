# SPDX-License-Identifier: MIT
"""Each source in C and Python says its license in one line; with --fix it is put there (`ninja -C build format`)."""

import sys

import sources

LICENSE = "SPDX-License-Identifier: MIT"
LINES = {".c": f"/* {LICENSE} */\n", ".h": f"/* {LICENSE} */\n", ".py": f"# {LICENSE}\n"}


def fixed(text, line):
    """The text with the line first, or behind the one that names its interpreter."""
    lines = text.splitlines(keepends=True)
    at = 1 if text.startswith("#!") else 0
    return text if lines[at:at + 1] == [line] else "".join([*lines[:at], line, *lines[at:]])


def main():
    complaints = []
    for path in sources.files(*LINES):
        text = sources.text(path)
        better = fixed(text, LINES[path.suffix])
        if better == text:
            continue
        if "--fix" in sys.argv:
            (sources.root() / path).write_text(better, encoding="utf-8")
        else:
            complaints.append(f"{path}: has no line with its license: ninja -C build format puts it there")
    sources.finish(complaints)


main()
