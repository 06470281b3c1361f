# SPDX-License-Identifier: MIT
"""Shell scripts, known by their first line, pass shellcheck."""

import re
import shutil
import subprocess
import sys

import sources

SHEBANG = re.compile(rb"#! */(usr/)?bin/(env +)?(ba|da)?sh\b")


def main():
    scripts = [
        str(path)
        for path in sources.files()
        if SHEBANG.match((sources.root() / path).read_bytes()[:64])
    ]
    if not scripts:
        sources.skip("there are no scripts yet")
    tool = shutil.which("shellcheck")
    if not tool:
        sources.skip("shellcheck is not installed")
    sys.exit(subprocess.run([tool, *scripts], cwd=sources.root(), check=False).returncode)


main()
