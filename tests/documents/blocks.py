# SPDX-License-Identifier: MIT
"""The commands of the documents, and the mark above each block that says what becomes of them.

A block is indented by four blanks, or fenced. The mark is a comment, which no reader sees:

    <!-- run: exit-node -->              typed on that machine, line by line; each has to succeed
    <!-- run: exit-node client -->       on both
    <!-- run: client; stays: TEXT -->    the last command stays in the foreground until the next block
                                         is typed there; it is ready when it has said TEXT
    <!-- output -->                      each line is in what the block above printed; … is anything
    <!-- shown: REASON -->               not run
"""

import dataclasses
import pathlib
import re

MACHINES = ("exit-node", "client", "visitor")
DOCUMENTS = ("README.md", "docs/getting-started.md")

MARK = re.compile(r"<!-- (run|output|shown)(?:: ([^;]*?))?(?:; stays: (.*?))? -->$")
HEADING = re.compile(r"#+ (.*)$")


@dataclasses.dataclass
class Block:
    """Some lines of a document that are no prose."""
    document: str
    line: int
    section: str
    kind: str  # "run", "output", "shown"; "" when there is no mark
    argument: str
    stays: str
    lines: list

    @property
    def place(self):
        return "%s:%d" % (self.document, self.line)

    @property
    def machines(self):
        return self.argument.split() if self.kind == "run" else []


def _block(document, number, section, mark, lines):
    kind, argument, stays = mark.groups() if mark else ("", "", None)
    while lines and not lines[-1].strip():
        lines.pop()
    return Block(document, number, section, kind, argument or "", stays or "", lines)


def parse(document, text):
    """All blocks, in order; a complaint for each mark that stands above none."""
    blocks, complaints = [], []
    section, mark, mark_line, open_line, lines = "", None, 0, 0, []
    fenced, blank = False, True

    def close():
        nonlocal mark, open_line, lines
        if open_line:
            blocks.append(_block(document, open_line, section, mark, lines))
            mark, open_line, lines = None, 0, []

    for number, line in enumerate(text.splitlines() + ["", "end"], 1):
        if line.startswith("```") or fenced:
            if not fenced:
                close()
                fenced, open_line = True, number
            elif line.startswith("```"):
                close()
                fenced = False
            else:
                lines.append(line)
        elif line.startswith("    ") and (blank or open_line):
            open_line = open_line or number
            lines.append(line[4:])
        elif open_line and not line.strip():
            lines.append("")
        else:
            close()
            if mark and line.strip():
                complaints.append("%s:%d: the mark stands above no block" % (document, mark_line))
                mark = None
            if HEADING.match(line):
                section = HEADING.match(line).group(1)
            if line.startswith("<!-- ") and MARK.match(line):
                mark, mark_line = MARK.match(line), number
        blank = not line.strip() or line.startswith("<!-- ")
    return blocks, complaints


def commands(block):
    """Its lines with those that a backslash continues put together."""
    joined = []
    for line in block.lines:
        if joined and joined[-1].endswith("\\"):
            joined[-1] = joined[-1][:-1] + line.lstrip()
        else:
            joined.append(line)
    return joined


def packages(blocks):
    """What they install, for a machine that has to have fetched it before."""
    for block in blocks:
        for command in commands(block) if block.kind == "run" else ():
            words = command.split("#")[0].split()
            if "apt-get" in words and "install" in words:
                yield from (w for w in words[words.index("install") + 1:] if w[0] != "-")


def main():
    """Prints the packages that the documents install, one a line."""
    top = pathlib.Path(__file__).resolve().parents[2]
    found = set()
    for document in DOCUMENTS:
        found |= set(packages(parse(document, (top / document).read_text(encoding="utf-8"))[0]))
    print("\n".join(sorted(found)))


if __name__ == "__main__":
    main()
