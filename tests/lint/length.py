# SPDX-License-Identifier: MIT
"""Nobody reads a file of more than 500 lines or a function of more than 60: it is split, or the file
is listed here with the reason. And half of the program's sources have fewer than 200 lines.
"""

import statistics

import sources

PROGRAM = {"common", "server", "client", "cli"}
FILE = 500  # lines of a file of the program: what a reader keeps in mind of one subject
OTHER_FILE = 600  # lines of a test, which has tables of cases, or of a script
FUNCTION = 60  # lines of a body, braces included: a screen
MEDIAN = 200  # lines of the program's sources

# path: why it is one file all the same
EXCEPTIONS = {}


def functions(lines):
    """(first line, lines) of each body: clang-format sets its braces alone into the first column."""
    first = 0
    for number, line in enumerate(lines, 1):
        if line == "{":
            first = number
        elif line == "}" and first:
            yield first, number - first + 1
            first = 0


def main():
    complaints = []
    listed = dict(EXCEPTIONS)
    sizes = []
    for path in sources.files(".c", ".h", ".py", ".build"):
        lines = sources.text(path).splitlines()
        in_program = path.parts[0] in PROGRAM
        limit = FILE if in_program else OTHER_FILE
        reason = listed.pop(path.as_posix(), None)
        if len(lines) > limit and not reason:
            complaints.append(f"{path} has {len(lines)} lines, more than {limit}: split it")
        if len(lines) <= limit and reason:
            complaints.append(f"{path} has only {len(lines)} lines: take it off the list")
        if in_program and path.suffix == ".c":
            sizes.append(len(lines))
            complaints += [f"{path}:{first}: a function of {size} lines, more than {FUNCTION}: split it"
                           for first, size in functions(lines) if size > FUNCTION]
    if statistics.median(sizes) >= MEDIAN:
        complaints.append(f"half of the sources have {statistics.median(sizes)} lines or more, "
                          f"not less than {MEDIAN}")
    complaints += [f"{path} is on the list and does not exist" for path in listed]
    sources.finish(complaints)


main()
