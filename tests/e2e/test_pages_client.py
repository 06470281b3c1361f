# SPDX-License-Identifier: MIT
"""The pages of a client that runs, in Chromium: the inspector with what really went through."""

import re
import subprocess

from harness.browser import browse
from harness.panel import Panel
from harness.upstream import response


def shop(conn):
    """Orders fail, all else is welcome."""
    while (request := conn.read_request()) and request[1] is not None:
        order = request[0].startswith(b"POST /api/order ")
        conn.send(response(b"welcome", status="500 Oh" if order else "200 OK"))


def start(tunnel, upstream):
    """(the panel, the public address)"""
    server = tunnel.server()
    state = tunnel.path / "client-state"
    client = tunnel.client(server, upstream, "--panel=127.0.0.1:0", "--state-dir=%s" % state)
    panel = Panel(client, state)
    return "%s/#%s" % (panel.origin, panel.token), "http://%s/" % server.address


def test_first_minute(tunnel, tmp_path):
    page, address = start(tunnel, tunnel.upstream(shop))
    browse(tmp_path, "first_minute.mjs", page, address)


def test_replay_by_keys(tunnel, tmp_path):
    upstream = tunnel.upstream(shop)
    page, address = start(tunnel, upstream)
    for path in ("", "api/order", "image"):
        subprocess.run(["curl", "-s", "-H", "Authorization: Bearer 0123456789abcdef", "-d", "the body", address + path],
                       check=True, capture_output=True)
    browse(tmp_path, "inspect_by_keys.mjs", page, "/api/order")
    asked = b"".join(c.received for c in upstream.connections)
    orders = re.findall(rb"POST (/api/order\S*) HTTP/1.1\r\n.*?\r\n\r\n(.{8})", asked, re.S)
    assert orders == [(b"/api/order", b"the body")] * 2 + [(b"/api/order?edited=1", b"edited b")]
    # What is hidden on the page is sent all the same.
    assert asked.count(b"Authorization: Bearer 0123456789abcdef\r\n") == 5


def test_pages(tunnel, tmp_path):
    page, address = start(tunnel, tunnel.upstream(shop))
    subprocess.run(["curl", "-s", address + "hello"], check=True, capture_output=True)
    browse(tmp_path, "rounds.mjs", page, "/hello")
