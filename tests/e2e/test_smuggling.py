# SPDX-License-Identifier: MIT
"""Requests about whose meaning two parsers could disagree: refused before anything of them reaches
an upstream (RFC 9112, section 11.2). And the same from the other side: responses."""

import contextlib

import pytest

from harness.upstream import always
from harness.visitor import Closed

H = "Host: a\r\n"
GET, POST = "GET / HTTP/1.1\r\n" + H, "POST / HTTP/1.1\r\n" + H

REFUSED = {
    # name: (status, bytes)
    "both lengths": (400, POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "both lengths, other order": (400, POST + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    "two lengths": (400, POST + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
    "length list": (400, POST + "Content-Length: 5, 6\r\n\r\nhello"),
    "plus": (400, POST + "Content-Length: +5\r\n\r\nhello"),
    "minus": (400, POST + "Content-Length: -5\r\n\r\nhello"),
    "hex": (400, POST + "Content-Length: 0x5\r\n\r\nhello"),
    "empty length": (400, POST + "Content-Length: \r\n\r\n"),
    "too large": (400, POST + "Content-Length: 99999999999999999999\r\n\r\n"),
    "space in length": (400, POST + "Content-Length: 5 5\r\n\r\nhello"),
    "coding not chunked": (400, POST + "Transfer-Encoding: gzip\r\n\r\n"),
    "coding before chunked": (400, POST + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "chunked twice": (400, POST + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    "chunked not last": (400, POST + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    "two codings": (400, POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    "xchunked": (400, POST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "quoted chunked": (400, POST + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    "vertical tab chunked": (400, POST + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    "coding in 1.0": (400, "POST / HTTP/1.0\r\n" + H + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "bare LF": (400, "GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n"),
    "bare LF in request line": (400, "GET / HTTP/1.1\n" + H + "\r\n"),
    "only LF": (400, "GET / HTTP/1.1\nHost: a\n\n"),
    "bare CR": (400, GET + "X: 1\rY: 2\r\n\r\n"),
    "NUL in value": (400, GET + "X: a\0b\r\n\r\n"),
    "NUL in target": (400, "GET /\0 HTTP/1.1\r\n" + H + "\r\n"),
    "obs-fold": (400, GET + "X: 1\r\n 2\r\n\r\n"),
    "obs-fold with tab": (400, GET + "X: 1\r\n\t2\r\n\r\n"),
    "fold before fields": (400, "GET / HTTP/1.1\r\n X: 1\r\n" + H + "\r\n"),
    "space before colon": (400, GET + "Content-Length : 5\r\n\r\nhello"),
    "tab before colon": (400, GET + "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"),
    "no colon": (400, GET + "X\r\n\r\n"),
    "empty name": (400, GET + ": 1\r\n\r\n"),
    "name with slash": (400, GET + "X/Y: 1\r\n\r\n"),
    "name not ASCII": (400, GET + "X\xe4: 1\r\n\r\n"),
    "two hosts": (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    "no host": (400, "GET / HTTP/1.1\r\nX: 1\r\n\r\n"),
    "host with path": (400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    "host with user": (400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    "host with bad port": (400, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
    "host list": (400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    "absolute form, other host": (400, "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    "absolute form, other port": (400, "GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    "absolute form, user": (400, "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    "relative target": (400, "GET x HTTP/1.1\r\n" + H + "\r\n"),
    "no target": (400, "GET HTTP/1.1\r\n" + H + "\r\n"),
    "two spaces": (400, "GET  / HTTP/1.1\r\n" + H + "\r\n"),
    "space in target": (400, "GET /a b HTTP/1.1\r\n" + H + "\r\n"),
    "tab separators": (400, "GET\t/\tHTTP/1.1\r\n" + H + "\r\n"),
    "version 1.2x": (400, "GET / HTTP/1.x\r\n" + H + "\r\n"),
    "lower-case version": (400, "GET / http/1.1\r\n" + H + "\r\n"),
    "method with NUL": (400, "G\0T / HTTP/1.1\r\n" + H + "\r\n"),
    "CONNECT": (405, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
    "head too long": (431, GET + "X: " + "a" * 40000 + "\r\n\r\n"),
}


@pytest.fixture(scope="module")
def way(module_tunnel):
    """One tunnel for all rows: what is judged is that nothing arrives, and that it stays well."""
    return module_tunnel, *module_tunnel.through()


@pytest.mark.parametrize("name", REFUSED)
def test_refused(way, name):
    tunnel, server, _, upstream = way
    status, data = REFUSED[name]
    before = upstream.received()
    v = tunnel.visitor(server)
    v.send(data)
    v.send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    r = v.read_response()
    assert r.status == status, r.raw_head
    assert v.ended(), "a connection whose framing is lost must not be used again"
    assert upstream.received() == before
    assert tunnel.visitor(server).get().status == 200


BAD_CHUNKS = {
    "no size": b"\r\n",
    "sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "space": b"5 \r\nhello\r\n0\r\n\r\n",
    "overflow": b"fffffffffffffffff\r\nhello",
    "no CRLF behind": b"5\r\nhelloXX0\r\n\r\n",
    "bare LF": b"5\nhello\n0\n\n",
    "control in extension": b"5;a=\x01\r\nhello\r\n0\r\n\r\n",
    "long extension": b"5;" + b"a" * 70000 + b"\r\nhello\r\n0\r\n\r\n",
    "extension that ends in quotes": b"5;a=\"\r\nhello\r\n0\r\n\r\n",
    "size of two words": b"5 5\r\nhello\r\n0\r\n\r\n",
    "LF in extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "bad trailer": b"0\r\nX Y: 1\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_bad_chunks_end_the_request(way, name):
    """The head has gone by then: what matters is that nothing behind it becomes a request."""
    tunnel, server, _, upstream = way
    v = tunnel.visitor(server)
    v.send(b"POST /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
           + BAD_CHUNKS[name] + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    if name == "overflow":
        v.finish()
    with contextlib.suppress(Closed):
        assert v.read_response().status == 400
    assert v.ended()
    assert b"/smuggled" not in upstream.received()
    assert tunnel.visitor(server).get().status == 200


BAD_RESPONSES = {
    "both lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "conflicting lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "obs-fold": b"HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\nContent-Length: 0\r\n\r\n",
    "coding not chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "no HTTP": b"220 mail.example.com ESMTP\r\n\r\n",
    "bad status": b"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
    "space before colon": b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    "head too long": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70000 + b"\r\n\r\n",
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
}


@pytest.mark.parametrize("name", BAD_RESPONSES)
def test_bad_response_is_502(tunnel, name):
    """Rule 32. The stream is not kept: the next request gets another connection."""
    def script(conn):
        conn.read_request()
        conn.send(BAD_RESPONSES[name] if conn.number == 0
                  else b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        if conn.number or name not in ("nothing", "half a head"):
            conn.read_to_end()

    server, _, upstream = tunnel.through(script)
    v = tunnel.visitor(server)
    r = v.get(method="POST", body=b"x")
    assert r.status == 502, r.raw_head
    assert tunnel.visitor(server).get().status == 200
    assert len(upstream.connections) == 2


def test_bytes_behind_a_response_are_never_delivered(tunnel):
    """Rule 33: response splitting by the upstream, or a response to nobody's request."""
    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"
                  b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned")
        conn.read_request()

    server, _, upstream = tunnel.through(script)
    for _ in range(3):
        v = tunnel.visitor(server)
        assert v.get().body == b"first"
        assert v.get().body == b"first"


def test_head_response_with_a_body(tunnel):
    """A body after HEAD is bytes behind the end, too."""
    server, _, _ = tunnel.through(always(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
    v = tunnel.visitor(server)
    assert v.get(method="HEAD").status == 200
    assert v.get().body == b"hello"
    assert v.get(method="HEAD").status == 200
    assert v.get().body == b"hello"


BOTH = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"
UNFRAMED = {
    # name: (method, answer's status line and framing fields, what of those is passed on)
    "HEAD, both": ("HEAD", b"HTTP/1.1 200 OK\r\n" + BOTH, {}),
    "HEAD, coding twice": ("HEAD", b"HTTP/1.1 200 OK\r\n" + 2 * b"Transfer-Encoding: chunked\r\n", {}),
    "HEAD, two lengths": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n", {}),
    "HEAD, length": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", {"Content-Length": "5"}),
    "HEAD, coding": ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
                     {"Transfer-Encoding": "chunked"}),
    "304, both": ("GET", b"HTTP/1.1 304 Not Modified\r\n" + BOTH, {}),
    "304 of 1.0": ("GET", b"HTTP/1.0 304 Not Modified\r\nTransfer-Encoding: chunked\r\n", {}),
    "304, length": ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n",
                    {"Content-Length": "5"}),
    "204, both": ("DELETE", b"HTTP/1.1 204 No Content\r\n" + BOTH, {}),
    "204, named": ("DELETE", b"HTTP/1.1 204 No Content\r\nConnection: Content-Length\r\n"
                   b"Content-Length: 0\r\n", {}),
    "103, both": ("GET", b"HTTP/1.1 103 Early Hints\r\n" + BOTH
                  + b"\r\nHTTP/1.1 304 Not Modified\r\n", {}),
}


def test_what_frames_nothing_is_not_judged(way):
    """RFC 9112, 6.3: an answer without a body ends behind its head, whatever stands there; and what
    is passed on can be read in one way only. The next answer on the connection is the next
    one's."""
    tunnel = way[0]
    answer = [b""]

    def script(conn):
        while True:
            request = conn.read_request()
            if request is None:
                return
            conn.send(answer[0] if b" /unframed " in request[0]
                      else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    server, _, _ = tunnel.through(script)
    v = tunnel.visitor(server)
    for name, (method, head, passed) in UNFRAMED.items():
        answer[0] = head + b"\r\n"
        r = v.get("/unframed", method=method)
        assert r.status != 502, name
        for answered in (*r.interim, r):
            framing = {n: x for n, x in answered.fields
                       if n in ("Content-Length", "Transfer-Encoding")}
            assert framing == (passed if answered is r else {}), (name, answered.raw_head)
        assert v.get().body == b"ok", name


def test_an_announced_body_of_none_is_nobodys_answer(tunnel):
    """An upstream that ends a 204 with a last chunk: nobody who comes next may be given it."""
    def script(conn):
        while conn.read_request() is not None:
            if conn.number == 0 and not conn.received.endswith(b"/second"):
                conn.send(b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n")
            else:
                conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    server, _, upstream = tunnel.through(script)
    v = tunnel.visitor(server)
    assert v.get("/first").status == 204
    assert v.get("/second").body == b"ok"
    assert len(upstream.connections) == 2


def test_101_with_framing(tunnel):
    server, _, _ = tunnel.through(lambda conn: (
        conn.read_request(), conn.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                       b"Connection: Upgrade\r\n" + BOTH + b"\r\nhello"),
        conn.read_to_end()))
    v = tunnel.visitor(server)
    r = v.get(fields=["Upgrade: websocket", "Connection: Upgrade"])
    assert r.status == 101 and not r.all("Content-Length") and not r.all("Transfer-Encoding")
    assert v.read(5) == b"hello"
