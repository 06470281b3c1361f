# SPDX-License-Identifier: MIT
"""What the documents say a constant or an option's default is, it is: values.py PROGRAM

In docs/*.md that is `NAME` (4 KiB) and `--name` (10 s), with the value alone or first in the brackets; in a man
page "Default: 64KiB." of the option above it.
"""

import re
import subprocess
import sys

import sources

UNITS = {"": 1, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
         "ms": 1000, "s": 10**6, "min": 60 * 10**6, "h": 3600 * 10**6}
# The program's own, in µs.
CLOCK = {"CLOCK_MS": 1000, "CLOCK_S": 10**6}

DEFINE = re.compile(r"^#define\s+([A-Z]\w+)\s+(.+?)\s*(?:/[*/].*)?$", re.M)
ARITHMETIC = re.compile(r"[\d\s()+*/<-]+")
VALUE = r"(\d[\d,]*(?:\.\d+)?) ?(%s)" % "|".join(unit for unit in UNITS if unit)
SAID = re.compile(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)` (?:\(|= )(?:%s|(\d[\d,]*))(?=[);]|, )" % VALUE)
OPTION = re.compile(r"`--([a-z-]+)` \((?:%s|(\d[\d,]*))(?=[);]|, )" % VALUE)
WHOLE = re.compile(r"(?:%s|(\d+))" % VALUE)
MAN_OPTION = re.compile(r"^\*(?:-\w\*, \*)?--([a-z-]+)\*", re.M)
MAN_DEFAULT = re.compile(r"Default:\s+([^.]+)\.")

LEAST = 150  # of what is compared: else the documents are written otherwise now


def number(match, first):
    """The value of what these patterns find: a number with a unit, or one alone."""
    figures, unit, alone = match.group(first, first + 1, first + 2)
    return round(float((figures or alone).replace(",", "")) * UNITS[unit or ""])


def constants():
    """Each name that is defined once, with an expression of numbers and of other such names."""
    text, value = {}, {}
    for path in sources.files(".c", ".h"):
        for name, body in DEFINE.findall(sources.text(path).replace("\\\n", " ")):
            text.setdefault(name, set()).add(re.sub(r"UINT64_C\((\d+)\)", r"\1", body))

    def of(name):
        if name in CLOCK:
            return CLOCK[name]
        if name not in value:
            value[name] = None  # while it is looked at
            if len(text.get(name, ())) == 1:
                body = re.sub(r"\((?:u?int\d+_t|size_t|unsigned)\)", "", next(iter(text[name])))
                body = re.sub(r"(\d)(?:u|U|UL|ULL)\b", r"\1", body)
                body = re.sub(r"[A-Z]\w+", lambda m: str(of(m.group())), body)
                if ARITHMETIC.fullmatch(body):
                    value[name] = eval(body.replace("/", "//"))  # numbers and + - * / < alone
        return value[name]
    return {name: of(name) for name in text}


def defaults(tunnel, command):
    out = subprocess.run([tunnel, "help", "--table", command], check=True, capture_output=True, text=True).stdout
    found = {}
    for line in out.splitlines():
        name, _, _, _, default = line.split("\t")[:5]
        match = WHOLE.fullmatch(default)
        if match:
            found[name] = number(match, 1)
    return found


def document(path, known, options):
    """Pairs of a complaint, or None, for each value that is said."""
    for count, line in enumerate(sources.text(path).splitlines(), 1):
        for pattern, values, mark in ((SAID, known, ""), (OPTION, options, "--")):
            for match in pattern.finditer(line):
                name, said = match.group(1), number(match, 2)
                if values.get(name) is not None:
                    wrong = said != values[name]
                    yield "%s:%d: %s%s is %d, not %d" % (path, count, mark, name, values[name], said) if wrong else None


def man_page(path, options):
    text = sources.text(path)
    marks = list(MAN_OPTION.finditer(text))
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        block = text[mark.end():following.start() if following else len(text)].split("\n#")[0]
        said = MAN_DEFAULT.search(block)
        match = said and WHOLE.fullmatch(said.group(1))
        if match and mark.group(1) in options:
            wrong = number(match, 1) != options[mark.group(1)]
            yield "%s: the default of --%s is %d, not %s" % (
                path, mark.group(1), options[mark.group(1)], said.group(1)) if wrong else None


def main():
    server, client = defaults(sys.argv[1], "server"), defaults(sys.argv[1], "client")
    known, compared = constants(), []
    for path in sources.files(".md"):
        if path.parts[0] == "docs":
            compared += document(path, known, {**client, **server})
    for command, options in ("server", server), ("client", client):
        compared += man_page("docs/man/tunnel-%s.1.scd" % command, options)
    complaints = [complaint for complaint in compared if complaint]
    if len(compared) < LEAST:
        complaints.append("only %d values were found to compare" % len(compared))
    sources.finish(complaints)


main()
