# SPDX-License-Identifier: MIT
"""scripts/quickstart with a program that is built: what it prints, beside others, and when it
fails.

scripts/fresh-root runs it where nothing is installed, and has it build.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from harness import TOP, programs
from harness.stage import Daemon
from harness.wait import wait_until


@pytest.fixture
def quickstart(tunnel):
    def start(*argv):
        env = dict(tunnel.env, TUNNEL_BIN=os.path.abspath(programs.TUNNEL), TMPDIR=str(tunnel.path))
        daemon = Daemon(tunnel.stage, tunnel.stage.name("quickstart"),
                        [TOP / "scripts/quickstart", *argv], env=env)
        daemon.expected_status = {143}
        return tunnel.stage.add(daemon).start()
    return start


def url_of(daemon):
    def url():
        assert daemon.alive(), daemon.log()
        return re.search(r"^  curl (\S+)$", daemon.log(), re.M)
    wait_until(url, "the curl line")
    return url()[1]


def test_two_at_once(tunnel, quickstart):
    """Each has a port and a page; requests are shown; nothing is left behind."""
    both = [quickstart(), quickstart()]
    urls = [url_of(q) for q in both]
    assert len(set(urls)) == 2
    for q, url in zip(both, urls, strict=True):
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert b"It works" in answer.read()
        q.log_contains("GET 127.0.0.1/  200  ")
    for q in both:
        q.ask(signal.SIGTERM)
    for q in both:
        assert q.wait() == 143
    assert not list(tunnel.path.glob("tmp.*"))


def test_a_port_that_is_taken_on_another_address(quickstart):
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # taken by somebody else then
            sock.bind(("127.0.0.2", 9090))
            sock.listen()
        q = quickstart()
        assert not url_of(q).endswith(":9090/")
        q.log_contains("Port 9090 is taken on this machine; another one is used")
        q.stop()


def test_what_ends_at_once_is_not_waited_for(tunnel, quickstart):
    q = quickstart("gopher://127.0.0.1")
    q.expected_status = {1}
    began = time.monotonic()
    assert q.wait() == 1
    assert "the client did not get through: see above" in q.log()
    assert "gopher" in q.log()
    assert time.monotonic() - began < 9, "it waited for the ten seconds that a start may take"


def test_mistakes(tunnel):
    for argv in (["--prot"], ["http://a", "http://b"]):
        p = subprocess.run([TOP / "scripts/quickstart", *argv], env=tunnel.env,
                           capture_output=True, text=True, timeout=30)
        assert p.returncode == 1 and "scripts/quickstart http://127.0.0.1:3000" in p.stderr
