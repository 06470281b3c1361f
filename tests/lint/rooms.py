"""The order of the rooms. A room is a folder of common/, server/, client/ or cli/, named as an
include names it: "net", "server/http". What lies directly in server/ or client/ is the top room of
its side.
"""

import pathlib
import re

import sources

# A room and those right below it; it may use these, and whatever these may use.
BELOW = {
    "base": [],
    "wire": ["base"],
    "crypto": ["base"],
    "config": ["base"],
    "loop": ["base"],
    "mux": ["wire", "crypto", "config"],
    "tls": ["wire", "crypto", "config"],
    "link": ["mux"],
    "net": ["link", "tls", "loop"],
    "panel": ["net"],
    "server/store": ["panel"],
    "server/base": ["server/store"],
    "server/link": ["server/base"],
    "server/route": ["server/link"],
    # The fronts do not know each other.
    "server/http": ["server/route"],
    "server/tcp": ["server/route"],
    "server/udp": ["server/route"],
    "server/accept": ["server/http", "server/tcp", "server/udp"],
    "server/control": ["server/accept"],
    "server": ["server/control"],
    "client/config": ["panel"],
    "client/files": ["client/config"],
    "client/publish": ["client/files"],
    "client/upstream": ["client/publish"],
    "client/session": ["client/upstream"],
    "client": ["client/session"],
    "cli": ["server", "client"],
}
# These may use every room.
EVERYWHERE = {"tests", "fuzz", "bench"}

# Arrows between units that point up all the same, or close a circle, a line each.
KNOWN = "tests/lint/arrows.txt"
ARROW = re.compile(r"(\S+) -> (\S+): (\S.*)")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def below(room):
    """All rooms that this one may use besides itself."""
    found = set()
    for other in BELOW[room]:
        found |= {other} | below(other)
    return found


def room_of(path):
    """The room of a file: its folder; or the first folder alone, where every room may be used."""
    parts = path.parts[:1] if path.parts[0] in EVERYWHERE else path.parts[:-1]
    return "/".join(parts[1:] if parts[0] == "common" else parts)


def may_use(room, other):
    return room in EVERYWHERE or room == other or other in below(room)


def unit(path):
    """A source and its header are one unit, named by the path that they share."""
    return path.with_suffix("").as_posix()


def header(name):
    """The path of the header of ours that an include names, or None."""
    for path in pathlib.Path("common") / name, pathlib.Path(name):
        if (sources.root() / path).exists():
            return path
    return None


def includes(*suffixes):
    """(path, number of the line, '"' or '<', what it names) for each include."""
    for path in sources.files(*suffixes):
        for number, line in enumerate(sources.text(path).splitlines(), 1):
            if match := INCLUDE.match(line):
                yield path, number, match[1], match[2]


def known():
    """The table of known arrows: (unit, unit) -> reason."""
    table = {}
    for line in sources.text(KNOWN).splitlines():
        if line and not line.startswith("#"):
            match = ARROW.fullmatch(line)
            if not match:
                raise SystemExit(f"{KNOWN}: not of the form FROM -> TO: REASON: {line}")
            table[match[1], match[2]] = match[3]
    return table
