# SPDX-License-Identifier: MIT
"""Section 4 of the protocol, rule by rule, from a client that knows the token and breaks them.

Each case runs beside an honest client: the link of whoever breaks a rule ends, nothing else does.
"""

import contextlib
import json
import os
import struct

import pytest

from harness import noise, wire
from harness.noise import (
    CONTROL,
    DATA,
    DATAGRAM,
    FIN,
    GOAWAY,
    OPEN,
    PING,
    PONG,
    RESET,
    WINDOW,
    Link,
    control,
    frame,
    open_frame,
)
from harness.programs import TOKEN
from harness.visitor import Closed, Visitor

BASE = 65536


@pytest.fixture(scope="module")
def way(module_tunnel):
    server = module_tunnel.server()
    module_tunnel.client(server, "honest.example=" + module_tunnel.upstream("fine").url)
    return module_tunnel, server


@pytest.fixture
def link(way):
    _, server = way
    steady = Visitor(server.address)
    assert steady.get(host="honest.example").body == b"fine"
    with Link(server.address) as up:
        yield up.up(TOKEN)
    assert steady.get(host="honest.example").body == b"fine"
    steady.close()


def publish(link, host):
    """Publishes and returns the id of a first stream that a visitor opened, and the visitor."""
    assert link.publish(host=host, service=7)["type"] == "granted"
    v = Visitor(link.v.address)
    v.request("/", host=host, method="POST", body=b"hello")
    stream = link.read_kind(OPEN)[1]
    return stream, v


def alive(link):
    link.send(frame(PING, 0, b"12345678"))
    while True:
        f = link.read_kind(PONG)
        if f[2] == b"12345678":
            return True


def test_it_works(link):
    """The happy path first, or every refusal below would prove nothing."""
    stream, v = publish(link, "happy.example")
    assert stream % 2 == 0, "the server's ids are even"
    got = b""
    while b"hello" not in got:
        kind, at, payload = link.read_kind(DATA)
        assert at == stream
        got += payload
    assert got.startswith(b"POST / HTTP/1.1\r\n") and b"X-Forwarded-For: 127.0.0.1\r\n" in got
    link.send(frame(DATA, stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
    assert v.read_response().body == b"hi"
    assert alive(link)


def test_open_names_service_visitor_and_address(link):
    assert link.publish(host="open.example", service=77)["type"] == "granted"
    v = Visitor(link.v.address)
    v.request("/", host="open.example")
    _, _, payload = link.read_kind(OPEN)
    kind, service = struct.unpack(">BI", payload[:5])
    assert kind == noise.HTTP and service == 77
    family, port = struct.unpack(">BH", payload[5:8])
    assert family == 4 and port == v.sock.getsockname()[1]
    assert payload[8:12] == bytes([127, 0, 0, 1])


VIOLATIONS = {
    "unknown critical type": frame(0xFF),
    "DATAGRAM made critical": frame(0x83, 2),
    "truncated header": b"\x81\0\0",
    "truncated payload": frame(PING, 0, b"1234", size=8),
    "PING of 7": frame(PING, 0, bytes(7)),
    "PING on a stream": frame(PING, 2, bytes(8)),
    "DATA on the link": frame(DATA, 0, b"x"),
    "FIN of 7": frame(FIN, 2, bytes(7)),
    "RESET of 8": frame(RESET, 2, bytes(8)),
    "WINDOW of 3": frame(WINDOW, 2, bytes(3)),
    "GOAWAY of 4": frame(GOAWAY, 0, bytes(4)),
    "CONTROL on a stream": frame(CONTROL, 2, b"{}"),
    "CONTROL that is not JSON": frame(CONTROL, 0, b"{]"),
    "CONTROL without a type": frame(CONTROL, 0, b"{}"),
    "CONTROL with a name twice": frame(CONTROL, 0, b'{"type":"notice","type":"notice"}'),
    "CONTROL deep": frame(CONTROL, 0, b"[" * 30000),
    "second hello": control(type="hello", version="0", instance="00" * 16, base_window=1,
                            max_streams=1),
    "DATA for a stream never opened": frame(DATA, 1001, b"x"),
    "WINDOW for a stream never opened": frame(WINDOW, 1002, struct.pack(">I", 1)),
    "RESET for a stream never opened": frame(RESET, 1003, bytes(9)),
    "OPEN with the server's parity": open_frame(2),
    "OPEN with id 0": open_frame(0),
    "OPEN cut short": frame(OPEN, 1, b"\1\0\0\0\7"),
    "OPEN with a family that is none": frame(OPEN, 1, b"\1\0\0\0\1\5\0\1" + bytes(10)),
    "OPEN with trailing bytes": frame(OPEN, 1, b"\1\0\0\0\1\0\0\0\0\0\0\0\0xx"),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_violation_closes_the_link(link, name):
    link.send(VIOLATIONS[name])
    assert link.closed()


def test_lower_open_closes_the_link(link):
    link.send(open_frame(9) + open_frame(7))
    assert link.closed()


STREAM_VIOLATIONS = {
    "empty DATA": lambda s: frame(DATA, s),
    "zero increment": lambda s: frame(WINDOW, s, bytes(4)),
    "increment above 2^31-1": lambda s: frame(WINDOW, s, struct.pack(">I", 2 ** 31)),
    "credit above 2^31-1": lambda s: frame(WINDOW, s, struct.pack(">I", 2 ** 31 - 1)) * 2,
    "OPEN again": open_frame,
}


@pytest.mark.parametrize("name", STREAM_VIOLATIONS)
def test_violation_on_a_stream_closes_the_link(link, name):
    stream, v = publish(link, "violation.example")
    link.send(STREAM_VIOLATIONS[name](stream))
    assert link.closed()
    v.close()


def test_data_beyond_credit(link):
    """Rule 21: nobody is made to hold more than was granted."""
    stream, v = publish(link, "credit.example")
    link.send(frame(DATA, stream, b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n"))
    v.read_head()
    # The visitor reads nothing: credit ends, and whoever goes on is cut off.
    try:
        for _ in range(2000):
            link.send(frame(DATA, stream, bytes(60000)))
        ended = link.closed()
    except OSError:
        ended = True
    assert ended


def test_unknown_frames_that_are_not_critical_are_skipped(link):
    link.send(frame(0x7F, 0, os.urandom(100)) + frame(0x40, 99, b"") + frame(PONG, 0, bytes(8)))
    assert alive(link)


def test_unknown_control_message_is_skipped(link):
    link.send(control(type="from-the-future", x=1))
    assert alive(link)


def test_frames_for_a_closed_stream_are_dropped(link):
    stream, v = publish(link, "closed.example")
    link.send(frame(RESET, stream, bytes([1]) + bytes(8)))
    assert v.read_response().status == 502
    link.send(frame(DATA, stream, b"late") + frame(FIN, stream, bytes(8))
              + frame(WINDOW, stream, struct.pack(">I", 1)) + frame(RESET, stream, bytes(9)))
    assert alive(link)


def test_reset_becomes_502_and_the_session_lives_on(link):
    for reason in list(range(14)) + [200]:
        stream, v = publish(link, "reason-%d.example" % reason) if reason == 0 else (None, None)
        if stream is None:
            v = Visitor(link.v.address)
            v.request("/", host="reason-0.example", method="POST", body=b"x")
            stream = link.read_kind(OPEN)[1]
        link.send(frame(RESET, stream, bytes([reason]) + bytes(8)))
        # "Nothing was written" allows one more attempt, on a stream of its own (rule 37).
        v.sock.settimeout(0.3)
        try:
            r = v.read_response()
        except OSError:
            stream = link.read_kind(OPEN)[1]
            link.send(frame(RESET, stream, bytes([reason]) + bytes(8)))
            v.sock.settimeout(10)
            r = v.read_response()
        assert r.status in (502, 503, 504)
        v.close()
    assert alive(link)


def test_streams_of_a_client_reach_nothing(link):
    """Nobody publishes to clients yet: an OPEN from one is refused, not dialled anywhere."""
    link.send(open_frame(1, service=0) + open_frame(3, service=7, kind=noise.HTTP))
    seen = set()
    while seen != {1, 3}:
        kind, stream, _ = link.read_kind(RESET)
        seen.add(stream)
    assert alive(link)


def test_too_many_streams(link):
    for i in range(20):
        link.send(b"".join(open_frame(1 + 2 * (i * 1000 + j)) for j in range(1000)))
    with contextlib.suppress(Closed):
        assert alive(link)


def test_goaway_stops_new_streams(link):
    stream, v = publish(link, "going.example")
    link.send(frame(GOAWAY, 0, struct.pack(">IB", stream, 0)))
    other = Visitor(link.v.address)
    other.request("/", host="going.example")
    link.send(frame(DATA, stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
    assert v.read_response().body == b"hi"
    other.close()


def test_fin_in_the_middle_of_a_body_is_no_end(link):
    stream, v = publish(link, "fin.example")
    link.send(frame(DATA, stream, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
              + frame(FIN, stream, bytes(8)))
    with pytest.raises(Closed):
        v.read_response()


@pytest.mark.parametrize("host,granted", [
    ("plain.example", True), ("*.wild.example", True), ("", True), ("xn--bcher-kva.example", True),
    ("b\u00fccher.example", False), ("a b.example", False),
    ("a..example", False), ("*.*.example", False), ("a.*.example", False), ("*", False),
    ("a" * 64 + ".example", False), (".".join(["a" * 50] * 6), False), ("a/b", False),
    ("a:80", False), ("\0", False), ("a\r\nX: y", False),
])
def test_claims(link, host, granted):
    """Rule 30. A name is not repaired on the server: who sends it writes the canonical form."""
    try:
        answer = link.publish(host=host, service=1)
    except Exception:
        assert not granted
        return
    assert (answer["type"] == "granted") == granted, answer
    if not granted:
        assert answer["sentence"]


def test_many_claims(link):
    """The answers are a megabyte that nobody reads meanwhile: the server may have enough of it."""
    frames = b""
    seen = 0
    try:
        for i in range(5000):
            frames += control(type="publish", service=i + 1, kind="http",
                              host="h%d.many.example" % i, upstream="http://x")
            if len(frames) > 50000:
                link.send(frames)
                frames = b""
        while seen < 3000:
            message = json.loads(link.read_kind(CONTROL)[2])
            seen += message["type"] in ("granted", "refused")
    except Exception:
        pass
    assert seen or link.closed()


def test_unsupported_kinds_are_refused_by_name(link):
    for kind in ("tcp", "udp", "carrier-pigeon"):
        assert link.publish(host="", service=5, kind=kind)["type"] == "refused"
    assert alive(link)


def test_seal_cannot_be_waived_alone(way):
    _, server = way
    with Link(server.address) as link:
        link.greet(TOKEN, waive=True)
        assert link.sealed
        link.confirm()
        link.send(frame(PING, 0, b"12345678"))
        link.read_kind(PONG)
        link.send(frame(PING, 0, b"12345678"), sealed=False)
        assert link.closed()


def test_rekey(way):
    """Rule 16: more than 4,096 messages each way, counted on both sides."""
    _, server = way
    with Link(server.address) as link:
        link.up(TOKEN)
        for _ in range(45):
            for _ in range(100):
                link.send(frame(PONG, 0, bytes(8)))
            assert alive(link)
        assert link.out.n > noise.REKEY_EVERY


def test_datagram_needs_a_flow(link):
    link.send(frame(DATAGRAM, 1001, b"x"))
    assert link.closed()


def test_several_frames_in_one_message_and_one_in_a_large(link):
    link.send(frame(0x10, 0, bytes(65519 - 8)))
    link.send(frame(PING, 0, b"aaaaaaaa") + frame(PING, 0, b"bbbbbbbb"))
    assert alive(link)


def test_message_above_the_limit(link):
    link.v.send(wire.frame(b"", length=65536, long_form=8))
    assert link.v.ended(timeout=5)


def test_junk_inside_the_seal(way):
    """200 records of random bytes, each on a link of its own; a poor man's fuzzer."""
    _, server = way
    for i in range(60):
        with Link(server.address) as link:
            link.up(TOKEN)
            data = bytearray(open_frame(1) + frame(DATA, 1, bytes(20)) + frame(PING, 0, bytes(8)))
            for _ in range(1 + i % 5):
                data[int.from_bytes(os.urandom(2), "big") % len(data)] = os.urandom(1)[0]
            link.send(bytes(data))


@pytest.mark.regression
def test_control_messages_are_limited(tunnel):
    """What a peer can say in a second is parsed in a few milliseconds; who says more is gone."""
    server = tunnel.server()
    with Link(server.address) as link:
        link.up(TOKEN)
        link.publish(host="a.example")
        long = control(type="later", x="y" * 60000)
        with pytest.raises(OSError):
            for _ in range(2000):
                link.send(long)
        server.log_contains("more control messages than it may send")
