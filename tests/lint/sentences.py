# SPDX-License-Identifier: MIT
"""docs/operations.md has a row for each warning and error of the log, and no row for what nothing says."""

import re

import sources

CALL = re.compile(r'\blog_(?:warn|error)(?:_of\([^,"]+,|\()\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
PLACE = re.compile(r"%[-.*0-9]*(?:ll|l|z)?[a-zA-Z]")
SHORT = 12
ROW = re.compile(r'^\| "([^|]+)" \| [^|]+ \| [^|]+ \|$', re.M)


def sentences():
    """(where, text with a mark for each value) of those that are more than values."""
    for path in sources.files(".c"):
        if path.parts[0] not in ("server", "client", "common"):
            continue
        for call in CALL.finditer(sources.text(path)):
            text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', call[1])).replace('\\"', '"')
            text = PLACE.sub("\x00", text)
            if re.search("[a-z]{3}", text):
                yield path, text


def pattern(row):
    """What stands between two marks is in the sentence, in this order; where that is little, it is all of the sentence."""
    parts = [re.escape(part.strip()) for part in row.split("…")]
    if len("".join(parts)) <= SHORT:
        return re.compile("^%s$" % " *\x00+ *".join(parts), re.S)
    return re.compile(".*".join(parts), re.S)


def main():
    rows = ROW.findall((sources.root() / "docs/operations.md").read_text())
    said = list(sentences())
    patterns = {row: pattern(row) for row in rows}
    complaints = ['%s: docs/operations.md has no row for "%s"' % (path, text.replace("\x00", "…"))
                  for path, text in said if not any(p.search(text) for p in patterns.values())]
    complaints += ['docs/operations.md has a row for "%s", which nothing says' % row
                   for row in rows if not any(patterns[row].search(text) for _, text in said)]
    if len(said) < 80:
        complaints.append("the log's sentences are written otherwise now")
    sources.finish(complaints)


main()
