# SPDX-License-Identifier: MIT
"""Chunked bodies as RFC 9112, 7.1, lets others write them: taken both ways, and passed on in one
form."""

import hashlib
import threading

import pytest

from harness.upstream import CHUNKED, echo, refused_port, response
from harness.visitor import Closed
from harness.wait import PATIENCE, wait_until

REQUEST = b"POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
CANONICAL = b"2\r\nok\r\n0\r\n\r\n"
LEGAL = {
    # name: what others write for CANONICAL
    "canonical": CANONICAL,
    "zeros": b"0002\r\nok\r\n000\r\n\r\n",
    "16 digits": b"0000000000000002\r\nok\r\n0000000000000000\r\n\r\n",
    "40 digits": b"%040x\r\nok\r\n%040x\r\n\r\n" % (2, 0),
    "extension": b"2;a=b\r\nok\r\n0;c\r\n\r\n",
    "blank before": b"2 ;a=b\r\nok\r\n0 ;a\r\n\r\n",
    "blank behind": b"2; a=b\r\nok\r\n0; a\r\n\r\n",
    "tabs": b"2\t;\ta\t=\tb\r\nok\r\n0\t;\ta\r\n\r\n",
    "quoted": b"2;a=\"x\ty\\\"; \\\\\xe9\"\r\nok\r\n0;\"\"\r\n\r\n",
    "long extension": b"2;" + b"a" * 300 + b"\r\nok\r\n0;" + b"b" * 5000 + b"\r\n\r\n",
}
PADDED = {"padded": b"2   \r\nok\r\n0\t\r\n\r\n"}


@pytest.mark.parametrize("piece", [100_000, 1])
def test_legal_requests(tunnel, piece):
    server, _, upstream = tunnel.through(echo)
    v = tunnel.visitor(server)
    for name, body in LEGAL.items():
        if piece == 1 and len(body) > 100:
            continue
        target = ("/" + name.replace(" ", "-")).encode()
        v.trickle(REQUEST % target + body, piece)
        assert v.read_response().body == b"ok", name
        got = upstream.received()
        assert got[got.index(b"POST " + target):].split(b"\r\n\r\n", 1)[1] == CANONICAL, name


@pytest.mark.parametrize("piece", [100_000, 1])
def test_legal_answers(tunnel, piece):
    answers = LEGAL | PADDED

    def script(conn):
        while (request := conn.read_request()) is not None:
            name = request[0].split(b" ")[1][1:].decode().replace("-", " ")
            conn.trickle(CHUNKED + answers[name], piece)

    server, _, upstream = tunnel.through(script)
    v = tunnel.visitor(server)
    for name, body in answers.items():
        if piece == 1 and len(body) > 100:
            continue
        v.request("/" + name.replace(" ", "-"))
        assert v.read_head().status == 200
        assert v.read(len(CANONICAL)) == CANONICAL, name
        r = tunnel.visitor(server).get("/" + name.replace(" ", "-"), version="1.0")
        assert r.body == b"ok" and r.end == "close", name
    assert v.buffer == b""
    if piece > 1:
        assert len(upstream.connections) == 1, "its end is certain, so the connection is kept"


def test_bytes_of_a_1_0_visitors_answer_are_counted(tunnel):
    server, _, _ = tunnel.through(lambda conn: (conn.read_request(), conn.send(CHUNKED + CANONICAL)))
    r = tunnel.visitor(server).get(version="1.0")
    assert r.body == b"ok"
    server.log_contains("bytes_out=%d " % (len(r.raw_head) + 2))


def test_rewritten_answer_to_a_slow_reader(tunnel):
    """Chunks of both kinds, so that pieces pass as they came and rewritten in turn."""
    parts = [bytes([65 + i % 26]) * (1 + i * 7919 % 30_000) for i in range(400)]
    whole = b"".join(parts)
    sizes = [b"%x", b"%x", b"%x", b"00%x", b"%x;a=b", b"%x \t; q=\"x\""]

    def script(conn):
        while conn.read_request() is not None:
            conn.send(CHUNKED + b"".join(sizes[i % 97 % 6] % len(p) + b"\r\n" + p + b"\r\n"
                                        for i, p in enumerate(parts)) + b"0\r\nA: b\r\n\r\n")

    server, _, _ = tunnel.through(script)
    for version in ("1.1", "1.0"):
        v = tunnel.visitor(server)
        v.request(version=version)
        v.read_head()
        v.sip(40, 0.002)  # slowly at first
        if version == "1.1":
            body, trailers = v.read_chunked()
            assert trailers == [("A", "b")]
        else:
            body = v.read_to_end()
        assert hashlib.sha256(body).digest() == hashlib.sha256(whole).digest()


def test_rewritten_request_is_sent_again_as_it_was(tunnel):
    """What is held of a body is what was sent of it."""
    server = tunnel.server()
    upstream = tunnel.upstream(echo)
    sock, port = refused_port()
    with sock:
        nobody = tunnel.client(server, "http://127.0.0.1:%d" % port)
        tunnel.client(server, upstream)
        # A client that is silent for a moment is asked last, so four may all go to the other one.
        for i in range(100):
            v = tunnel.visitor(server)
            v.send(REQUEST % (b"/%d" % i) + b"02;a=b\r\nok\r\n1 ;c\r\n%d\r\n00\r\n\r\n" % (i % 10))
            assert v.read_response().body == b"ok%d" % (i % 10)
            if i >= 3 and "refused" in nobody.log():
                break
        nobody.log_contains("refused")


def test_large_rewritten_upload(tunnel):
    digest = hashlib.sha256()

    def script(conn):
        body = conn.read_request()[1]
        conn.send(response(hashlib.sha256(body).hexdigest()))

    server, _, _ = tunnel.through(script)
    v = tunnel.visitor(server)
    v.send(REQUEST % b"/")
    for i in range(300):
        part = b"%05d" % i * (1 + i * 31 % 4000)
        digest.update(part)
        v.send(b"%08x;signature=%064x\r\n%s\r\n" % (len(part), i, part))
    v.send(b"0\r\n\r\n")
    assert v.read_response().text() == digest.hexdigest()


SURPLUS = {
    "one extension": b"1;" + b"a" * 70_000 + b"\r\nx\r\n0\r\n\r\n",
    "many": b"".join(b"1;%060d\r\nx\r\n" % i for i in range(1000)) + b"0\r\n\r\n",
    "zeros": b"0" * 70_000 + b"1\r\nx\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", SURPLUS)
def test_what_is_left_out_is_bounded(tunnel, name):
    server, _, upstream = tunnel.through(
        lambda conn: (conn.read_request(), conn.send(CHUNKED + SURPLUS[name]), conn.read_to_end()))
    v = tunnel.visitor(server)
    with pytest.raises((Closed, AssertionError)):
        assert v.get().status == 200
    v = tunnel.visitor(server)
    try:
        v.send(REQUEST % b"/" + SURPLUS[name] + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        assert v.read_response().status == 400
    except (Closed, OSError):
        pass
    assert v.ended()
    assert b"/smuggled" not in upstream.received()


def test_bad_chunk_behind_one_that_is_rewritten(tunnel):
    """Judged before a byte of the head was written: that is a 502 yet, and not half an answer."""
    server, _, _ = tunnel.through(
        lambda conn: (conn.read_head(), conn.send(CHUNKED + b"02;a\r\nok\r\nzz\r\n")))
    assert tunnel.visitor(server).get().status == 502
    wait_until(lambda: "status=502" in server.log(), "the line", PATIENCE)


def test_lengths_go_on_in_one_form(tunnel):
    def script(conn):
        while (head := conn.read_head()) is not None:
            body = conn.read(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length:\t0%d \r\n\r\n%s" % (len(body), body))

    server, _, upstream = tunnel.through(script)
    v = tunnel.visitor(server)
    for written in (b" 00000000000000000000012", b"012", b"\t12 \t"):
        v.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:" + written + b"\r\n\r\nhello, there")
        r = v.read_response()
        assert r.body == b"hello, there" and b"\r\nContent-Length: 12\r\n" in r.raw_head
    assert upstream.received().count(b"\r\nContent-Length: 12\r\n") == 3


@pytest.mark.regression
def test_bad_chunk_right_behind_the_head(tunnel):
    """Judged in one go, before a byte of the head was written: that is a 502 yet."""
    server, _, _ = tunnel.through(lambda conn: (conn.read_head(), conn.send(CHUNKED + b"zz\r\n")))
    r = tunnel.visitor(server).get()
    assert r.status == 502


@pytest.mark.regression
def test_bad_chunk_later(tunnel):
    """Once the head is out only a reset can tell."""
    go = threading.Event()

    def script(conn):
        conn.read_head()
        conn.send(CHUNKED + b"2\r\nok\r\n")
        go.wait(PATIENCE)
        conn.send(b"zz\r\n")

    server, _, _ = tunnel.through(script)
    v = tunnel.visitor(server)
    v.request()
    assert v.read_head().status == 200
    assert v.read_chunk() == b"ok"
    go.set()
    with pytest.raises(Closed) as e:
        v.read_chunk()
    assert e.value.reset


@pytest.mark.regression
@pytest.mark.parametrize("trailers, status, why", [
    pytest.param(b"X-Long: %s\r\n" % (b"x" * 70000), 431, "TRAILERS_TOO_LARGE", id="too large"),
    pytest.param(b"Content-Length: 7\r\n", 400, "TRAILER", id="of the head"),
    pytest.param(b"X Y: 7\r\n", 400, "NAME", id="no name"),
])
def test_bad_trailer_of_a_request(tunnel, trailers, status, why):
    """Each is refused for what it is; they all were called a bad chunk size."""
    server, _, _ = tunnel.through()
    v = tunnel.visitor(server)
    v.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n")
    v.send(trailers + b"\r\n")
    assert v.read_response().status == status
    wait_until(lambda: " " + why in server.log() or "=" + why in server.log(), "the reason")
