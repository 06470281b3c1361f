# SPDX-License-Identifier: MIT
"""docs/openapi.yaml has every request of the tables in server/admin, with its parameters, and no other."""

import pathlib
import re

import sources
import yaml

DOCUMENT = pathlib.Path("docs/openapi.yaml")
ROWS = re.compile(r"\{API_(GET|POST|PUT|PATCH|DELETE),\s*\"([^\"]+)\",(.*?)\}", re.S)
QUERY = re.compile(r"\.query = (\w+)")
NAMES = r"%s\[\] = \{(.*?)\}"
PAGE = '"limit", "after"'  # API_PAGE_QUERY


def tables():
    """{(method, path): names of the query's parameters} of the sources."""
    found = {}
    for path in (sources.root() / "server" / "admin").glob("*.c"):
        text = path.read_text().replace("API_PAGE_QUERY", PAGE)
        for method, at, rest in ROWS.findall(text):
            query = QUERY.search(rest)
            names = re.search(NAMES % query[1], text, re.S)[1] if query else ""
            found[method.lower(), at] = set(re.findall(r'"(\w+)"', names))
    return found


def documented():
    document = yaml.safe_load((sources.root() / DOCUMENT).read_text())

    def resolve(thing):
        while "$ref" in thing:
            part = document
            for name in thing["$ref"].removeprefix("#/").split("/"):
                part = part[name]
            thing = part
        return thing

    found = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method == "parameters":
                continue
            given = map(resolve, item.get("parameters", []) + operation.get("parameters", []))
            found[method, path] = {p["name"] for p in given if p["in"] == "query"}
    return found


def main():
    have, said = tables(), documented()
    complaints = [f"{DOCUMENT} does not have {m.upper()} {p}" for m, p in sorted(have.keys() - said.keys())]
    complaints += [f"{DOCUMENT} has {m.upper()} {p}, which no table has"
                   for m, p in sorted(said.keys() - have.keys())]
    complaints += [f"{DOCUMENT}: {m.upper()} {p}: parameters are {', '.join(sorted(said[m, p])) or 'none'}, "
                   f"in the table {', '.join(sorted(have[m, p])) or 'none'}"
                   for m, p in sorted(have.keys() & said.keys()) if have[m, p] != said[m, p]]
    sources.finish(complaints)


main()
