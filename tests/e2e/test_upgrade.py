"""Upgrade: WebSocket is passed on, alone, and only a 101 turns the stream into a relay (rule 34)."""

import asyncio
import threading

import pytest
import websockets

from house.upstream import always, response


def test_websocket_through_the_tunnel(tunnel):
    """Python's websockets on both ends: texts, binary, large, fragments, pings, close codes."""
    loop = asyncio.new_event_loop()
    started = threading.Event()
    box = {}

    async def handler(ws):
        async for message in ws:
            if message == "bye":
                await ws.close(4321, "as asked")
                return
            await ws.send(message)

    async def serve():
        box["server"] = await websockets.serve(handler, "127.0.0.1", 0, max_size=None)
        box["port"] = box["server"].sockets[0].getsockname()[1]
        started.set()

    thread = threading.Thread(target=lambda: (loop.run_until_complete(serve()), loop.run_forever()))
    thread.daemon = True
    thread.start()
    assert started.wait(10)

    server = tunnel.server()
    tunnel.client(server, "http://127.0.0.1:%d" % box["port"])

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
    loop.call_soon_threadsafe(loop.stop)


UPGRADE = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]


def test_what_follows_an_upgrade_waits_for_101(tunnel):
    """Rule 34: a refused upgrade is an ordinary answer, and what stood behind the head is a request
    of its own, never smuggled to the upstream as raw bytes."""
    server, _, upstream = tunnel.through(always(response("no\n", "426 Upgrade Required")))
    v = tunnel.visitor(server)
    v.request("/ws", fields=UPGRADE)
    v.send("GET /admin HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n")
    assert v.read_response().status == 426
    v.read_response()
    assert b"6.6.6.6" not in upstream.received()


def test_101_without_a_requested_upgrade(tunnel):
    server, _, _ = tunnel.through(always(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"))
    assert tunnel.visitor(server).get().status == 502


def test_half_close_through_an_upgrade(tunnel):
    def script(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  b"Connection: Upgrade\r\n\r\n")
        data = conn.read_to_end()
        conn.send(b"you said " + data)

    server, _, _ = tunnel.through(script)
    v = tunnel.visitor(server)
    v.request("/ws", fields=UPGRADE)
    assert v.read_response().status == 101
    v.send(b"last words")
    v.finish()
    assert v.read_to_end() == b"you said last words"
