# SPDX-License-Identifier: MIT
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
    "metrics": ["base"],
    "wire": ["base"],
    "h2": ["wire"],
    "crypto": ["base"],
    "config": ["base"],
    "loop": ["base"],
    "rules": ["wire", "crypto", "config"],
    "policy": ["wire", "crypto", "config"],
    "store": ["policy"],
    "mux": ["wire", "crypto", "config"],
    "tls": ["wire", "crypto", "config"],
    "link": ["mux"],
    "net": ["link", "tls", "loop"],
    "panel": ["net"],
    "api": ["panel", "policy"],
    "server/store": ["panel", "store"],
    "server/base": ["server/store", "rules"],
    "server/acme": ["server/base"],
    "server/trace": ["server/base"],
    "server/link": ["server/base"],
    "server/route": ["server/link"],
    # The fronts do not know each other.
    "server/http": ["server/route", "server/trace", "h2"],
    "server/tcp": ["server/route"],
    "server/udp": ["server/route"],
    # Private services are no front, and no front knows them.
    "server/private": ["server/route"],
    "server/accept": ["server/http", "server/tcp", "server/udp", "server/acme"],
    "server/control": ["server/accept", "server/private"],
    "server/metrics": ["server/control", "metrics"],
    "server/admin": ["server/metrics", "api"],
    "server": ["server/admin"],
    "client/config": ["panel", "policy", "rules"],
    "client/keys": ["client/config"],
    "client/files": ["client/config"],
    "client/publish": ["client/files", "client/keys"],
    "client/inspector": ["client/config"],
    "client/upstream": ["client/publish", "client/inspector"],
    "client/local": ["client/keys"],
    "client/session": ["client/upstream", "client/local"],
    "client/admin": ["client/session", "api", "metrics"],
    "client": ["client/admin"],
    "cli": ["server", "client"],
}
# These may use every room.
EVERYWHERE = {"tests", "fuzz", "bench"}

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
