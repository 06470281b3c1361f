# SPDX-License-Identifier: MIT
"""The man pages and the option tables name the same options.

Called with the program. A page defines an option in a line that begins with a bold one, such as
"*-p*, *--port*=_PORT_"; what it mentions elsewhere, outside literal text, must exist as well.
"""

import re
import subprocess
import sys

import sources

COMMANDS = ["server", "client", "connect"]

# Pages of commands that ask a server, each with its nouns. The options that all of them have are those of status,
# and stand in tunnel(1).
PAGES = {"token": ["token"], "service": ["service"], "endpoint": ["endpoint"], "intention": ["intention"],
         "apply": ["apply"], "status": ["status", "top", "tail", "sessions", "routes", "audit"], "store": ["store"],
         "key": ["key"], "ca": ["ca"], "cert": ["cert"]}
COMMON = "status"
LOCAL = {"key"}  # asks no server: all options are its own

MENTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*)")
DEFINITION = re.compile(r"^\*-")


def run(tunnel, *argv):
    return subprocess.run([tunnel, *argv], check=True, capture_output=True, text=True).stdout


def table(tunnel, *command):
    """{name: its other spellings, itself among them}, and each with its letter."""
    out = run(tunnel, "help", "--table", *command)
    names, letters = {}, {}
    for line in out.splitlines():
        name, letter, aliases = line.split("\t")[:3]
        names[name] = {name} | (set(aliases.split()) if aliases != "-" else set())
        letters[name] = None if letter == "-" else letter
    return names, letters


def prose(page):
    """Numbered lines outside literal blocks."""
    literal = False
    for number, line in enumerate(page.splitlines(), 1):
        if line.strip() == "```":
            literal = not literal
        elif not literal and not line.startswith(";"):
            yield number, line.replace("\\-", "-")


def check(path, names, letters, known, own_alone=True):
    complaints, defined = [], {}
    for number, line in prose(sources.text(path)):
        mentioned = MENTION.findall(line)
        if DEFINITION.match(line):
            for name in mentioned:
                defined[name] = line
        complaints += [
            f"{path}:{number}: there is no option --{name}"
            for name in mentioned
            if name not in known
        ]
    own = set().union(*names.values())
    if own_alone:
        complaints += [f"{path}: defines --{n}, which is not its own" for n in defined if n not in own]
    for name, spellings in names.items():
        if name not in defined:
            complaints.append(f"{path}: --{name} is missing")
        elif letters[name] and f"*-{letters[name]}*" not in defined[name]:
            complaints.append(f"{path}: --{name} lacks its letter -{letters[name]}")
        complaints += [
            f"{path}: --{alias}, another name for --{name}, is missing"
            for alias in sorted(spellings)
            if alias != name and f"--{alias}" not in sources.text(path)
        ]
    return complaints


def verbs(tunnel, noun):
    """The words behind the noun, of each of its commands: one, or none where it stands alone."""
    return [[v] for v in re.findall(r"^  ([a-z]+) {2,}[A-Z]", run(tunnel, "help", noun), re.M)] or [[]]


def check_nouns(tunnel, known):
    """The pages of commands that ask a server, and their common options."""
    common, letters = table(tunnel, COMMON)
    complaints = check("docs/man/tunnel.1.scd", {n: s for n, s in common.items() if n != "help"}, letters, known,
                       own_alone=False)
    for page, nouns in PAGES.items():
        path = "docs/man/tunnel-%s.1.scd" % page
        names, letters = {}, {}
        for noun, verb in [(n, v) for n in nouns for v in verbs(tunnel, n)]:
            own, own_letters = table(tunnel, noun, *verb)
            names.update({n: s for n, s in own.items() if n not in common or noun in LOCAL})
            letters.update(own_letters)
            if " ".join(["tunnel", noun] + verb) not in re.sub("[][*]", "", sources.text(path)):
                complaints.append(f"{path}: the command {' '.join([noun] + verb)} is missing")
        if names:
            complaints += check(path, names, letters, known)
    return complaints


def check_commands(tunnel, path):
    """Each command of the overview stands in the page."""
    overview = run(tunnel, "help")
    commands = re.findall(r"^  ([a-z-]+) {2,}[A-Z]", overview, re.M)
    commands += re.split(r",\s+", re.search(r"^Of a running server: ([^.]*?)\nMore:", overview, re.M)[1])
    assert len(commands) > len(COMMANDS), "the overview is written otherwise now"
    page = sources.text(path)
    return [f"{path}: the command {c} is missing" for c in commands if f"*{c}*" not in page]


def main():
    tunnel = sys.argv[1]
    tables = {command: table(tunnel, command) for command in COMMANDS}
    known = {"version", "strict", "quiet"}  # the last two are check-config's
    for names, _ in tables.values():
        known |= set().union(*names.values())
    for noun in [n for nouns in PAGES.values() for n in nouns]:
        for verb in verbs(tunnel, noun):
            known |= set().union(*table(tunnel, noun, *verb)[0].values())
    complaints, seen = [], 0
    for command, (names, letters) in tables.items():
        path = f"docs/man/tunnel-{command}.1.scd"
        if (sources.root() / path).exists():
            seen += 1
            complaints += check(path, names, letters, known)
    complaints += check_nouns(tunnel, known)
    complaints += check_commands(tunnel, "docs/man/tunnel.1.scd")
    if not seen:
        sources.skip("there are no man pages yet")
    sources.finish(complaints)


main()
