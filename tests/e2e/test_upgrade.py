# SPDX-License-Identifier: MIT
"""Upgrade: what is not HTTP is passed on, and only a 101 turns the stream into a relay (rule
34)."""

import asyncio
import threading

import pytest
import websockets

from harness import wire
from harness.upstream import always, fields_of, response
from harness.wait import at_once, wait_until
from harness.websocket_server import WebSocketServer


def test_websocket_through_the_tunnel(tunnel):
    """Python's websockets on both ends: texts, binary, large, fragments, pings, close codes."""
    async def handler(ws):
        async for message in ws:
            if message == "bye":
                await ws.close(4321, "as asked")
                return
            await ws.send(message)

    upstream = tunnel.stage.add(WebSocketServer(handler))
    server = tunnel.server()
    tunnel.client(server, "http://127.0.0.1:%d" % upstream.port)

    async def talk():
        async with websockets.connect("ws://%s/chat" % server.address, max_size=None,
                                      open_timeout=10) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
            big = bytes(range(256)) * 8192
            await ws.send(big)
            assert await ws.recv() == big
            await ws.send(["frag", "men", "ted"])
            assert await ws.recv() == "fragmented"
            await (await ws.ping())
            await ws.send("bye")
            with pytest.raises(websockets.ConnectionClosed) as e:
                await ws.recv()
            assert e.value.code == 4321 and e.value.reason == "as asked"

    asyncio.run(asyncio.wait_for(talk(), 30))


def switching(protocol, first=b""):
    return b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n%s" % (protocol, first)


def engine(conn):
    """Switches to what was asked for, once it has the request's body, and answers in upper case."""
    head, body = conn.read_request()
    fields = dict(fields_of(head.decode().split("\r\n")[:-2]))
    conn.send(switching(fields["upgrade"].encode(), b"body %d;" % len(body)))
    while conn._more():
        conn.send(conn.received[conn.taken:].upper())
        conn.taken = len(conn.received)


PROTOCOLS = ["tcp", "SPDY/3.1", "tailscale-control-protocol", "DERP", "TLS/1.0", "websocket"]


@pytest.mark.parametrize("body", [None, b"", b'{"Detach":false}'])
def test_protocols(tunnel, body):
    """docker exec, kubectl exec, Tailscale and the like: over POST, with a body and without."""
    server, _, upstream = tunnel.through(engine)
    for n, protocol in enumerate(PROTOCOLS):
        v = tunnel.visitor(server)
        v.request("/exec", method="POST", body=body,
                  fields=["Connection: keep-alive, upgrade", "Upgrade: " + protocol])
        r = v.read_response()
        assert (r.status, r.reason, r.get("Upgrade"), r.get("Connection")) == (
            101, "UPGRADED", protocol, "Upgrade")
        assert v.read_until(b";") == b"body %d" % len(body or b"")
        for word in b"hello", b"again":
            v.send(word)
            assert v.read(5) == word.upper()
        head = upstream.connections[n].received.decode().split("\r\n")
        assert "Upgrade: " + protocol in head and "Connection: Upgrade" in head
        v.close()
    assert len(upstream.connections) == len(PROTOCOLS)  # a stream of its own for each


def test_chunked_body_before_an_upgrade(tunnel):
    """A 101 that comes before the body's end: what is left of the body is passed on as a body, and
    only what stands behind it is the new protocol's."""
    def script(conn):
        conn.read_until(b"5\r\nfirst\r\n")
        conn.send(switching(b"tcp"))
        assert conn.read_until(b"0\r\n\r\n") == b"4\r\nlast\r\n0\r\n\r\n"
        assert conn.read(3) == b"raw"
        conn.send(b"done")

    server, _, upstream = tunnel.through(script)
    v = tunnel.visitor(server)
    v.request("/exec", method="POST", fields=["Connection: Upgrade", "Upgrade: tcp",
                                              "Transfer-Encoding: chunked"])
    v.send("5\r\nfirst\r\n")
    assert v.read_response().status == 101
    v.send("4\r\nlast\r\n0\r\n\r\nraw")
    assert v.read_to_end() == b"done" and not upstream.errors


def test_h2c_is_not_offered(tunnel):
    """Nor any other HTTP: not alone, and not beside a protocol that is passed on."""
    server, _, upstream = tunnel.through(always("plain\n"))
    for n, (offer, left) in enumerate([
            ("h2c", None), ("HTTP/2.0", None), ("h2c, SPDY/3.1", "SPDY/3.1"),
            ("websocket, h2c,\ttcp", "websocket,tcp")]):
        v = tunnel.visitor(server)
        v.request("/%d" % n, fields=["Upgrade: " + offer, "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
                          "Connection: Upgrade, HTTP2-Settings"])
        assert v.read_response().body == b"plain\n"
        assert v.get().body == b"plain\n"  # the connection is HTTP's still
        heads = upstream.received().decode().split("\r\n\r\n")
        head, = [h.split("\r\n") for h in heads if h.startswith("GET /%d " % n)]
        fields = fields_of(head)
        names = [name for name, _ in fields]
        assert "http2-settings" not in names
        assert dict(fields).get("upgrade") == left and ("connection" in names) == (left is not None)


def test_upgrade_of_1_0_is_ignored(tunnel):
    server, _, upstream = tunnel.through(always("plain\n"))
    v = tunnel.visitor(server)
    v.request(version="1.0", fields=["Upgrade: tcp", "Connection: Upgrade"])
    assert v.read_response().body == b"plain\n" and b"pgrade" not in upstream.received()


SMUGGLED = "GET /admin HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"


@pytest.mark.parametrize("protocol", ["websocket", "tcp"])
@pytest.mark.parametrize("status", ["200 OK", "401 Unauthorized", "426 Upgrade Required"])
@pytest.mark.parametrize("body", [None, b"declared"])
def test_what_follows_an_upgrade_waits_for_101(tunnel, protocol, status, body):
    """Rule 34: a refused upgrade is an ordinary answer, and what stood behind the request is a
    request of its own, never smuggled to the upstream as raw bytes."""
    server, _, upstream = tunnel.through(always(response("no\n", status, ["Upgrade: " + protocol])))
    v = tunnel.visitor(server)
    v.request("/ws", method="POST", body=body,
              fields=["Upgrade: " + protocol, "Connection: Upgrade"])
    v.send(SMUGGLED)
    assert v.read_response().status == int(status[:3])
    v.read_response()
    assert b"6.6.6.6" not in upstream.received()


def test_early_bytes_wait_for_101(tunnel):
    """Not one byte behind the head goes out before the upstream has switched."""
    asked, switch = threading.Event(), threading.Event()

    def script(conn):
        conn.read_head()
        asked.set()
        assert switch.wait(10)
        conn.sock.setblocking(False)
        try:
            early = conn.sock.recv(1)
        except BlockingIOError:
            early = b""
        conn.sock.setblocking(True)
        conn.send(switching(b"tcp") + (b"early" if early else b"late;"))
        conn.read(5)
        conn.send(conn.received[-5:])

    server, _, _ = tunnel.through(script)
    v = tunnel.visitor(server)
    v.request("/ws", fields=["Upgrade: tcp", "Connection: Upgrade"])
    v.send("eager")
    assert asked.wait(10)
    # A second request has gone all the way meanwhile: the bytes had the time to.
    other = tunnel.visitor(server)
    other.request("/ws", fields=["Upgrade: tcp", "Connection: Upgrade"])
    switch.set()
    assert other.read_response().status == 101
    assert v.read_response().status == 101
    assert v.read(10) == b"late;eager"


@pytest.mark.parametrize("offer, answer", [
    (None, "websocket"), ("tcp", "websocket"), ("tcp", "h2c"), ("tcp, h2c", "h2c"), ("tcp", "")])
def test_101_to_what_was_not_offered(tunnel, offer, answer):
    server, _, _ = tunnel.through(always(switching(answer.encode())))
    fields = ["Connection: Upgrade", "Upgrade: " + offer] if offer else []
    assert tunnel.visitor(server).get(fields=fields).status == 502


@pytest.mark.parametrize("protocol", ["websocket", "tcp"])
def test_half_close_through_an_upgrade(tunnel, protocol):
    def script(conn):
        conn.read_head()
        conn.send(switching(protocol.encode()))
        data = conn.read_to_end()
        conn.send(b"you said " + data)

    server, _, _ = tunnel.through(script)
    v = tunnel.visitor(server)
    v.request("/ws", fields=["Upgrade: " + protocol, "Connection: Upgrade"])
    assert v.read_response().status == 101
    v.send(b"last words")
    v.finish()
    assert v.read_to_end() == b"you said last words"


@pytest.mark.regression
def test_upgrade_has_a_stream_of_its_own(tunnel):
    """Not the one of an ordinary request before it, nor does a refused one serve another."""
    def script(conn):
        while (request := conn.read_request()) is not None:
            if b"upgrade: websocket" in request[0].lower():
                conn.send(response(b"%d" % conn.number, "426 Upgrade Required"))
            else:
                conn.send(response(b"%d" % conn.number))

    server, _, upstream = tunnel.through(script)
    v = tunnel.visitor(server)
    assert v.get().body == b"0"
    refused = v.get("/ws", fields=wire.UPGRADE)
    assert (refused.status, refused.body) == (426, b"1")
    assert v.get().body == b"0"
    wait_until(lambda: upstream.connections[1].ended, "the end of the refused one")


@pytest.mark.regression
def test_upgraded_upstream_that_left(tunnel):
    """The visitor goes on sending to an upstream that closed: streams and sockets were leaked."""
    def script(conn):
        conn.read_head()
        conn.send(wire.SWITCHING)

    server, client, _ = tunnel.through(script)
    before = [(d, d.fds()) for d in (server, client)]
    visitors = []
    for _ in range(5):
        v = tunnel.visitor(server)
        assert v.get("/ws", fields=wire.UPGRADE).status == 101
        assert v.read_to_end() == b""
        visitors.append(v)

    def talk_on(v):
        with pytest.raises(OSError):
            while True:
                v.send(b"y" * 65536)
    for v in visitors:
        v.sock.settimeout(2)  # a full pipe that nobody empties is no answer
    at_once(talk_on, visitors)
    for v in visitors:
        v.close()
    wait_until(lambda: all(d.fds() <= n for d, n in before), "the sockets to be closed")


@pytest.mark.regression
def test_upgrade_on_a_logged_in_connection_ends(tunnel):
    """It rides on the stream of the login. Behind the upstream's FIN nothing is written there, so
    both directions end; they stayed open, with a descriptor on each side, until the link ended."""
    def script(conn):
        conn.read_request()
        conn.send(response("in"))
        conn.read_request()
        conn.send(wire.SWITCHING + b"last words")
        conn.finish()

    upstream = tunnel.upstream(script)
    server = tunnel.server()
    client = tunnel.client(server, upstream)
    before = client.fds()
    v = tunnel.visitor(server)
    assert v.get(fields=["Authorization: NTLM TlRMTVNTUAAB"]).text() == "in"
    v.request(fields=wire.UPGRADE)
    assert v.read_head().status == 101
    v.send(b"late")
    wait_until(lambda: client.fds() <= before, "the stream to end")
