# SPDX-License-Identifier: MIT
"""The client's panel: by itself on a terminal where something is published, elsewhere only when asked."""

import re
import socket
import urllib.request

import pytest

from harness.panel import Panel
from harness.terminal import Terminal


@pytest.fixture
def server(tunnel):
    return tunnel.server()


def state(tunnel):
    return tunnel.path / "client-state"


def test_asked(tunnel, server):
    client = tunnel.client(server, tunnel.upstream("hi"), "--panel=127.0.0.1:0", "--state-dir=%s" % state(tunnel))
    panel = Panel(client, state(tunnel))
    assert panel.json("/api/v1/info")["side"] == "client"
    assert panel.ask("/api/v1/info", token=False)[0] == 401
    assert panel.ask("/readyz", token=False)[0] == 200
    assert panel.token not in client.log()


def test_not_by_itself(tunnel, server):
    """Without a terminal nothing listens."""
    client = tunnel.client(server, tunnel.upstream("hi"), "--state-dir=%s" % state(tunnel))
    assert "panel" not in client.log() and not (state(tunnel) / "panel.token").exists()


def test_taken(tunnel, server):
    with socket.create_server(("127.0.0.1", 0)) as s:
        status, _, err = tunnel.run("client", "--remote=" + server.address, "--token=" + tunnel.TOKEN,
                                    "--upstream=http://127.0.0.1:1", "--panel=127.0.0.1:%d" % s.getsockname()[1])
        assert status == 1 and "--panel: " in err


def addresses(text):
    """Those of a panel."""
    return re.findall(r"http://127\.0\.0\.1:\d+/#[0-9a-f]{40}", text)


@pytest.mark.parametrize("options, panels", [((), 1), (("--panel=none",), 0)])
def test_on_a_terminal(tunnel, server, options, panels):
    """The address that it prints opens the page, with the token behind "#"; its port is the first that is free."""
    terminal = tunnel.stage.add(Terminal())
    tunnel.client(server, tunnel.upstream("hi"), "--state-dir=%s" % state(tunnel), *options, wait=False,
                  stderr=terminal.follower)
    terminal.wait_for("is published at")
    found = addresses(terminal.raw())
    assert len(found) == panels
    for url in found:
        port = int(re.search(r":(\d+)/", url)[1])
        assert 4040 <= port <= 4049
        assert url.endswith((state(tunnel) / "panel.token").read_text().strip())
        with urllib.request.urlopen(url, timeout=20) as answer:
            assert b"<!doctype html>" in answer.read()
