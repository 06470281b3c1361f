# SPDX-License-Identifier: MIT
"""What the documents for engineers name exists: files, structs, functions, constants, and the numbered
rules that the sources cite. And page 1 of the architecture stays one page, its glossary short."""

import pathlib
import re

import sources

DOCUMENTS = ["docs/architecture.md", "docs/decisions.md", "docs/protocol.md", "docs/security.md",
             "CONTRIBUTING.md"]
FOLDERS = ("base", "wire", "crypto", "config", "loop", "mux", "tls", "link", "net", "common", "cli",
           "server", "client", "tests", "docs", "bench", "fuzz", "scripts", "systemd")
SUFFIXES = ("", ".c", ".h", ".md", ".py", ".yaml")

PAGE = re.compile(r"^(.*)^\*End of page 1", re.S | re.M)
PAGE_WORDS = 600  # five minutes
GLOSSARY = re.compile(r"^## Glossary\n(.*?)^## ", re.S | re.M)
GLOSSARY_WORDS = 10

CODE = re.compile(r"`([^`\n]+)`")
WORD = re.compile(r"[A-Za-z_]\w*")
CALL = re.compile(r"(\w+)\(")
PATH = re.compile(r"(?:[\w.-]+/)+[\w.*-]*|\w+\.[ch]\b")
STRUCT = re.compile(r"struct (\w+)")
FUNCTION = re.compile(r"(\w+)\(\)")
CONSTANT = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+")
FIELD = re.compile(r"(\w+)::(\w+)")

CITED = re.compile(r"\brules? (\d+)((?:(?:, | and | to | or )\d+)*)")
RULE = re.compile(r"^#+ Rule (\d+)$", re.M)

# Names of others: libraries, the kernel, the environment.
OTHERS = {"x", "Split", "Rekey", "ENCRYPT", "TCP_NOTSENT_LOWAT", "RESOLVE_BENEATH", "RLIMIT_MEMLOCK", "PP2_TYPE_ALPN",
          "SO_RXQ_OVFL", "SO_RCVBUF", "SO_SNDBUF", "SO_REUSEPORT", "CREDENTIALS_DIRECTORY", "JOURNAL_STREAM",
          "TUNNEL_TOKEN", "TUNNEL_BIN", "TUNNEL_REMOTE", "getaddrinfo", "connect", "sendmsg"}


def known():
    """For each kind of thing, what the sources have of it; the documents are not among them."""
    texts = [sources.text(path) for path in sources.files(".c", ".h", ".py", ".build")]
    words = {word for text in texts for word in WORD.findall(text)}
    return {"struct": {name for text in texts for name in STRUCT.findall(text)},
            "function": {name for text in texts for name in CALL.findall(text)},
            "constant": words, "field": words}


def exists(name, files):
    """A path from the top, from a folder of common/, or a file's bare name; with or without its ending."""
    name = name.rstrip("/*").lstrip("./")
    return any(path == name + suffix or path.endswith("/" + name + suffix) or ("/" + path).find("/" + name + "/") >= 0
               for path in files for suffix in SUFFIXES)


def named(code):
    """Pairs of what kind of thing a piece of code names, and the name."""
    for path in PATH.findall(code):
        if path.split("/")[0] in FOLDERS and not path.endswith("…"):
            yield "file", path
    for kind, pattern in (("struct", STRUCT), ("function", FUNCTION), ("constant", CONSTANT)):
        for name in pattern.findall(code):
            yield kind, name
    for owner, field in FIELD.findall(code):
        yield "field", owner
        yield "field", field


def check(document, files, there_is):
    literal = False
    for number, line in enumerate(sources.text(document).splitlines(), 1):
        if line.startswith("```"):
            literal = not literal
        if literal:
            continue
        for code in CODE.findall(line):
            for kind, name in named(code):
                found = exists(name, files) if kind == "file" else name in there_is[kind] | OTHERS
                if not found:
                    yield "%s:%d: there is no %s %s" % (document, number, kind, name)


def rules():
    there = set(RULE.findall(sources.text("docs/protocol.md")))
    if len(there) < 10:
        yield "docs/protocol.md: its rules are no headings"
    for path in list(sources.files(".c", ".h", ".py")) + [pathlib.Path("docs/security.md")]:
        for number, line in enumerate(sources.text(path).splitlines(), 1):
            for first, more in CITED.findall(line):
                for cited in [first] + re.findall(r"\d+", more):
                    if cited not in there:
                        yield "%s:%d: docs/protocol.md has no rule %s" % (path, number, cited)


def first_page():
    text = sources.text("docs/architecture.md")
    words = len(PAGE.match(text).group(1).split())
    if words > PAGE_WORDS:
        yield "docs/architecture.md: page 1 has %d words, above %d" % (words, PAGE_WORDS)
    page = PAGE.match(text).group(1)
    for side in "server", "client", "common":
        for folder in (sources.root() / side).iterdir():
            if folder.is_dir() and not re.search(r"^ +.*\b%s/ " % folder.name, page, re.M):
                yield "docs/architecture.md: the tree of page 1 lacks %s/%s" % (side, folder.name)
    rows = [row for row in GLOSSARY.search(text).group(1).splitlines() if row.startswith("|")][2:]
    glossed = sum(len(row.split("|")[1].split(",")) for row in rows)
    if glossed > GLOSSARY_WORDS:
        yield "docs/architecture.md: the glossary has %d words, above %d" % (glossed, GLOSSARY_WORDS)


def main():
    files = [str(path) for path in sources.files()]
    there_is = known()
    complaints = list(rules()) + list(first_page())
    for document in DOCUMENTS:
        complaints += check(document, files, there_is)
    sources.finish(complaints)


main()
