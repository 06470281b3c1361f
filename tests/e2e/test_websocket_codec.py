# SPDX-License-Identifier: MIT
"""Our WebSocket codec against what others made of RFC 6455.

After the handshake a link carries only binary messages, so the cases of Autobahn's list are put to
it at the level where they belong: fragments, control frames between them, reserved bits, lengths in
the wrong form, masks, close codes, invalid UTF-8. What both Python's websockets (as a client of our
server, as a server for our client) and libwebsockets make of our bytes is judged by them.
"""

import asyncio
import logging
import pathlib
import subprocess

import pytest
import websockets

from harness import noise, programs, wire
from harness.mitm import take_message
from harness.noise import Link, frame
from harness.programs import TOKEN
from harness.visitor import Closed
from harness.websocket_server import WebSocketServer


@pytest.fixture(scope="module")
def server(module_tunnel):
    return module_tunnel.server()


def first_of(server):
    """A link whose hello is read, and its first message: what is tested is how it is cut up."""
    link = Link(server.address)
    return link, link.first(TOKEN)


def accepted(link):
    return link.read_message()[0] == 1


# What has to work


def test_one_piece(server):
    link, message = first_of(server)
    link.send_message(message)
    assert accepted(link)


@pytest.mark.parametrize("cuts", [[0], [10], [92], [0, 0, 50], list(range(1, 92))])
def test_fragments(server, cuts):
    """Autobahn 5.*: put together before anything is used of it. Empty fragments too."""
    link, message = first_of(server)
    at = 0
    for i, cut in enumerate(cuts):
        link.send_message(message[at:cut], opcode=wire.BINARY if i == 0 else wire.CONTINUATION,
                          fin=False)
        at = cut
    link.send_message(message[at:], opcode=wire.CONTINUATION)
    assert accepted(link)


def test_control_frames_between_fragments(server):
    """Autobahn 5.6 to 5.8; rule 17: a ping decides nothing, and is answered."""
    link, message = first_of(server)
    link.send_message(message[:30], fin=False)
    link.send_message(b"ping!", opcode=wire.PING)
    link.send_message(message[30:60], opcode=wire.CONTINUATION, fin=False)
    link.send_message(b"unasked", opcode=wire.PONG)
    link.send_message(message[60:], opcode=wire.CONTINUATION)
    seen = b""
    while b"ping!" not in seen:
        seen += link.v.read_some()
    assert seen[:2] == bytes([0x8A, 5])


@pytest.mark.parametrize("size", [0, 1, 125])
def test_ping(server, size):
    link, _ = first_of(server)
    link.send_message(b"p" * size, opcode=wire.PING)
    while take_message(link.v.buffer) is None:
        link.v._more()
    assert link.v.buffer == bytes([0x8A, size]) + b"p" * size


def test_close_is_answered_with_a_close(server):
    """Autobahn 7.*: a clean close gets one back, and the connection ends."""
    for payload in (b"", b"\x03\xe8", b"\x03\xe8bye", b"\x0f\xa0private"):
        link, _ = first_of(server)
        link.send_message(payload, opcode=wire.CLOSE)
        with pytest.raises(Closed):
            link.read_message()
        assert link.v.ended()


# What has to end the connection


BAD = {
    "unmasked": dict(mask=False),
    "reserved bit 1": dict(rsv=4),
    "reserved bit 2": dict(rsv=2),
    "reserved bit 3": dict(rsv=1),
    "text": dict(opcode=wire.TEXT),
    "opcode 3": dict(opcode=3),
    "opcode 7": dict(opcode=7),
    "opcode 11": dict(opcode=11),
    "opcode 15": dict(opcode=15),
    "continuation of nothing": dict(opcode=wire.CONTINUATION),
    "16-bit length for a small one": dict(long_form=2),
    "64-bit length for a small one": dict(long_form=8),
    "length of 2^63": dict(length=2 ** 63, long_form=8),
    "length of 2^64-1": dict(length=2 ** 64 - 1, long_form=8),
    "fragmented ping": dict(opcode=wire.PING, fin=False),
    "fragmented close": dict(opcode=wire.CLOSE, fin=False),
}


@pytest.mark.parametrize("name", BAD)
def test_refused(server, name):
    link, message = first_of(server)
    kwargs = dict(mask=True, opcode=wire.BINARY)
    kwargs.update(BAD[name])
    link.v.send(wire.frame(message, **kwargs))
    try:
        while True:
            assert link.read_message()[0] != 1, "it was accepted"
    except (Closed, AssertionError) as e:
        assert isinstance(e, Closed), e
    assert link.v.ended()


def test_large_control_frame(server):
    """Autobahn 2.5: 125 bytes are the most."""
    link, _ = first_of(server)
    link.send_message(b"p" * 126, opcode=wire.PING)
    assert link.v.ended()


def test_new_message_inside_a_fragmented_one(server):
    link, message = first_of(server)
    link.send_message(message[:10], fin=False)
    link.send_message(message)
    assert link.v.ended()


def test_endless_fragments(server):
    """The limit counts the message, not the fragment; empty fragments are no way around it."""
    link, _ = first_of(server)
    link.send_message(b"x", fin=False)
    try:
        for _ in range(2000):
            link.send_message(b"x", opcode=wire.CONTINUATION, fin=False)
    except OSError:
        pass
    assert link.v.ended()


@pytest.mark.parametrize("payload", [
    b"\x03",                      # half a code
    b"\x00\x00", b"\x03\xe7",     # 0, 999
    b"\x03\xec", b"\x03\xed", b"\x03\xee", b"\x03\xf7",  # 1004, 1005, 1006, 1015
    b"\x04\x4c", b"\x07\xd0", b"\x0b\xb7", b"\x13\x88", b"\xff\xff",
    b"\x03\xe8\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80",  # a surrogate
    b"\x03\xe8\xff",
])
def test_bad_close(server, payload):
    """Autobahn 7.5, 7.9: answered, if at all, with a code that says so, and ended."""
    link, _ = first_of(server)
    link.send_message(payload, opcode=wire.CLOSE)
    try:
        link.read_message()
        raise AssertionError("a message behind a close")
    except Closed as e:
        if e.data:
            assert int.from_bytes(e.data[:2], "big") in (1002, 1007)
    assert link.v.ended()


# Other people's programs


def test_python_client(server):
    """Python's websockets finds nothing wrong with our 101 and our frames, up to the link."""
    async def talk():
        async with websockets.connect("ws://%s/tunnel" % server.address, subprotocols=["tunnel.v1"],
                                      compression="deflate", open_timeout=10,
                                      origin=None) as ws:
            assert ws.subprotocol == "tunnel.v1" and not ws.extensions
            hello = await ws.recv()
            assert hello.startswith(noise.MAGIC)
            link = Link.__new__(Link)
            link.hello, link.salt = hello, hello[-16:]
            await ws.send(link.first(TOKEN))
            answer = await ws.recv()
            assert answer[0] == 1
            payload, _ = link.handshake.read(answer[1:], True)
            assert payload is not None
            out, inward = link.handshake.split()
            await ws.send(out.seal(noise.control(type="hello", version="0", instance="00" * 16,
                                                 base_window=65536, max_streams=10)))
            assert inward.open(await ws.recv()) is not None
            await (await ws.ping(b"python"))
            # The largest record there is, in fragments of a strange size.
            record = out.seal(frame(0x10, 0, bytes(65519 - 8)))
            await ws.send([record[i:i + 777] for i in range(0, len(record), 777)])
            await ws.send(out.seal(frame(noise.PING, 0, b"12345678")))
            while True:
                plain = inward.open(await ws.recv())
                assert plain is not None
                if b"12345678" in plain:
                    break

    asyncio.run(asyncio.wait_for(talk(), 20))


def test_python_server(tunnel):
    """Our client against Python's websockets: a proxy of messages in front of a real server."""
    server = tunnel.server()
    chosen = []

    async def handler(ws):
        chosen.append(ws.subprotocol)
        async with websockets.connect("ws://%s/tunnel" % server.address,
                                      subprotocols=["tunnel.v1"], compression=None,
                                      max_size=None, ping_interval=None) as node:
            async def pump(a, b):
                async for message in a:
                    assert isinstance(message, bytes)
                    # Cut differently than they came, as RFC 6455 allows any intermediary to.
                    await b.send([message[i:i + 5000] for i in range(0, len(message), 5000)]
                                 if len(message) > 5000 else message)
            done, pending = await asyncio.wait(
                [asyncio.create_task(pump(ws, node)), asyncio.create_task(pump(node, ws))],
                return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()

    logging.getLogger("websockets.server").disabled = True  # the client hangs up as it likes
    between = tunnel.stage.add(WebSocketServer(handler, subprotocols=["tunnel.v1"],
                                               compression="deflate", ping_interval=0.2))
    tunnel.client("127.0.0.1:%d" % between.port, tunnel.upstream(b"x" * 500000))
    for _ in range(3):
        assert tunnel.visitor(server).get().body == b"x" * 500000
    assert chosen == ["tunnel.v1"]


def lws_peer(*args):
    path = pathlib.Path(programs.TUNNEL).parent / "tests" / "e2e" / "lws_peer"
    if not path.exists():
        pytest.skip("built without libwebsockets")
    return subprocess.Popen([path, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_libwebsockets_client(server):
    peer = lws_peer("client", str(server.port))
    _, err = peer.communicate(timeout=20)
    assert peer.returncode == 0, err
    assert server.alive()


def test_libwebsockets_server(tunnel):
    peer = lws_peer("server")
    try:
        port = int(peer.stdout.readline())
        tunnel.client("127.0.0.1:%d" % port, "http://127.0.0.1:1", wait=False)
        _, err = peer.communicate(timeout=20)
        assert peer.returncode == 0, err
    finally:
        peer.kill()
        peer.wait()
