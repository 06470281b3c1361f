# SPDX-License-Identifier: MIT
"""Which versions the table speaks of: those that scripts/packages.sh names, and Debian's."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLACE = re.compile(r"\{([^}]+)\}")


def pinned():
    """{package: version} of what comes from PyPI and npm."""
    text = (ROOT / "scripts" / "packages.sh").read_text()
    return dict(re.findall(r"([a-z][\w.-]*)(?:==|@)(\d[\w.]*)", text))


def debian(package):
    """As far as a release of Debian keeps it: its updates change what follows."""
    version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package],
                             capture_output=True, text=True, check=True).stdout
    return re.match(r"(?:\d+:)?(\d+\.\d+)", version)[1]


def filled(title, other):
    """A title with versions in place of {package}; other() has those that are not pinned."""
    versions = pinned()
    return PLACE.sub(lambda m: versions.get(m[1]) or other(m[1]), title)
