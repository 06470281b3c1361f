# SPDX-License-Identifier: MIT
"""End-to-end tests wait for conditions. time.sleep() is for their harness alone, which has quiet_for() for what must
not happen, wait_until() for what must, and peers that are slow on purpose.
"""

import ast

import sources

HERE = "tests/e2e/"
HARNESS = HERE + "harness/"


def sleeps(node):
    if isinstance(node, ast.ImportFrom):
        return node.module == "time" and any(name.name == "sleep" for name in node.names)
    return isinstance(node, ast.Attribute) and node.attr == "sleep" and ast.unparse(node.value) == "time"


def main():
    sources.finish([
        f"{path}:{node.lineno}: wait for a condition instead of sleeping (harness/wait.py)"
        for path in sources.files(".py")
        if path.as_posix().startswith(HERE) and not path.as_posix().startswith(HARNESS)
        for node in ast.walk(ast.parse(sources.text(path))) if sleeps(node)])


main()
