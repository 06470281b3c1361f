# SPDX-License-Identifier: MIT
"""A slow reader stops its own stream and nothing else, and is not read ahead for."""

import time

import pytest

from harness.stage import SANITIZED
from harness.upstream import CHUNKED, response
from harness.visitor import Visitor
from harness.wait import at_once, wait_settled, wait_until

MIB = 1024 * 1024


def endless(conn):
    while True:
        head = conn.read_head()
        if head is None:
            return
        if b" /big" not in head.split(b"\r\n")[0]:
            conn.send(response("small"))
            continue
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        block = b"x" * 65536
        while True:
            conn.sent = getattr(conn, "sent", 0) + len(block)
            conn.send(block)


def quiet(upstream, n):
    """Waits until the n big downloads stand still; how much each upstream connection gave."""
    def sent():
        return [c.sent for c in upstream.connections if getattr(c, "sent", 0)]
    wait_until(lambda: len(sent()) >= n, "%d downloads to begin" % n)
    return wait_settled(sent, 0.3, "what the upstream sent")


def test_stalled_downloads_do_not_stop_others(tunnel):
    server, client, upstream = tunnel.through(endless)
    stalled = [tunnel.visitor(server).request("/big") for _ in range(8)]
    sent = quiet(upstream, 8)
    before = time.monotonic()
    v = tunnel.visitor(server)
    for _ in range(200):
        assert v.get("/small").body == b"small"
    assert time.monotonic() - before < (10 if SANITIZED else 3)
    # Back-pressure reaches the upstream: it could not give away the whole gigabyte.
    assert max(sent) < 64 * MIB
    if not SANITIZED:
        assert server.memory("VmHWM") < 40 * MIB and client.memory("VmHWM") < 40 * MIB
    assert len(stalled) == 8


def test_stalled_upload_does_not_stop_others(tunnel):
    """The other way round: an upstream that does not read."""
    def script(conn):
        head = conn.read_head()
        if head and b"/big" in head:
            conn.pause(30)
            return
        while head:
            conn.send(response("small"))
            head = conn.read_head()

    server, client, upstream = tunnel.through(script)
    uploads = []
    for _ in range(8):
        v = tunnel.visitor(server)
        v.send("POST /big HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
        v.sock.settimeout(0.3)
        try:
            while True:
                v.sock.send(b"x" * 65536)
        except OSError:
            pass
        uploads.append(v)
    v = tunnel.visitor(server)
    for _ in range(100):
        assert v.get("/small").body == b"small"
    if not SANITIZED:
        assert server.memory("VmHWM") < 40 * MIB and client.memory("VmHWM") < 40 * MIB


def test_stalled_reader_goes_on_where_it_stood(tunnel):
    body = bytes(range(256)) * 40000

    server, _, upstream = tunnel.through(response(body))
    v = tunnel.visitor(server)
    v.request("/").pause(0.5)
    assert v.read_response().body == body


def test_memory_comes_back(tunnel):
    server, client, upstream = tunnel.through(endless)
    before, files = (server.memory(), client.memory()), client.fds()
    for v in [tunnel.visitor(server).request("/big") for _ in range(20)]:
        v.read_head()
        v.reset()
    wait_until(lambda: client.fds() <= files, "the end of the downloads")
    assert tunnel.visitor(server).get("/small").body == b"small"
    if not SANITIZED:
        for daemon, held in zip((server, client), before, strict=True):
            wait_until(lambda d=daemon, n=held: d.memory() - n < 16 * MIB, "memory to come back")


def test_many_idle_streams_are_cheap(tunnel):
    """500 open event streams on one link."""
    def script(conn):
        if conn.read_head() is not None:
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
            conn.read_to_end()

    server, client, _ = tunnel.through(script)
    before = server.memory(), client.memory()
    visitors = [tunnel.visitor(server).request("/") for _ in range(500)]
    for v in visitors:
        assert v.read_head().status == 200
        while b"data: 1" not in v.buffer:
            v._more()
    grown = server.memory() - before[0], client.memory() - before[1]
    if not SANITIZED:
        assert max(grown) < 500 * 32 * 1024, grown
    for v in visitors:
        v.close()


@pytest.mark.regression
def test_slow_reader_of_an_unchunked_answer_gets_it_whole(tunnel):
    """HTTP/1.0, so the end of the connection is the end of the answer: it came before the last
    bytes of it when the visitor was slow, and half a file passed for a whole one."""
    size = 1_000_000

    def script(conn):
        while conn.read_request() is not None:
            conn.send(CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"x" * size))

    server, _, _ = tunnel.through(script)
    head = tunnel.visitor(server).get(version="1.0").raw_head
    missed = {}

    def read_slowly(left):
        """Pauses when so much is left, for longer than the server lingers."""
        with Visitor(server.address, receive_buffer=4096) as v:
            v.request(version="1.0")
            got, pause_at = 0, len(head) + size - left
            while piece := v.sock.recv(4096 if got < pause_at else 65536):
                if got < pause_at <= got + len(piece):
                    v.pause(1.4)
                got += len(piece)
            missed[left] = len(head) + size - got

    # What the kernel holds of it is not ours to say, so the pause comes at different points.
    at_once(read_slowly, range(90_000, 210_000, 3_000))
    missed = {left: n for left, n in missed.items() if n}
    assert not missed, missed
