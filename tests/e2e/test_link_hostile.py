# SPDX-License-Identifier: MIT
"""Peers that are up to no good, with and without the token. Whatever they send, the program stays,
and everybody else's streams go on."""

import contextlib
import os
import struct
import time

import pytest

from harness import noise, wire
from harness.mitm import DOWN, UP, Messages
from harness.noise import Link
from harness.programs import TOKEN, random_token
from harness.visitor import Closed
from harness.wait import wait_until

# Before the proof


def test_one_byte_at_a_time(tunnel):
    """An honest client behind a very bad line: everything still works."""
    def slowly(pair, direction, data):
        if len(pair.recorded[direction]) > 3000:
            return data
        sink = pair.socks[direction][1]
        for b in data:
            sink.sendall(bytes([b]))
        return b""

    server = tunnel.server()
    relay = tunnel.mitm(server, slowly)
    tunnel.client(relay.address, tunnel.upstream("patience"))
    assert tunnel.visitor(server).get().body == b"patience"


def test_half_frames_and_silence(bystander, tunnel):
    """Links that never get anywhere are closed after a time, and hold nobody up meanwhile."""
    server = bystander[0]
    links = []
    for cut in range(0, 40, 3):
        link = Link(server.address)
        whole = wire.frame(link.first(TOKEN))
        link.v.send(whole[:cut])
        links.append(link)
    assert tunnel.visitor(server).get().body == b"fine"
    wait_until(lambda: all(link.v.ended(timeout=0.05) for link in links),
               "the end of links without a proof", timeout=30)


def test_wrong_token(bystander):
    with Link(bystander[0].address) as link:
        link.send_message(link.first(random_token()))
        answer = link.read_message()
        assert answer[0] == 2 and len(answer) == 2
        assert link.v.ended()


def test_unknown_key_id_and_wrong_key_look_the_same(bystander):
    """Rule 11: with the right key id and a wrong key, and with a key id of nobody."""
    answers = []
    for key_id in (None, os.urandom(8)):
        with Link(bystander[0].address) as link:
            right_id = noise.token_key(TOKEN, link.salt)[1]
            link.send_message(link.first(random_token(), key_id=key_id or right_id))
            answers.append(link.read_message())
    assert answers[0] == answers[1]


def test_replayed_first_message(bystander):
    """Rule 6: what was recorded on one connection fails on any other."""
    server = bystander[0]
    with Link(server.address) as honest:
        recorded = honest.first(TOKEN)
        honest.send_message(recorded)
        assert honest.read_message()[0] == 1
        for _ in range(3):
            with Link(server.address) as replay:
                assert replay.hello != honest.hello
                replay.send_message(recorded)
                assert replay.read_message()[0] == 2


def test_a_hello_of_another_connection(bystander):
    with Link(bystander[0].address) as a, Link(bystander[0].address) as b:
        b.send_message(b.first(TOKEN, hello=a.hello))
        assert b.read_message()[0] == 2


def test_unknown_version(bystander):
    with Link(bystander[0].address) as link:
        link.send_message(link.first(TOKEN, version=9))
        assert link.read_message()[0] == 2


def has_aes():
    return noise.sodium.crypto_aead_aes256gcm_is_available() == 1


def test_versions_by_processor(bystander):
    """The cipher of version 2 is offered where there are instructions for it, and nowhere else."""
    with Link(bystander[0].address) as link:
        assert link.versions == (b"\1\2" if has_aes() else b"\1")


@pytest.mark.parametrize("version", [1, 2])
def test_every_version(bystander, version):
    """Both ciphers as docs/protocol.md has them, both ways and across a change of the keys."""
    if version == 2 and not has_aes():
        pytest.skip("this processor has no instructions for AES")
    with Link(bystander[0].address) as link:
        link.up(TOKEN, version=version)
        for i in range(noise.REKEY_EVERY + 10):
            link.send(noise.frame(noise.PING, 0, struct.pack(">Q", i)))
            if i % 100 == 0 or i > noise.REKEY_EVERY:
                while link.read_kind(noise.PONG)[2] != struct.pack(">Q", i):
                    pass
        assert link.publish(host="v%d.example" % version)["type"] == "granted"


@pytest.mark.parametrize("hidden", [1, 2])
def test_a_version_taken_away(bystander, hidden):
    """Whoever hides one from a client on the bystander is found out, whatever that client
    chooses."""
    with Link(bystander[0].address) as link:
        if len(link.versions) < 2:
            pytest.skip("this processor has no instructions for AES")
        shorter = noise.MAGIC + bytes([1, 3 - hidden]) + link.hello[len(noise.MAGIC) + 3:]
        link.send_message(link.first(TOKEN, version=3 - hidden, hello=shorter))
        assert link.read_message()[0] == 2


@pytest.mark.parametrize("size", [0, 1, 8, 90, 91, 93, 500, 1024, 1025, 5000])
def test_first_message_of_a_wrong_size(bystander, size):
    with Link(bystander[0].address) as link:
        link.send_message(os.urandom(size))
        with contextlib.suppress(Closed):
            assert link.read_message()[0] == 2
        assert link.v.ended()


def test_large_message_before_the_proof(bystander):
    """Rule 14: before the proof 1,024 bytes are the most, judged by the header alone."""
    with Link(bystander[0].address) as link:
        link.v.send(wire.frame(b"", length=1025))
        assert link.v.ended(timeout=5)


def test_low_order_public_key(bystander):
    """A public key of zeros makes the shared secret zero, whatever the other's key is."""
    with Link(bystander[0].address) as link:
        psk, key_id = noise.token_key(TOKEN, link.salt)
        h = noise.Handshake(b"tunnel.v1" + link.hello + b"\1" + key_id, psk)
        public = bytes(32)
        h.mix_hash(public)
        h.mix_key(public)
        link.send_message(b"\1" + key_id + public + noise.ChaChaPoly.seal(h.k, 0, noise.proof(), h.h))
        with contextlib.suppress(Closed):
            assert link.read_message()[0] == 2
        assert link.v.ended()


@pytest.mark.parametrize("what", ["nothing", "garbage", "unsealed", "second first"])
def test_no_key_confirmation(bystander, what):
    """Rule 10: who only repeats what it heard never gets past the handshake."""
    with Link(bystander[0].address) as link:
        link.greet(TOKEN)
        if what == "garbage":
            link.send_message(os.urandom(200))
        elif what == "unsealed":
            link.send_message(noise.control(type="hello", version="0", instance="00" * 16,
                                            base_window=65536, max_streams=10))
        elif what == "second first":
            link.send_message(link.first(TOKEN))
        assert link.v.ended(timeout=30)


def test_other_frames_before_the_hello(bystander):
    for frames in (noise.open_frame(1), noise.frame(noise.PING, 0, bytes(8)),
                   noise.control(type="publish", service=1, kind="http", host="", upstream="x")):
        with Link(bystander[0].address) as link:
            link.greet(TOKEN)
            link.send(frames, sealed=True)
            assert link.v.ended()


def test_the_server_makes_no_key_for_strangers(bystander):
    """Argon2 costs 19 MiB and 20 ms: a stranger must not make the server spend it."""
    server = bystander[0]
    before = server.memory("VmHWM")
    began = time.monotonic()
    for _ in range(100):
        with Link(server.address) as link:
            link.send_message(b"\1" + os.urandom(8) + os.urandom(83))
            link.read_message()
    assert time.monotonic() - began < 5
    assert server.memory("VmHWM") - before < 8 * 1024 * 1024


# Somebody between the two


def flip(whole, offset, at):
    at = offset + at if at >= 0 else len(whole) + at
    return whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:]


@pytest.mark.parametrize("direction", [UP, DOWN])
@pytest.mark.parametrize("index", range(5))
def test_tampered_message(tunnel, direction, index):
    """One flipped bit in the index-th message: the link ends, is dialled again, nothing is lost."""
    done = []

    def on_message(i, whole, offset):
        if i == index and not done and len(whole) > offset:
            done.append(1)
            return flip(whole, offset, -1)
        return whole

    server = tunnel.server()
    relay = tunnel.mitm(server, Messages(direction, on_message))
    client = tunnel.client(relay.address, tunnel.upstream("ok"), wait=False)
    wait_until(lambda: tunnel.visitor(server).get().body == b"ok", "an answer", timeout=20)
    for _ in range(10):
        assert tunnel.visitor(server).get().body == b"ok"
    if done:
        assert len(relay.pairs) >= 2
    assert client.alive()


@pytest.mark.parametrize("direction", [UP, DOWN])
@pytest.mark.parametrize("how", ["dropped", "doubled", "swapped", "cut short"])
def test_messages_out_of_place(tunnel, direction, how):
    """Numbers are nonces: what is missing, doubled or out of order does not open."""
    state = {"done": False, "held": b""}

    def on_message(i, whole, offset):
        if state["done"] or i < 4:
            return whole
        if how == "swapped" and not state["held"]:
            state["held"] = whole
            return b""
        state["done"] = True
        if how == "dropped":
            return b""
        if how == "doubled":
            return whole + whole
        if how == "swapped":
            return whole + state["held"]
        payload = len(whole) - offset - 1
        return whole[:1] + bytes([whole[1] & 0x80 | payload]) + whole[2:-1] \
            if len(whole) - offset < 126 else whole[:offset] + bytes(len(whole) - offset)

    server = tunnel.server()
    relay = tunnel.mitm(server, Messages(direction, on_message))
    client = tunnel.client(relay.address, tunnel.upstream("ok"))
    for _ in range(10):
        r = tunnel.visitor(server).get()
        assert (r.status, r.body) == (200, b"ok") or r.status == 502
    assert state["done"]
    relay.wait_pairs(2)
    assert tunnel.visitor(server).get().body == b"ok"
    assert client.alive()


def test_a_server_that_is_none(tunnel):
    """Rule 11: anything but a rejection behind a well-formed hello is "not our server yet"."""
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 404 no\r\n\r\n",
               b"SSH-2.0-x\r\n", b"", b"\0" * 100, b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
               b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               b"Sec-WebSocket-Accept: wrong\r\nSec-WebSocket-Protocol: tunnel.v1\r\n\r\n"]

    def script(conn):
        conn.read_head()
        conn.send(answers[conn.number % len(answers)])

    fake = tunnel.upstream(script)
    client = tunnel.client(fake.address, "http://127.0.0.1:1", wait=False)
    wait_until(lambda: len(fake.connections) >= 6, "attempts", timeout=30)
    assert client.alive()


def fake_server(tail):
    """A script that answers the upgrade correctly and then says what tail(conn) does."""
    def script(conn):
        conn.send(wire.link_answer(conn.read_head()))
        tail(conn)
    return script


HELLO = noise.MAGIC + b"\1\1" + bytes(32) + bytes(16)


def hello_and(answer):
    def tail(conn):
        conn.send(wire.frame(HELLO, mask=False))
        conn.read(6 + 92)
        conn.send(answer)
        conn.read_to_end()
    return tail


@pytest.mark.parametrize("tail", [
    lambda c: c.send(os.urandom(5000)),
    lambda c: c.send(wire.frame(HELLO, mask=True)),
    lambda c: c.send(wire.frame(HELLO + b"x", mask=False)),
    lambda c: c.send(wire.frame(HELLO, mask=False, length=2 ** 40, long_form=8)),
    lambda c: c.send(wire.frame(noise.MAGIC + b"\1\7" + bytes(48), mask=False)),
    hello_and(wire.frame(os.urandom(10), mask=False)),
    hello_and(wire.frame(b"\1" + os.urandom(85), mask=False)),
    hello_and(wire.frame(b"\2\3", mask=False)),
    hello_and(wire.frame(b"\2\x63", mask=False)),
], ids=["garbage", "masked", "hello too long", "length", "version", "odd answer", "forged answer",
        "busy", "unknown reason"])
def test_hostile_server(tunnel, tail):
    """A client that dialled a wrong place keeps its token to itself and keeps trying."""
    fake = tunnel.upstream(fake_server(tail))
    client = tunnel.client(fake.address, "http://127.0.0.1:1", wait=False)
    wait_until(lambda: len(fake.connections) >= 3, "attempts", timeout=30)
    assert client.alive()
    assert TOKEN.encode() not in fake.received()
    fake.errors.clear()


def test_rejection_in_a_row_is_interrupted(tunnel):
    """Rule 11: three in a row; a stranger that rejects now and then ends nobody."""
    def tail(conn):
        if conn.number % 2:
            return
        hello_and(wire.frame(b"\2\1", mask=False))(conn)

    fake = tunnel.upstream(fake_server(tail))
    client = tunnel.client(fake.address, "http://127.0.0.1:1", wait=False)
    wait_until(lambda: len(fake.connections) >= 7, "attempts", timeout=40)
    assert client.alive()


def test_accepted_once_never_gives_up(tunnel):
    """Rule 11: a client that was accepted before believes no rejection."""
    server = tunnel.server()
    relay = tunnel.mitm(server)
    client = tunnel.client(relay.address, tunnel.upstream("ok"))
    server.stop()
    argv = list(server.argv)
    server.argv = [a for a in argv if not a.startswith("--token=")] + ["--token=" + random_token()]
    server.start()
    relay.wait_pairs(len(relay.pairs) + 4)  # three rejections end a client that never was accepted
    assert client.alive()
    server.stop()
    server.argv = argv
    server.start()
    # The back-off has grown meanwhile, to 10 s at most.
    wait_until(lambda: client.log().count("connected to ") == 2, "the client to be back",
               timeout=15)
    assert tunnel.visitor(server).get().body == b"ok"
