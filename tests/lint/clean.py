# SPDX-License-Identifier: MIT
"""White space that nobody sees and every diff shows; and text that is not UTF-8."""

import sources

# Where indentation is by spaces alone (.editorconfig).
SPACES = {".build", ".yml", ".yaml", ".json"}

# C's tabs are clang-format's business, Python's are Python's.
TEXT = SPACES | {".c", ".h", ".py", ".md", ".scd", ".service", ".sh", ".txt", ".toml"}
TEXT |= {".html", ".css", ".js", ""}

# Bytes on purpose: what fuzz targets and tests are fed with.
DATA = {"corpus", "data"}


def check(path, line):
    """What is wrong with a line, without its end."""
    if line.endswith("\r"):
        return "ends in a carriage return"
    if line != line.rstrip():
        return "has white space at its end"
    if path.suffix in SPACES and "\t" in line:
        return "has a tab in it"
    return None


def main():
    complaints = []
    for path in sources.files(*TEXT):
        if DATA & set(path.parts):
            continue
        data = (sources.root() / path).read_bytes()
        try:
            content = data.decode("utf-8")
        except UnicodeDecodeError:
            # Test data has no suffix either; what looks like text must be text.
            if path.suffix:
                complaints.append(f"{path}: is not UTF-8")
            continue
        if "\0" in content:
            continue
        if content and not content.endswith("\n"):
            complaints.append(f"{path}: the last line has no end")
        for number, line in enumerate(content.split("\n"), 1):
            wrong = check(path, line)
            if wrong:
                complaints.append(f"{path}:{number}: {wrong}")
    sources.finish(complaints)


main()
