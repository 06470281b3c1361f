# SPDX-License-Identifier: MIT
"""Bodies in both directions: framing, interim responses, streaming, and any size in constant
memory."""

import hashlib
import threading

import pytest

from harness.stage import SANITIZED
from harness.upstream import always, echo, head_of, one, response
from harness.visitor import Closed

MIB = 1024 * 1024
RESIDENT_MAX = 40 * MIB  # either process, at any time


def chunked(*parts, trailers=b""):
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n" + trailers + b"\r\n"


def test_chunked_request(tunnel):
    server, _, upstream = tunnel.through(echo)
    v = tunnel.visitor(server)
    v.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
           + chunked(b"one", b"two" * 5000, b"three"))
    r = v.read_response()
    assert r.body == b"one" + b"two" * 5000 + b"three"
    assert one(head_of(upstream), "transfer-encoding") == "chunked"
    assert v.get().status == 200


@pytest.mark.parametrize("piece", [1, 7])
def test_chunked_request_in_small_pieces(tunnel, piece):
    server, _, _ = tunnel.through(echo)
    v = tunnel.visitor(server)
    data = (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            + chunked(b"0123456789", b"x") + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
    v.trickle(data, piece)
    assert v.read_response().body == b"0123456789x"
    assert v.read_response().status == 200


def test_request_trailers_reach_the_upstream(tunnel):
    server, _, upstream = tunnel.through(echo)
    v = tunnel.visitor(server)
    v.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
           + chunked(b"data", trailers=b"X-Sum: 42\r\n"))
    assert v.read_response().body == b"data"
    assert b"0\r\nX-Sum: 42\r\n\r\n" in upstream.received()


def test_response_chunks_and_trailers_pass(tunnel):
    server, _, _ = tunnel.through(always(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        + chunked(b"hello", b"world", trailers=b"X-Sum: 7\r\n")))
    v = tunnel.visitor(server)
    for _ in range(3):
        r = v.get("/", fields=["TE: trailers"])
        assert r.body == b"helloworld" and r.trailers == [("X-Sum", "7")]


def test_expect_100_continue(tunnel):
    def script(conn):
        head = conn.read_head()
        assert b"100-continue" in head.lower()
        conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        conn.send(response(conn.read_body(head)))

    server, _, upstream = tunnel.through(script)
    v = tunnel.visitor(server)
    v.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
    assert v.read_head().status == 100
    v.send(b"data")
    assert v.read_response().body == b"data"


def test_expect_refused_by_the_upstream(tunnel):
    def script(conn):
        conn.read_head()
        conn.send(response("no\n", "413 Content Too Large", ["Connection: close"]))

    server, _, _ = tunnel.through(script)
    v = tunnel.visitor(server)
    v.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n")
    assert v.read_response().status == 413


def test_interim_responses_pass(tunnel):
    server, _, _ = tunnel.through(always(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + response()))
    r = tunnel.visitor(server).get()
    assert [i.status for i in r.interim] == [103] and r.status == 200


def test_too_many_interim_responses(tunnel):
    server, _, _ = tunnel.through(always(b"HTTP/1.1 102 Processing\r\n\r\n" * 17 + response()))
    v = tunnel.visitor(server)
    v.request()
    r = v.read_response()
    assert r.status == 502


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_no_body_whatever_it_claims(tunnel, status):
    # A body may not follow; a Content-Length on a 304 says what a GET would have brought.
    extra = "Content-Length: 5\r\n" if status.startswith("304") else ""
    server, _, _ = tunnel.through(always(
        ("HTTP/1.1 %s\r\n%s\r\n" % (status, extra)).encode()))
    v = tunnel.visitor(server)
    for _ in range(3):
        assert v.get().status == int(status[:3])


def test_head(tunnel):
    server, _, upstream = tunnel.through(always(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"))
    v = tunnel.visitor(server)
    for _ in range(3):
        r = v.get(method="HEAD")
        assert r.get("Content-Length") == "5000"
    assert len(upstream.connections) == 1


def test_close_delimited_response(tunnel):
    def script(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 300000)

    server, _, _ = tunnel.through(script)
    r = tunnel.visitor(server).get(version="1.0", host="a")
    assert r.body == b"x" * 300000
    r = tunnel.visitor(server).get()
    assert r.body == b"x" * 300000


def test_close_delimited_response_cut_off(tunnel):
    """Rule 24: a reset is no end; half a file never passes for a whole one."""
    def script(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1000)
        conn.pause(0.2)
        conn.reset()

    server, _, _ = tunnel.through(script)
    v = tunnel.visitor(server)
    v.request()
    with pytest.raises(Closed) as e:
        v.read_response()
    assert e.value.reset


def test_chunked_response_cut_off_gets_no_last_chunk(tunnel):
    def script(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        conn.pause(0.1)

    server, _, _ = tunnel.through(script)
    v = tunnel.visitor(server)
    v.request()
    with pytest.raises(Closed):
        v.read_response()


def test_early_answer_to_an_unfinished_upload(tunnel):
    """Rule 40: the answer goes out at once, then the connection closes."""
    def script(conn):
        conn.read_head()
        conn.send(response("enough\n", "403 Forbidden"))
        conn.read_to_end()

    server, _, _ = tunnel.through(script)
    v = tunnel.visitor(server)
    v.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
    v.send(b"x" * 1000)
    r = v.read_response()
    assert r.status == 403 and r.body == b"enough\n"
    assert v.ended()


def test_event_stream_is_flushed_at_once(tunnel):
    go = threading.Event()

    def script(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for i in range(3):
            conn.send(b"data: %d\n\n" % i)
            go.wait(10)
            go.clear()

    server, _, _ = tunnel.through(script)
    v = tunnel.visitor(server)
    v.request()
    assert v.read_head().status == 200
    for i in range(3):
        # The next event is sent only after this one was read, so nothing can have held it back.
        data = b""
        while b"data: %d\n\n" % i not in data:
            data += v.read_some()
        go.set()


def test_chunked_stream_is_flushed_at_once(tunnel):
    go = threading.Event()

    def script(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(3):
            conn.send(b"2\r\n%d\n\r\n" % i)
            go.wait(10)
            go.clear()
        conn.send(b"0\r\n\r\n")

    server, _, _ = tunnel.through(script)
    v = tunnel.visitor(server)
    v.request()
    v.read_head()
    for i in range(3):
        assert v.read_chunk() == b"%d\n" % i
        go.set()
    assert v.read_chunk() == b""


# Large bodies


def transfer(tunnel, size):
    """size bytes each way through real nginx and curl; returns peaks of both processes."""
    nginx = tunnel.nginx("location /up { dav_methods PUT; create_full_put_path on; }")
    server = tunnel.server()
    client = tunnel.client(server, nginx)
    block = hashlib.sha512(b"tunnel").digest() * 16384  # 1 MiB that does not compress away
    source = tunnel.path / "source"
    digest = hashlib.sha256()
    with open(source, "wb") as f:
        for i in range(size // MIB):
            piece = i.to_bytes(8, "big") + block[8:]
            f.write(piece)
            digest.update(piece)
    (nginx.root / "down").symlink_to(source)
    url = "http://%s" % server.address
    target = tunnel.path / "target"
    tunnel.curl(url + "/down", "-o", str(target), "-f", timeout=1200)
    assert file_digest(target) == digest.hexdigest()
    target.unlink()
    tunnel.curl(url + "/up/target", "-f", "-T", str(source), timeout=1200)
    assert file_digest(nginx.root / "up" / "target") == digest.hexdigest()
    (nginx.root / "up" / "target").unlink()
    # Chunked: a body whose length nobody knows beforehand.
    tunnel.curl(url + "/up/target", "-f", "-T", str(source), "-H", "Transfer-Encoding: chunked",
                timeout=1200)
    assert file_digest(nginx.root / "up" / "target") == digest.hexdigest()
    return server.memory("VmHWM"), client.memory("VmHWM")


def file_digest(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while piece := f.read(MIB):
            digest.update(piece)
    return digest.hexdigest()


def test_64_mib_each_way_in_constant_memory(tunnel):
    peaks = transfer(tunnel, 64 * MIB)
    if not SANITIZED:
        assert max(peaks) < RESIDENT_MAX, peaks


@pytest.mark.slow
def test_2_gib_each_way_in_constant_memory(tunnel):
    peaks = transfer(tunnel, 2048 * MIB)
    print("peak resident memory, server and client: %.1f and %.1f MiB"
          % (peaks[0] / MIB, peaks[1] / MIB))
    assert max(peaks) < RESIDENT_MAX, peaks
