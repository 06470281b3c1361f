# SPDX-License-Identifier: MIT
"""All C is as .clang-format has it; with --fix it is made so (`ninja -C build format`)."""

import shutil
import subprocess
import sys

import sources


def main():
    tool = shutil.which("clang-format")
    if not tool:
        sources.skip("clang-format is not installed")
    mode = ["-i"] if "--fix" in sys.argv else ["--dry-run", "--Werror"]
    names = [str(path) for path in sources.files(".c", ".h")]
    sys.exit(subprocess.run([tool, *mode, *names], cwd=sources.root(), check=False).returncode)


main()
