# SPDX-License-Identifier: MIT
"""On a terminal the client shows each request in a line; elsewhere nothing of that."""

import re

from harness.terminal import Terminal
from harness.upstream import response
from harness.wait import quiet_for, wait_until

LINE = re.compile(r"^\S+Z (\d{3}|none) +(\d+\.\d) ms  (\S+) +(\S+)$")


def shown(terminal):
    """(method, target, status) of each line."""
    found = (LINE.match(line) for line in terminal.lines())
    return [(m[3], m[4], m[1]) for m in found if m]


def on_a_terminal(tunnel, script=None, *options, **env):
    terminal = tunnel.stage.add(Terminal())
    server, upstream = tunnel.server(), tunnel.upstream(script)
    client = tunnel.client(server, upstream, *options, stderr=terminal.follower, wait=False,
                           env={**tunnel.env, "TERM": "xterm", **env})
    terminal.wait_for("is published at")
    return terminal, server, client


def test_a_line_a_request(tunnel):
    terminal, server, _ = on_a_terminal(tunnel, None, NO_COLOR="1")
    v = tunnel.visitor(server)
    assert v.get("/a?b=c").status == 200
    terminal.wait_for(" /a?b=c")
    assert v.get("/post", method="POST", body=b"x").status == 200
    terminal.wait_for(" /post")
    assert shown(terminal) == [("GET", "/a?b=c", "200"), ("POST", "/post", "200")]


def test_what_went_wrong_is_red(tunnel):
    terminal, server, _ = on_a_terminal(tunnel, response(status="503 No"))
    assert tunnel.visitor(server).get("/").status == 503
    wait_until(lambda: "\x1b[1;31m503" in terminal.raw(), "a red line")


def test_secrets_and_control_characters_are_not_shown(tunnel):
    terminal, server, _ = on_a_terminal(tunnel, None, NO_COLOR="1")
    assert tunnel.visitor(server).get("/%1b?token=hush&x=1").status == 200
    terminal.wait_for("/%1b?token=")
    assert "hush" not in "\n".join(terminal.lines())


def test_nothing_where_nobody_reads(tunnel):
    server, client, _ = tunnel.through()
    assert tunnel.visitor(server).get("/not-shown").status == 200
    quiet_for(0.3, lambda: "/not-shown" in client.log(), "a line of a request")
