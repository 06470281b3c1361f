# SPDX-License-Identifier: MIT
"""The table of docs/compatibility.md is one that scripts/compatibility can print: each application,
with the pinned versions and what is checked today. Whether it is true takes minutes:
scripts/compatibility --check."""

import re
import sys

import sources

sys.path.insert(0, str(sources.root() / "tests" / "compatibility"))

import installed
import run

DOCUMENT = "docs/compatibility.md"
RESULT = re.compile("(?:http: W; https: W|W|—)".replace("W", "(?:%s)" % "|".join(
    map(re.escape, (run.YES, run.OPTION, run.NO)))))


def judge(kind, cells):
    """What is wrong with a row."""
    title = installed.filled(kind.title, "<{}>".format)
    form = re.sub(r"<[^>]+>", r"\\d+\\.\\d+", re.escape(title))
    if not re.fullmatch(form, cells[0]):
        yield f"names {cells[0]}, where {title} runs"
    if cells[1] != kind.checks:
        yield f"says that this is checked: {cells[1]}; it is: {kind.checks}"
    results = cells[2:-1]
    for result in results:
        if not RESULT.fullmatch(result):
            yield f"has the result {result}"
    if any(run.OPTION in result for result in results) and run.own(kind) not in cells[-1]:
        yield f"does not name its option: {run.own(kind)}"
    if kind.needs and kind.needs not in cells[-1]:
        yield f"does not say what it needs: {kind.needs}"


def main():
    # Of the document's tables it is the one with this head.
    lines = sources.text(DOCUMENT).splitlines()
    head = run.head()
    if head[0] not in lines:
        sources.finish([f"{DOCUMENT} has no table that begins with {head[0]}"])
    table = []
    for line in lines[lines.index(head[0]):]:
        if not line.startswith("|"):
            break
        table.append(line)
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[2:]]
    complaints = []
    if table[1] != head[1] or len(rows) != len(run.APPLICATIONS):
        complaints.append(f"{DOCUMENT}: the table has {len(rows)} rows, where "
                          f"{len(run.APPLICATIONS)} applications run")
    for kind, cells in zip(run.APPLICATIONS, rows, strict=False):
        if len(cells) != 3 + len(run.COLUMNS):
            complaints.append(f"{DOCUMENT}: {cells[0]}: {len(cells)} columns")
            continue
        complaints += [f"{DOCUMENT}: the row of {cells[0]} {wrong}" for wrong in judge(kind, cells)]
    sources.finish(complaints)


main()
