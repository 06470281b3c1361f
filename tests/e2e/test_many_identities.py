# SPDX-License-Identifier: MIT
"""A store with as many tokens as it is made for."""

import pathlib
import subprocess
import time

from harness import programs
from harness.admin import Connection
from harness.wait import SANITIZED

TOKENS = 20000
PAGES = 100
SOON = 10.0 if SANITIZED else 3.0  # seconds for all pages, by a reader who waits for each; 0.6 on a quiet machine


def test_list_pages(tunnel):
    server = tunnel.server()
    server.stop()  # it has made the salt
    began = time.monotonic()
    fill = pathlib.Path(programs.TUNNEL).parent / "tests" / "e2e" / "store_fill"
    subprocess.run([fill, server.state, str(TOKENS)], check=True, timeout=60)
    filled = time.monotonic()
    server.start()
    started, memory = time.monotonic(), server.memory()
    with Connection(server) as admin:
        names, after = [], ""
        asked = time.monotonic()
        for _ in range(PAGES):
            page = admin.ok("GET", "/api/v1/identities?limit=%d%s" % (TOKENS // PAGES, after))
            names += [item["name"] for item in page["items"]]
            after = "&after=" + page["next"]
        took = time.monotonic() - asked
        rest = admin.ok("GET", "/api/v1/identities?" + after[1:])
    assert names + [item["name"] for item in rest["items"]] == ["default"] + [
        "team-%05d" % (i + 1) for i in range(TOKENS)]
    print("filled in %.2f s, started in %.2f s, %d MiB, %d pages of %d in %.3f s" % (
        filled - began, started - filled, memory >> 20, PAGES, TOKENS // PAGES, took))
    assert took < SOON
