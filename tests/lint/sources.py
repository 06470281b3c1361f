# SPDX-License-Identifier: MIT
"""The project's own files, for the checks beside this one."""

import pathlib
import sys

# What a build or an interpreter leaves behind is nobody's source.
SKIP_NAMES = {".git", "__pycache__", ".pytest_cache"}

# The status by which a test tells meson that it could not run.
SKIPPED = 77


def root():
    """The checkout: where meson.build stands, two folders up."""
    return pathlib.Path(__file__).resolve().parents[2]


def walk(folder):
    for path in sorted(folder.iterdir()):
        if path.name in SKIP_NAMES or path.is_symlink():
            continue
        if path.is_dir():
            if not (path / "meson-private").exists():
                yield from walk(path)
        else:
            yield path


def files(*suffixes):
    """Paths relative to the checkout; without suffixes, all."""
    top = root()
    for path in walk(top):
        if not suffixes or path.suffix in suffixes:
            yield path.relative_to(top)


def text(path):
    return (root() / path).read_text(encoding="utf-8")


def finish(complaints):
    """Prints them, and ends with the status that fits."""
    for complaint in complaints:
        print(complaint)
    sys.exit(1 if complaints else 0)


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)
