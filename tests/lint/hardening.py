#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Looks at the program for what meson.build defends it with: hardening.py PROGRAM FORTIFY-LEVEL."""

import re
import shutil
import subprocess
import sys


def readelf(*argv):
    return subprocess.run(["readelf", "-W", *argv], check=True, capture_output=True,
                          text=True).stdout


def complaints(program, level):
    header, segments, dynamic = readelf("-h", program), readelf("-l", program), readelf(
        "-d", program)
    symbols = set(re.findall(r"UND (\w+)", readelf("--dyn-syms", program)))
    if not re.search(r"Type:\s+DYN", header):
        yield "it is not position independent"
    if "GNU_RELRO" not in segments or "NOW" not in dynamic:
        yield "its tables of addresses stay writable"
    if re.search(r"GNU_STACK.* RWE", segments):
        yield "its stack is executable"
    if "__stack_chk_fail" not in symbols:
        yield "its functions have no stack protector"
    # Of functions that it uses all over, where sizes are known.
    if level:
        yield from ("no %s: it is not fortified" % s
                    for s in ("__memcpy_chk", "__snprintf_chk", "__vsnprintf_chk")
                    if s not in symbols)


def main():
    program, level = sys.argv[1], int(sys.argv[2])
    if not shutil.which("readelf"):
        return 77  # meson: skipped
    wrong = list(complaints(program, level))
    print("\n".join(wrong))
    return 1 if wrong else 0


sys.exit(main())
