# SPDX-License-Identifier: MIT
"""HTTP/2 of visitors: what they ask and get, by several programs."""

import os
import subprocess
import threading

import h2.errors
import pytest

from harness.http2 import AUTHORITY, Http2Visitor, h2spec, run_h2spec
from harness.tls import trusting
from harness.upstream import CHUNKED, echo, one, response
from harness.visitor import Visitor
from harness.wait import PATIENCE, wait_until

needs_h2spec = pytest.mark.skipif(not h2spec(), reason="there is no h2spec: scripts/check builds it")


@pytest.fixture
def secure(tunnel, ca):
    """An exit node with TLS, in front of an upstream that gives bodies back."""
    server = tunnel.server(*ca.issue(AUTHORITY, "127.0.0.1").options())
    upstream = tunnel.upstream(echo)
    tunnel.client(server, upstream)
    return server, upstream


def lines_of(server, n=1):
    """The last access lines, when there are so many."""
    def found():
        lines = [line for line in server.log().splitlines() if " access " in line]
        return lines[-n:] if len(lines) >= n else None
    return wait_until(found, "%d access lines" % n)


# Whole programs


@needs_h2spec
def test_h2spec_over_tls(tunnel, ca):
    server = tunnel.server(*ca.issue(AUTHORITY).options())
    tunnel.client(server, tunnel.upstream("a body"))
    total, failed, text = run_h2spec(server, "-t", "-k")
    assert total == 145 and not failed, text


@needs_h2spec
def test_h2spec_without_tls(tunnel):
    """One of its tests begins a connection with a line that is no HTTP of any version: HTTP/1, which the same port
    speaks, answers 400 and closes, and h2spec takes the answer for a frame."""
    server, *_ = tunnel.through("a body")
    total, failed, text = run_h2spec(server)
    assert total == 145 and failed == ["Sends invalid connection preface"], text


def test_curl(tunnel, ca, secure):
    server, upstream = secure
    url = "https://%s:%d/a?b" % (AUTHORITY, server.port)
    to = ["--resolve", "%s:%d:127.0.0.1" % (AUTHORITY, server.port), "--cacert", ca.cert]
    assert tunnel.curl(url, *to, "--http2", "-d", "hello", "-w", "%{http_version}") == b"hello2"
    assert tunnel.curl(url, *to, "--http1.1", "-d", "hello", "-w", "%{http_version}") == b"hello1.1"
    plain = "http://127.0.0.1:%d/" % server.port
    assert tunnel.curl(plain, "--http2-prior-knowledge", "-d", "hello", "-w", "%{http_version}") == b"hello2"
    lines = lines_of(server, 3)
    protocols = [line.split("protocol=")[1].split()[0] for line in lines]
    assert protocols == ["HTTP/2.0", "HTTP/1.1", "HTTP/2.0"]
    heads = [part.split(b"\r\n\r\n")[0].decode().split("\r\n") for part in upstream.received().split(b"POST ")[1:]]
    # Both heads say the same of the visitor.
    for name in ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "host"):
        assert one(heads[0], name) == one(heads[1], name), name


def test_large_both_ways(tunnel, secure, tmp_path):
    server, _ = secure
    path = tmp_path / "large"
    path.write_bytes(os.urandom(5_000_000))
    url = "http://127.0.0.1:%d/" % server.port
    for source in ("@%s" % path, "@-"):
        with open(path, "rb") as f:
            p = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "-X", "POST", "-T", source[1:], url],
                               stdin=f, capture_output=True, timeout=60)
        assert p.returncode == 0 and p.stdout == path.read_bytes(), p.stderr


def test_nghttp(tunnel):
    def script(conn):
        while conn.read_request() is not None:
            conn.send(CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")
    server, _, upstream = tunnel.through(script)
    p = subprocess.run(["nghttp", "-nv", "--no-content-length", "--trailer", "x-up: 2", "-d", "-",
                        "http://127.0.0.1:%d/" % server.port],
                       input="body", capture_output=True, text=True, timeout=60)
    assert "x-sum: 1" in p.stdout and "hello" not in p.stderr, p.stdout
    assert upstream.received().endswith(b"\r\n\r\n4\r\nbody\r\n0\r\nx-up: 2\r\n\r\n")


def test_h2load(tunnel, secure):
    p = subprocess.run(["h2load", "-n", "3000", "-c", "8", "-m", "32", "http://127.0.0.1:%d/" % secure[0].port],
                       capture_output=True, text=True, timeout=120)
    assert "3000 succeeded, 0 failed, 0 errored" in p.stdout, p.stdout


# What passes


def test_responses_without_a_body(tunnel):
    answers = [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
               b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]

    def script(conn):
        while conn.read_request() is not None:
            conn.send(answers.pop(0))
    server, *_ = tunnel.through(script)
    with Http2Visitor(server) as v:
        for method, status in (("GET", 204), ("GET", 304), ("HEAD", 200), ("GET", 200)):
            answer = v.get(method)
            assert (answer.status, answer.body, answer.reset) == (status, b"", None)


def test_interim_responses(tunnel):
    def script(conn):
        while (head := conn.read_head()) is not None:
            conn.send(b"HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\n")
            conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            conn.send(response(conn.read_body(head)))
    server, *_ = tunnel.through(script)
    with Http2Visitor(server) as v:
        stream = v.ask("POST", more=[("expect", "100-continue"), ("content-length", "4")], end=False)
        while len(v.answers[stream].interim) < 2:
            assert v.hear()
        assert [i[":status"] for i in v.answers[stream].interim] == ["103", "100"]
        v.send(stream, b"body", end=True)
        assert v.answer(stream).body == b"body"


def test_trailers_both_ways(tunnel):
    def script(conn):
        while conn.read_request() is not None:
            conn.send(CHUNKED + b"2\r\nok\r\n0\r\nGrpc-Status: 0\r\nGrpc-Message: fine\r\n\r\n")
    server, _, upstream = tunnel.through(script)
    with Http2Visitor(server) as v:
        stream = v.ask("POST", more=[("te", "trailers")], end=False)
        v.send(stream, b"one")
        v.h2.send_headers(stream, [("x-checksum", "7")], end_stream=True)
        v.flush()
        answer = v.answer(stream)
        assert answer.body == b"ok"
        assert dict(answer.trailers) == {"grpc-status": "0", "grpc-message": "fine"}
        assert b"TE: trailers" in upstream.received()
        assert upstream.received().endswith(b"0\r\nx-checksum: 7\r\n\r\n")
        # Where the body has a length there is no place for trailers.
        stream = v.ask("POST", more=[("content-length", "3")], end=False)
        v.send(stream, b"two")
        v.h2.send_headers(stream, [("x-checksum", "8")], end_stream=True)
        v.flush()
        assert v.answer(stream).status == 200
        assert upstream.received().endswith(b"\r\n\r\ntwo")


def test_both_directions_at_once(tunnel):
    """As gRPC streams: the answer's first bytes come before the request's last."""
    def script(conn):
        head = conn.read_head()
        conn.send(CHUNKED + b"5\r\nearly\r\n")
        body = conn.read_body(head)
        conn.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    server, *_ = tunnel.through(script)
    with Http2Visitor(server) as v:
        stream = v.ask("POST", end=False)
        v.send(stream, b"a")
        while v.answers[stream].body != b"early":
            assert v.hear()
        v.send(stream, b"b", end=True)
        assert v.answer(stream).body == b"earlyab"


def test_answer_before_the_request_is_whole(tunnel):
    def script(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        conn.read_to_end()
    server, *_ = tunnel.through(script)
    with Http2Visitor(server) as v:
        stream = v.ask("POST", end=False)
        answer = v.answer(stream)
        assert (answer.status, answer.body) == (413, b"no")
        assert v.get("POST", body=b"x").status == 413  # the connection goes on


@pytest.mark.parametrize("part", [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
                                  CHUNKED + b"a\r\nhalf", CHUNKED + b"4\r\nhalf\r\n0\r\nHost: a\r\n\r\n"])
def test_half_an_answer_is_no_answer(tunnel, part):
    def script(conn):
        conn.read_request()
        conn.send(part)
    server, *_ = tunnel.through(script)
    with Http2Visitor(server) as v:
        answer = v.get()
        assert answer.status == 200 and not answer.ended
        assert answer.reset == h2.errors.ErrorCodes.INTERNAL_ERROR
    assert "why=" in lines_of(server)[0]


def test_error_pages(tunnel):
    server = tunnel.server("--reconnect-grace=100ms")
    with Http2Visitor(server) as v:
        answer = v.get(authority="nobody.example", more=[("accept", "text/html")])
        assert answer.status == 503 and b"nobody.example" in answer.body
        assert dict(answer.fields)["content-type"].startswith("text/html")
        assert v.get("HEAD", authority="nobody.example").body == b""


def test_a_login_of_the_connection_needs_http1(tunnel, ca):
    """curl asks again in HTTP/1.1, as browsers do."""
    def script(conn):
        while (request := conn.read_request()) is not None:
            if b"uthorization: NTLM" in request[0]:
                conn.send(response(b"in"))
            else:
                conn.send(response(b"", "401 Unauthorized", ["WWW-Authenticate: NTLM"]))
    server = tunnel.server(*ca.issue(AUTHORITY).options())
    tunnel.client(server, tunnel.upstream(script))
    with Http2Visitor(server, trusting()) as v:
        assert v.get().reset == h2.errors.ErrorCodes.HTTP_1_1_REQUIRED


# One connection, many requests


def test_a_slow_reader_of_one_response_stops_nothing_else(tunnel):
    def script(conn):
        while (request := conn.read_request()) is not None:
            size = 3_000_000 if b"GET /large" in request[0] else 1000
            conn.send(response(b"x" * size))
    server, *_ = tunnel.through(script)
    with Http2Visitor(server, greedy=False) as v:
        # So that the connection's own window is no reason.
        v.h2.increment_flow_control_window(10_000_000)
        slow = v.ask(path="/large")
        for _ in range(3):
            others = [v.ask(path="/small") for _ in range(31)]
            for stream in others:
                assert len(v.answer(stream).body) == 1000
        assert not v.answers[slow].over and len(v.answers[slow].body) <= 65535
        v.h2.increment_flow_control_window(10_000_000, slow)
        v.flush()
        assert len(v.answer(slow).body) == 3_000_000


def test_an_upload_that_nobody_takes_stops_nothing_else(tunnel):
    stop = threading.Event()

    def script(conn):
        while (head := conn.read_head()) is not None:
            if b"/stuck" in head:
                stop.wait(PATIENCE)
            conn.send(response(conn.read_body(head)))
    server, *_ = tunnel.through(script)
    with Http2Visitor(server) as v:
        stuck = v.ask("POST", "/stuck", end=False)
        sent = 0
        # Until its window is used up: the tunnel's own take some, too.
        while room := min(v.h2.local_flow_control_window(stuck), 16384):
            v.h2.send_data(stuck, b"y" * room)
            v.flush()
            sent += room
            assert v.get("POST", body=b"other").body == b"other"
            assert sent < 60_000_000, "somebody takes it"
        stop.set()
        v.send(stuck, b"", end=True)
        assert len(v.answer(stuck).body) == sent


def test_off(tunnel, ca):
    server = tunnel.server("--http2=off", *ca.issue(AUTHORITY).options())
    tunnel.client(server, tunnel.upstream("hello"))
    with pytest.raises(AssertionError):
        Http2Visitor(server, trusting())
    with Visitor(server.address) as v:
        v.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert v.read_response().status == 505


def test_more_requests_than_an_address_may_have(tunnel):
    stop = threading.Event()

    def script(conn):
        while conn.read_request() is not None:
            stop.wait(PATIENCE)
            conn.send(response(b"late"))
    server, *_ = tunnel.through(script, ["--max-exchanges-per-address=3"])
    with Http2Visitor(server) as v, Http2Visitor(server) as w:
        waiting = [v.ask() for _ in range(4)]  # the first is the connection's own
        assert v.get().status == 503
        first = w.ask()
        assert w.get().status == 503
        stop.set()
        assert [v.answer(s).body for s in waiting] == [b"late"] * 4
        assert w.answer(first).body == b"late"
        assert w.get().status == 200


# Ends


def test_shutdown_lets_requests_finish(tunnel):
    stop = threading.Event()

    def script(conn):
        while conn.read_request() is not None:
            stop.wait(PATIENCE)
            conn.send(response(b"late"))
    server, _, upstream = tunnel.through(script)
    with Http2Visitor(server) as v, Http2Visitor(server) as idle:
        stream = v.ask()
        wait_until(upstream.received, "the request to arrive")
        server.ask()
        idle.hear_to_end()
        assert idle.goaway == 0
        while v.goaway is None:
            assert v.hear()
        stop.set()
        assert v.answer(stream).body == b"late"
        v.hear_to_end()
    assert server.wait() == 0


def test_idle_connections_end(tunnel):
    server, *_ = tunnel.through("ok", ["--visitor-idle=1s"])
    with Http2Visitor(server) as v:
        assert v.get().status == 200
        v.hear_to_end()
        assert v.goaway == 0


@pytest.mark.slow
def test_five_gib_up_in_constant_memory(tunnel):
    """Without a length, in chunks to the upstream."""
    size, seen = 5 << 30, []

    def script(conn):
        conn.read_head()
        n = len(conn.received) - conn.taken
        tail = conn.received[-5:]
        while not tail.endswith(b"0\r\n\r\n"):
            data = conn.sock.recv(1 << 18)
            n += len(data)
            tail = (tail + data)[-5:]
        seen.append(n)
        conn.send(response(b"all"))
    server, client, _ = tunnel.through(script)
    before = server.memory(), client.memory()
    p = subprocess.Popen(["curl", "-sS", "--http2-prior-knowledge", "-T", "-", "http://127.0.0.1:%d/" % server.port],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    block = os.urandom(1 << 20)
    for _ in range(size >> 20):
        p.stdin.write(block)
    assert p.communicate(timeout=600)[0] == b"all"
    assert size < seen[0] < size * 1.02
    assert server.memory() - before[0] < 24 << 20 and client.memory() - before[1] < 24 << 20
