# SPDX-License-Identifier: MIT
"""docs/operations.md has a row for each cause of an error page, by the word that is in the access log, and for no
other."""

import re

import sources

CAUSE = re.compile(r'X\(\w+, \d+, "([a-z-]+)"')
ROW = re.compile(r"^\| `([a-z-]+)` \| [^|]+ \| [^|]+ \|$", re.M)


def main():
    header = (sources.root() / "server/http/error_page.h").read_text()
    causes = set(CAUSE.findall(header)) | {"malformed"}
    rows = ROW.findall((sources.root() / "docs/operations.md").read_text())
    complaints = ["docs/operations.md has no row for `%s`" % c for c in sorted(causes - set(rows))]
    complaints += ["docs/operations.md has a row for `%s`, which no error page has" % r
                   for r in sorted(set(rows) - causes)]
    complaints += ["docs/operations.md has two rows for `%s`" % r
                   for r in sorted({r for r in rows if rows.count(r) > 1})]
    if len(causes) < 20:
        complaints.append("server/http/error_page.h writes its causes otherwise now")
    sources.finish(complaints)


main()
