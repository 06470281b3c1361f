# SPDX-License-Identifier: MIT
"""SIGTERM lets requests under way finish; a second one does not wait."""

import os
import pathlib
import re
import signal
import threading
import time

import pytest

from harness.public import is_free
from harness.upstream import response
from harness.visitor import Visitor
from harness.wait import quiet_for, wait_until


class Slow:
    """An upstream that answers when told."""

    def __init__(self):
        self.asked = threading.Event()
        self.go = threading.Event()

    def __call__(self, conn):
        while conn.read_request() is not None:
            self.asked.set()
            self.go.wait(30)
            conn.send(response("finished"))


@pytest.mark.parametrize("who", ["server", "client"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_drain(tunnel, who, number):
    slow = Slow()
    server, client, _ = tunnel.through(slow)
    v = tunnel.visitor(server)
    v.request()
    assert slow.asked.wait(10)
    daemon = server if who == "server" else client
    daemon.send_signal(number)
    quiet_for(0.3, lambda: not daemon.alive(), "its end, with a request under way")
    slow.go.set()
    assert v.read_response().body == b"finished"
    assert daemon.wait() == 0


@pytest.mark.parametrize("who", ["server", "client"])
@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_signals_of_log_rotation_end_nothing(tunnel, who, number):
    server, client, _ = tunnel.through()
    daemon = server if who == "server" else client
    daemon.send_signal(number)
    assert tunnel.visitor(server).get().status == 200
    daemon.send_signal(signal.SIGHUP)
    daemon.log_contains("reloaded")  # what was sent before it has been taken
    assert daemon.alive()


@pytest.mark.parametrize("closed", [(0,), (2,), (0, 1, 2)])
def test_standard_streams_come_closed(tunnel, closed):
    """They lead to /dev/null, and no socket or file of ours is among them."""
    def close():
        for fd in closed:
            os.close(fd)
    server = tunnel.server("--log-level=debug", preexec_fn=close)
    client = tunnel.client(server, tunnel.upstream("ok"), "--log-level=debug", preexec_fn=close,
                           wait=False)
    wait_until(lambda: tunnel.visitor(server).get().status == 200, "the tunnel")
    for daemon in (server, client):
        for fd in closed:
            assert os.readlink("/proc/%d/fd/%d" % (daemon.pid, fd)) == "/dev/null"
            flags = pathlib.Path("/proc/%d/fdinfo/%d" % (daemon.pid, fd)).read_text()
            access = int(re.search(r"flags:\s*(\d+)", flags)[1], 8) & os.O_ACCMODE
            assert access == (os.O_WRONLY if fd else os.O_RDONLY)


@pytest.mark.parametrize("who", ["server", "client"])
def test_nothing_under_way_ends_at_once(tunnel, who):
    server, client, _ = tunnel.through()
    v = tunnel.visitor(server)
    assert v.get().status == 200  # kept, and idle: nothing to wait for
    daemon = server if who == "server" else client
    began = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait() == 0
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("who", ["server", "client"])
def test_second_signal_ends_at_once(tunnel, who):
    slow = Slow()
    server, client, _ = tunnel.through(slow)
    v = tunnel.visitor(server)
    v.request()
    assert slow.asked.wait(10)
    daemon = server if who == "server" else client
    daemon.expected_status |= {1, -signal.SIGTERM}
    daemon.send_signal(signal.SIGTERM)
    quiet_for(0.2, lambda: not daemon.alive(), "its end, with a request under way")
    began = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    daemon.wait()
    assert time.monotonic() - began < 2
    slow.go.set()


@pytest.mark.parametrize("who", ["server", "client"])
def test_grace_is_an_end(tunnel, who):
    slow = Slow()
    server, client, _ = tunnel.through(slow, server_options=["--grace=500ms"],
                                       client_options=["--grace=500ms"])
    tunnel.visitor(server).request()
    assert slow.asked.wait(10)
    daemon = server if who == "server" else client
    daemon.expected_status |= {1}
    began = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    daemon.wait()
    assert 0.3 < time.monotonic() - began < 4
    slow.go.set()


def test_draining_server_takes_no_new_requests(tunnel):
    slow = Slow()
    server, _, upstream = tunnel.through(slow)
    v = tunnel.visitor(server)
    v.request()
    assert slow.asked.wait(10)
    server.send_signal(signal.SIGTERM)
    wait_until(lambda: is_free(server.port), "its listener to be closed")
    with pytest.raises(OSError):
        Visitor(server.address, timeout=2)
    slow.go.set()
    r = v.read_response()
    assert r.body == b"finished"
    # The visitor is told not to send another one here.
    assert r.get("Connection", "").lower() == "close" or v.ended()


def test_draining_client_sends_new_requests_to_the_other(tunnel):
    slow = Slow()
    server = tunnel.server()
    draining = tunnel.client(server, tunnel.upstream(slow))
    v = tunnel.visitor(server)
    v.request()
    assert slow.asked.wait(10)
    tunnel.client(server, tunnel.upstream("other"))
    draining.send_signal(signal.SIGTERM)
    quiet_for(0.2, lambda: not draining.alive(), "its end, with a request under way")
    for _ in range(10):
        assert tunnel.visitor(server).get().body == b"other"
    slow.go.set()
    assert v.read_response().body == b"finished"
    assert draining.wait() == 0


def test_sigpipe_and_sighup_do_not_end_it(tunnel):
    server, client, _ = tunnel.through()
    for daemon in (server, client):
        daemon.send_signal(signal.SIGPIPE)
        quiet_for(0.1, lambda d=daemon: not d.alive(), "its end")
    assert tunnel.visitor(server).get().status == 200


def test_client_that_never_connected_ends_at_once(tunnel):
    server = tunnel.server()
    server.stop()
    client = tunnel.client(server, tunnel.upstream(), wait=False)
    wait_until(client.log, "what the client says of it")
    began = time.monotonic()
    client.send_signal(signal.SIGTERM)
    assert client.wait() == 0
    assert time.monotonic() - began < 2
