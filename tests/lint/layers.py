"""Includes point down: the rooms' order and the library table of docs/architecture.md.

A file may include its own room and those below it, always by "room/file.h"; a library's header only
where the table allows. Tests and fuzz targets may include every room.
"""

import re

import sources

# A room and the rooms that it may include besides itself.
BASE = {"base"}
SIBLINGS = {"wire", "crypto", "config"}
MUX = BASE | SIBLINGS | {"mux"}
NET = MUX | {"tls", "loop", "link", "net"}
MAY_INCLUDE = {
    "base": set(),
    "wire": BASE,
    "crypto": BASE,
    "config": BASE,
    "mux": BASE | SIBLINGS,
    "link": MUX,
    "tls": BASE | SIBLINGS | {"tls"},
    "loop": BASE | SIBLINGS | {"net"},  # loop.c, of connections
    "net": MUX | {"tls", "loop", "link"},
    "panel": NET,
    "server": NET | {"panel"},
    "client": NET | {"panel"},
    "cli": NET | {"panel", "server", "client"},
}
EVERYWHERE = {"tests", "fuzz", "bench"}

# A library's headers and the only places, as prefixes of paths, that speak to it.
LIBRARIES = {
    r"event2/|event\.h": ["common/loop/"],
    r"openssl/": ["common/tls/", "common/crypto/", "tests/unit/"],
    r"sodium(\.h|/)": ["common/crypto/"],
    r"libwebsockets": ["common/panel/", "tests/"],
    r"jansson\.h": ["common/wire/control.c", "common/panel/"],
    r"yaml\.h": ["common/config/"],
    r"cmocka\.h": ["tests/", "fuzz/"],
}

# What comes with the C library and the kernel.
SYSTEM = re.compile(
    r"(sys|linux|net|netinet|arpa|asm)/[\w./-]+\.h$|"
    r"(assert|ctype|dirent|endian|errno|fcntl|fnmatch|getopt|grp|ifaddrs|immintrin|inttypes|"
    r"limits|locale|malloc|math|netdb|poll|pthread|pwd|regex|resolv|sched|semaphore|setjmp|signal|"
    r"spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|strings|syslog|"
    r"termios|threads|time|unistd|x86intrin)\.h$"
)

# Made by meson; they stand in no folder of the checkout.
GENERATED = {"version.h", "cli/libraries.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room_of(path):
    return path.parts[1] if path.parts[0] == "common" else path.parts[0]


def judge_own(path, name):
    """A quoted include: None, or what is wrong with it."""
    if name in GENERATED:
        return None
    top = sources.root()
    if "/" not in name:
        # A test's helper stands beside it and is nobody else's.
        if room_of(path) in EVERYWHERE and (top / path.parent / name).exists():
            return None
        return f'"{name}" is bare: write the room before it'
    if not (top / "common" / name).exists() and not (top / name).exists():
        return f'"{name}" is no header of ours'
    room, other = room_of(path), name.split("/")[0]
    if room in EVERYWHERE or other == room:
        return None
    if room not in MAY_INCLUDE:
        return f"the room {room} is not in the order; add it to tests/lint/layers.py"
    if other not in MAY_INCLUDE[room]:
        return f'"{name}": {room} must not include {other}'
    return None


def judge_library(path, name):
    """An include in angle brackets: None, or what is wrong with it."""
    for pattern, places in LIBRARIES.items():
        if re.match(pattern, name):
            if any(path.as_posix().startswith(place) for place in places):
                return None
            return f"<{name}> belongs to {', '.join(places)}"
    if SYSTEM.match(name):
        return None
    return f"<{name}> is of no library in the table"


def main():
    complaints = []
    for path in sources.files(".c", ".h"):
        for number, line in enumerate(sources.text(path).splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            judge = judge_own if match[1] == '"' else judge_library
            wrong = judge(path, match[2])
            if wrong:
                complaints.append(f"{path}:{number}: {wrong}")
    sources.finish(complaints)


main()
