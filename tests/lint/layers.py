# SPDX-License-Identifier: MIT
"""Includes point down: the rooms' order (rooms.py) and the library table of docs/architecture.md.

A file may include its own room and those below it, always by "room/file.h"; a library's header only
where the table allows. Tests and fuzz targets may include every room.
"""

import re

import rooms
import sources

# A library's headers and the only places, as prefixes of paths, that speak to it.
LIBRARIES = {
    r"event2/|event\.h": ["common/loop/"],
    r"openssl/": ["common/tls/", "common/crypto/", "tests/unit/"],
    r"sodium(\.h|/)": ["common/crypto/"],
    r"libwebsockets": ["common/panel/", "tests/"],
    r"jansson\.h": ["common/wire/control.c", "common/panel/", "common/api/", "server/admin/", "server/acme/", "client/admin/", "cli/",
                     "tests/unit/api/", "tests/unit/panel/", "tests/unit/server/admin/", "tests/unit/server/acme/", "tests/unit/client/admin/",
                     "fuzz/fuzz_panel.c"],
    r"yaml\.h": ["common/config/"],
    r"zlib\.h": ["client/admin/body_decode.c", "tests/unit/client/admin/"],
    r"nghttp2/": ["common/h2/", "tests/unit/h2/", "tests/unit/server/http/h2_visitor", "bench/count/h2.c"],
    r"sqlite3\.h": ["common/store/", "tests/unit/store/"],
    r"crypt\.h": ["common/crypto/"],
    r"pcre2\.h": ["common/rules/"],
    r"maxminddb\.h": ["common/rules/"],
    r"cmocka\.h": ["tests/", "fuzz/"],
}

# What comes with the C library and the kernel.
SYSTEM = re.compile(
    r"(sys|linux|net|netinet|arpa|asm)/[\w./-]+\.h$|"
    r"(assert|ctype|dirent|dlfcn|endian|errno|fcntl|fnmatch|getopt|grp|ifaddrs|immintrin|inttypes|"
    r"limits|locale|malloc|math|netdb|poll|pthread|pwd|regex|resolv|sched|semaphore|setjmp|signal|"
    r"spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|strings|syslog|"
    r"termios|threads|time|unistd|x86intrin)\.h$"
)

# Made by meson; they stand in no folder of the checkout.
GENERATED = {"version.h", "cli/libraries.h", "cli/completion_scripts.h", "cli/unit_templates.h"}


def check_own(path, name):
    """A quoted include: None, or what is wrong with it."""
    if name in GENERATED:
        return None
    room = rooms.room_of(path)
    if "/" not in name:
        # A test's helper stands beside it and is nobody else's.
        if room in rooms.EVERYWHERE and (sources.root() / path.parent / name).exists():
            return None
        return f'"{name}" is bare: write the room before it'
    header = rooms.header(name)
    if not header:
        return f'"{name}" is no header of ours'
    other = rooms.room_of(header)
    for each in room, other:
        if each not in rooms.BELOW and each not in rooms.EVERYWHERE:
            return f"the room {each} is not in the order; add it to tests/lint/rooms.py"
    if rooms.may_use(room, other):
        return None
    return f'"{name}": {room} must not include {other}'


def check_library(path, name):
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
    for path, number, mark, name in rooms.includes(".c", ".h"):
        wrong = check_own(path, name) if mark == '"' else check_library(path, name)
        if wrong:
            complaints.append(f"{path}:{number}: {wrong}")
    # The names by which --log-rooms knows them are the last folders of theirs.
    said = re.search(r"log_rooms\[.*?= \{(.*?)\}", sources.text("common/base/log_level.c"), re.S)[1]
    named = set(re.findall(r'"([a-z0-9]+)"', said))
    folders = {room.split("/")[-1] for room in rooms.BELOW}
    complaints += [f"common/base/log_level.c: log_rooms and tests/lint/rooms.py differ about {name}"
                   for name in sorted(named ^ folders)]
    sources.finish(complaints)


main()
