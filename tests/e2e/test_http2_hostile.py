# SPDX-License-Identifier: MIT
"""Visitors by HTTP/2 that mean harm: requests that another reader could read differently once they are HTTP/1, and
floods of frames. Each is refused, or the upstream gets one request in good form; others are served meanwhile."""

import contextlib
import socket

import pytest

from harness.http2 import AUTHORITY, Http2Visitor
from harness.upstream import echo
from harness.visitor import split
from harness.wait import PATIENCE, wait_until

GET = [(":method", "GET"), (":scheme", "https"), (":authority", AUTHORITY), (":path", "/")]
POST = [(":method", "POST"), *GET[1:]]


def pseudo(**changed):
    return [(n, changed.get(n[1:], v)) for n, v in GET]


REFUSED = {
    "line feed in a value": [*GET, ("x", "a\nhost: b")],
    "CR LF in a value": [*GET, ("x", "a\r\n\r\nGET /evil HTTP/1.1\r\nhost: b")],
    "NUL in a value": [*GET, ("x", "a\0b")],
    "colon in a name": [*GET, ("x:y", "a")],
    "space in a name": [*GET, ("x y", "a")],
    "CR LF in a name": [*GET, ("x\r\ny", "a")],
    "an empty name": [*GET, ("", "a")],
    "an upper-case name": [*GET, ("X-Y", "a")],
    "a space in the path": pseudo(path="/ HTTP/1.1\r\nx: y"),
    "a version in the path": pseudo(path="/ HTTP/1.1"),
    "CR LF in the path": pseudo(path="/\r\nx: y"),
    "no path": [f for f in GET if f[0] != ":path"],
    "an empty path": pseudo(path=""),
    "an absolute path": pseudo(path="http://evil.example/"),
    "a path without a slash": pseudo(path="x"),
    "another scheme": pseudo(scheme="ftp"),
    "a space in the method": pseudo(method="GET /x HTTP/1.1\r\nx:"),
    "CONNECT": [(":method", "CONNECT"), (":authority", "a.example:443")],
    "an extended CONNECT": [*pseudo(method="CONNECT"), (":protocol", "websocket")],
    "two hosts": [*GET, ("host", "evil.example")],
    "two of the same host": [*GET, ("host", AUTHORITY), ("host", AUTHORITY)],
    "a user in the authority": pseudo(authority="user@a.example"),
    "a space in the authority": pseudo(authority="a b"),
    "no host at all": [f for f in GET if f[0] != ":authority"],
    "two paths": [*GET, (":path", "/b")],
    "a pseudo-field behind a field": [GET[0], ("x", "y"), *GET[1:]],
    "transfer-encoding": [*POST, ("transfer-encoding", "chunked")],
    "connection": [*GET, ("connection", "close")],
    "upgrade": [*GET, ("upgrade", "websocket")],
    "te that is not trailers": [*GET, ("te", "gzip")],
    "two lengths": [*POST, ("content-length", "3"), ("content-length", "3")],
    "a length that is no number": [*POST, ("content-length", "3, 3")],
    "a negative length": [*POST, ("content-length", "-1")],
    "300 fields": [*GET, *[("x%d" % i, "y") for i in range(300)]],
    "a head that is too large": [*GET, *[("x%d" % i, "y" * 4000) for i in range(10)]],
}

PASSED = {
    "crumbs of a cookie": [*GET, ("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")],
    "100 fields": [*GET, *[("x%d" % i, "y") for i in range(100)]],
    "the same host again": [*GET, ("host", AUTHORITY.upper())],
    "an empty value": [*GET, ("x", "")],
    "te": [*GET, ("te", "trailers")],
}


@pytest.fixture
def through(tunnel):
    server, _, upstream = tunnel.through(echo)
    with Http2Visitor(server) as other:
        yield server, upstream, other
        assert other.get("POST", "/other", body=b"fine").body == b"fine"


def test_refused(through):
    server, upstream, _ = through
    for name, fields in REFUSED.items():
        before = len(upstream.received())
        with Http2Visitor(server) as v:
            stream = v.ask(fields=fields)
            while not v.answers[stream].over and v.hear():
                pass
            answer = v.answers[stream]
            assert answer.reset or v.goaway or v.closed or 400 <= answer.status < 500, name
        assert len(upstream.received()) == before, name


@pytest.mark.parametrize("length, body", [("3", b"four"), ("5", b"four"), ("0", b"four")])
def test_lies_about_the_length(through, length, body):
    server, upstream, _ = through
    with Http2Visitor(server) as v:
        # The body goes along: the answer to a request of no bytes could be whole before it comes.
        stream = v.begin([*POST, ("content-length", length)])
        # Ours counts, and would not send it.
        v.h2.streams[stream]._expected_content_length = None
        v.send(stream, body, end=True)
        while not v.answers[stream].over and v.hear():
            pass
        assert v.answers[stream].reset
    # No request that is whole, or none at all.
    assert b"four" not in upstream.received() or length == "5"


def test_passed(through):
    server, upstream, _ = through
    with Http2Visitor(server) as v:
        for name, fields in PASSED.items():
            before = len(upstream.received())
            assert v.answer(v.ask(fields=fields)).status == 200, name
            head = upstream.received()[before:]
            assert head.count(b"\r\n\r\n") == 1 and head.endswith(b"\r\n\r\n"), name
            assert head.lower().count(b"\r\nhost: ") == 1, name
            if "cookie" in name:
                assert b"\r\nCookie: a=1; b=2\r\n" in head


def flood(server, frame, n):
    """So many frames; what became of the connection: the code of GOAWAY, or None."""
    with Http2Visitor(server) as v:
        v.get()
        try:
            for i in range(n):
                v.sock.sendall(frame(v, i))
            v.sock.settimeout(1)
            v.hear_to_end()
        except (BrokenPipeError, ConnectionResetError):
            return "closed"
        except TimeoutError:
            pass
        return v.goaway if v.goaway is not None else "closed" if v.closed else None


def raw(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


HPACK = bytes([0x82, 0x87, 0x84, 0x41, len(AUTHORITY)]) + AUTHORITY.encode()


def test_rapid_resets(through):
    server, _, other = through

    def frame(_, i):
        return raw(1, 5, 2 * i + 3, HPACK) + raw(3, 0, 2 * i + 3, b"\0\0\0\x08")
    assert flood(server, frame, 5000) is not None
    assert other.get().status == 200


def test_endless_continuation(through):
    server, _, other = through

    def frame(_, i):
        return raw(9, 0, 3, b"\0\1x\1y") if i else raw(1, 1, 3, HPACK)
    assert flood(server, frame, 5000) is not None
    assert other.get().status == 200


@pytest.mark.parametrize("kind, flags, payload", [(4, 0, b"\0\4\0\0\xff\xff"), (6, 0, b"12345678"),
                                                  (2, 0, b"\0\0\0\0\1")])
def test_frames_that_ask_for_nothing(through, kind, flags, payload):
    """SETTINGS, PING and PRIORITY: answered or dropped, in memory that does not grow."""
    server, _, other = through
    before = server.memory()
    flood(server, lambda *_: raw(kind, flags, 1 if kind == 2 else 0, payload) * 100, 2000)
    assert other.get().status == 200
    assert server.memory() - before < 8 << 20


def test_preface_behind_a_request(through, tunnel):
    """A proxy's connection does not become one of HTTP/2 because a visitor of it wants that."""
    server, upstream, _ = through
    v = tunnel.visitor(server)
    v.request("/")
    assert v.read_response().status == 200
    v.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert v.read_response().status == 505


def test_a_stalled_reader_ends(tunnel):
    """Whose window stays shut while its connection is well."""
    server, *_ = tunnel.through("x" * 200_000, ["--visitor-stalled=1s"])
    with Http2Visitor(server, greedy=False) as v:
        assert v.answer(v.ask()).reset == 8
    wait_until(lambda: "why=visitor-stalled" in server.log(), "the access line")


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
UNFINISHED = {
    "a head without its end": PREFACE + raw(4, 0, 0) + raw(1, 1, 1, HPACK),
    "a head that goes on": PREFACE + raw(4, 0, 0) + raw(1, 1, 1, HPACK) + raw(9, 0, 1, b"\0\1x\1y"),
    "half a frame": PREFACE + raw(4, 0, 0) + raw(1, 5, 1, HPACK)[:-4],
    "half the head of a frame": PREFACE + raw(4, 0, 0)[:5],
    "half a preface": PREFACE[:20],
}


def ends(server, said):
    """Whether the connection is closed behind that."""
    with socket.create_connection(split(server.address), timeout=PATIENCE) as s, \
            contextlib.suppress(ConnectionResetError):
        s.sendall(said)
        while s.recv(65536):
            pass
    return True


@pytest.mark.parametrize("name", UNFINISHED)
def test_unfinished_ends(tunnel, name):
    server, *_ = tunnel.through(echo, ["--request-head-timeout=1s", "--visitor-idle=1h"])
    assert ends(server, UNFINISHED[name])


def test_unfinished_head_ends_by_the_idle_time(tunnel):
    server, *_ = tunnel.through(echo, ["--request-head-timeout=1m", "--visitor-idle=1s"])
    assert ends(server, UNFINISHED["a head without its end"])


def test_a_slow_body_goes_on(tunnel):
    """DATA may come as slowly as --visitor-idle allows."""
    server, *_ = tunnel.through(echo, ["--request-head-timeout=1s"])
    with Http2Visitor(server) as v:
        v.get()  # what both sides begin with is said
        stream = v.ask("POST", end=False)
        v.h2.send_data(stream, b"slow", end_stream=True)
        frame = v.h2.data_to_send()
        v.sock.sendall(frame[:10])
        v.sock.settimeout(1.5)
        with contextlib.suppress(TimeoutError):
            v.hear_to_end()
        v.sock.settimeout(PATIENCE)
        v.sock.sendall(frame[10:])
        assert v.answer(stream).body == b"slow"
