# SPDX-License-Identifier: MIT
"""docs/openapi.yaml has every request of the tables in server/admin, and docs/openapi-client.yaml those of
client/admin, both those of common/api, with its parameters, and no other."""

import pathlib
import re

import sources
import yaml

DOCUMENTS = {"server": pathlib.Path("docs/openapi.yaml"), "client": pathlib.Path("docs/openapi-client.yaml")}
ROWS = re.compile(r"\{API_(GET|POST|PUT|PATCH|DELETE),\s*\"([^\"]+)\",(.*?)\}", re.S)
QUERY = re.compile(r"\.query = (\w+)")
NAMES = r"%s\[\] = \{(.*?)\}"
LISTS = re.compile(r"#define (\w+_QUERY) (.*)")  # names that several tables have


def tables(side):
    """{(method, path): names of the query's parameters} of the sources."""
    found = {}
    folders = sources.root() / side / "admin", sources.root() / "common/api"
    lists = [found for p in (sources.root() / "common/api").glob("*.h") for found in LISTS.findall(p.read_text())]
    for path in (p for folder in folders for p in folder.glob("*.c")):
        text = path.read_text()
        for name, names in lists:
            text = text.replace(name, names)
        for method, at, rest in ROWS.findall(text):
            query = QUERY.search(rest)
            names = re.search(NAMES % query[1], text, re.S)[1] if query else ""
            found[method.lower(), at] = set(re.findall(r'"(\w+)"', names))
    return found


def documented(path):
    document = yaml.safe_load((sources.root() / path).read_text())

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


def compare(side, document):
    have, said = tables(side), documented(document)
    complaints = [f"{document} does not have {m.upper()} {p}" for m, p in sorted(have.keys() - said.keys())]
    complaints += [f"{document} has {m.upper()} {p}, which no table has"
                   for m, p in sorted(said.keys() - have.keys())]
    complaints += [f"{document}: {m.upper()} {p}: parameters are {', '.join(sorted(said[m, p])) or 'none'}, "
                   f"in the table {', '.join(sorted(have[m, p])) or 'none'}"
                   for m, p in sorted(have.keys() & said.keys()) if have[m, p] != said[m, p]]
    return complaints


def main():
    sources.finish([line for side, document in DOCUMENTS.items() for line in compare(side, document)])


main()
