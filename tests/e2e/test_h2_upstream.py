# SPDX-License-Identifier: MIT
"""Upstreams that speak HTTP/2: what they are asked, and what visitors of either version get."""

import os
import signal
import threading

import h2.errors
import pytest

from harness.admin import ask
from harness.http2 import Http2Visitor
from harness.http2_upstream import Http2Session, echo, served
from harness.public import free_port
from harness.upstream import always
from harness.visitor import Visitor
from harness.wait import wait_until

GRPC = [("content-type", "application/grpc"), ("te", "trailers")]


def through(tunnel, script, server_options=(), client_options=(), **kwargs):
    """(exit node, client, upstream), the latter at h2c://."""
    upstream = tunnel.upstream(script, **kwargs)
    server = tunnel.server(*server_options)
    client = tunnel.client(server, "h2c://%s" % upstream.address, *client_options)
    return server, client, upstream


def answer_once(session, stream, fields, body=b"fine"):
    session.body(stream)
    session.head(stream, 200, [("content-length", str(len(body)))])
    session.send(stream, body, end=True)


def raw(server, request):
    """What a visitor of HTTP/1.1 reads until the end."""
    with Visitor(server.address) as visitor:
        visitor.send(request)
        return visitor.read_to_end()


# Requests and responses


def test_what_is_asked(tunnel):
    seen = []

    def answer(session, stream, fields):
        seen.append((fields, session.body(stream), session.trailers.get(stream)))
        session.head(stream, 204, end=True)

    server, *_ = through(tunnel, served(answer))
    head = raw(server, b"POST /a?b=c HTTP/1.1\r\nHost: a.example\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nX-Stays: 2\r\n"
                       b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nSum: 5\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 204 No Content\r\n")
    with Http2Visitor(server) as visitor:
        assert visitor.get("PUT", "/d", body=b"bye", more=[("te", "trailers"), ("content-length", "3")]).status == 204
    fields, body, trailers = seen[0]
    named = dict(fields)
    assert [n for n, _ in fields[:4]] == [":method", ":scheme", ":authority", ":path"]
    assert (named[":method"], named[":scheme"], named[":authority"], named[":path"]) == ("POST", "http", "a.example", "/a?b=c")
    assert named["x-stays"] == "2" and named["x-forwarded-for"] == "127.0.0.1" and "x-request-id" in named
    assert not {"host", "connection", "x-hop", "transfer-encoding", "te"} & set(named)
    assert body == b"hello" and dict(trailers) == {"sum": "5"}
    named = dict(seen[1][0])
    assert named[":method"] == "PUT" and named["te"] == "trailers" and named["content-length"] == "3" and seen[1][1] == b"bye"


def test_responses(tunnel):
    """Of every kind, one behind the other on one connection; a visitor of HTTP/1.1 reads what one of HTTP/2 does."""
    def answer(session, stream, fields):
        path = dict(fields)[":path"]
        session.body(stream)
        if path == "/length":
            session.head(stream, 200, [("content-length", "4")])
            session.send(stream, b"body", end=True)
        elif path == "/stream":
            session.head(stream, 200)
            session.send(stream, b"one")
            session.send(stream, b"two")
            session.end(stream, [("x-sum", "6")])
        elif path == "/alone":
            session.head(stream, 404, [("x-why", "none")], end=True)
        elif path == "/hints":
            session.h2.send_headers(stream, [(":status", "103"), ("link", "</s>")])
            session.head(stream, 200, end=True)
        elif path == "/204":
            session.head(stream, 204)
            session.send(stream, b"", end=True)
        else:
            session.head(stream, 200, [("content-length", "7")], end=True)

    server, _, upstream = through(tunnel, served(answer))
    with Visitor(server.address) as visitor:
        def get(path, method="GET"):
            visitor.send(b"%s %s HTTP/1.1\r\nHost: a\r\n\r\n" % (method.encode(), path.encode()))
            return visitor.read_response(method)
        assert get("/length").body == b"body"
        streamed = get("/stream")
        assert streamed.body == b"onetwo" and streamed.trailers == [("x-sum", "6")]
        assert get("/alone").status == 404
        hints = get("/hints")
        assert hints.status == 200 and hints.interim[0].get("link") == "</s>"
        assert get("/204").status == 204
        head = get("/head", "HEAD")
        assert head.status == 200 and head.get("content-length") == "7"
        assert get("/length").body == b"body"
    with Http2Visitor(server) as visitor:
        assert visitor.get(path="/length").body == b"body"
        streamed = visitor.get(path="/stream")
        assert streamed.body == b"onetwo" and dict(streamed.trailers) == {"x-sum": "6"}
        assert visitor.get(path="/alone").status == 404
        assert visitor.get(path="/hints").interim[0]["link"] == "</s>"
        assert visitor.get(path="/204").status == 204
        assert dict(visitor.get("HEAD", "/head").fields)["content-length"] == "7"
    assert len(upstream.connections) == 1


def test_large_both_ways(tunnel):
    server, *_ = through(tunnel, served(echo))
    body = os.urandom(3_000_000)
    with Http2Visitor(server) as visitor:
        answer = visitor.get("POST", "/x", body=body)
        assert answer.body == body and dict(answer.trailers)["x-sum"] == "3000000"
    path = tunnel.stage.file("body", body)
    url = "http://%s/x" % server.address
    assert tunnel.curl(url, "--data-binary", "@%s" % path) == body
    assert tunnel.curl(url, "-H", "Transfer-Encoding: chunked", "--data-binary", "@%s" % path) == body


def test_continue(tunnel):
    def answer(session, stream, fields):
        assert dict(fields)["expect"] == "100-continue"
        session.h2.send_headers(stream, [(":status", "100")])
        session.flush()
        answer_once(session, stream, fields)

    server, *_ = through(tunnel, served(answer))
    with Visitor(server.address) as visitor:
        visitor.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert visitor.read_head().status == 100
        visitor.send(b"ok")
        assert visitor.read_response().body == b"fine"


def test_both_directions_are_open(tunnel):
    """As gRPC's streams have them: each message is answered before the next one comes."""
    def answer(session, stream, fields):
        session.head(stream, 200)
        taken = 0
        while stream not in session.whole or taken < len(session.bodies[stream]):
            if taken == len(session.bodies[stream]):
                session.hear()
                continue
            part = session.bodies[stream][taken:]
            taken += len(part)
            session.send(stream, part.upper())
        session.end(stream, [("grpc-status", "0")])

    server, *_ = through(tunnel, served(answer))
    with Http2Visitor(server) as visitor:
        stream = visitor.ask("POST", "/", end=False, more=GRPC)
        for i, word in enumerate((b"one", b"two", b"six")):
            visitor.send(stream, word)
            while len(visitor.answers[stream].body) < 3 * (i + 1):
                assert visitor.hear()
        visitor.send(stream, b"", end=True)
        answer = visitor.answer(stream)
    assert answer.body == b"ONETWOSIX" and dict(answer.trailers)["grpc-status"] == "0"


def test_early_answer(tunnel):
    """It is a response; the upload stops, and the connection goes on."""
    def answer(session, stream, fields):
        if dict(fields)[":path"] == "/no":
            session.head(stream, 413, [("content-length", "0")], end=True)
            session.reset(stream, 0)
        else:
            answer_once(session, stream, fields)

    server, _, upstream = through(tunnel, served(answer, greedy=False))
    with Http2Visitor(server) as visitor:
        stream = visitor.ask("POST", "/no", end=False)
        visitor.send(stream, b"x" * 30000)
        assert visitor.answer(stream).status == 413
        assert visitor.get(path="/yes").body == b"fine"
    assert len(upstream.connections) == 1


def test_slow_reader(tunnel):
    """Whoever does not read stops neither others nor what its own request needs."""
    def answer(session, stream, fields):
        if dict(fields)[":path"] == "/fast":
            answer_once(session, stream, fields)
            return
        session.head(stream, 200)
        size = session.h2.local_flow_control_window(stream)
        session.send(stream, b"y" * size)
        session.body(stream)
        session.send(stream, b"z" * 100_000)
        session.end(stream, [("x-sum", str(len(session.bodies[stream])))])

    server, *_ = through(tunnel, served(answer))
    with Http2Visitor(server, greedy=False) as slow:
        stream = slow.ask("POST", "/slow", end=False)
        slow.send(stream, b"u" * 300_000, end=True)
        with Http2Visitor(server) as fast:
            assert fast.get(path="/fast").body == b"fine"
        slow.greedy = True
        slow.h2.increment_flow_control_window(1_000_000)
        slow.h2.increment_flow_control_window(1_000_000, stream)
        slow.flush()
        whole = slow.answer(stream)
    assert whole.body.endswith(b"z" * 100_000) and dict(whole.trailers)["x-sum"] == "300000"


# Ends


def test_visitor_gone(tunnel):
    """The upstream reads CANCEL, and its connection carries the next request."""
    gone = []

    def answer(session, stream, fields):
        if dict(fields)[":path"] == "/stay":
            answer_once(session, stream, fields)
            return
        session.head(stream, 200)
        session.send(stream, b"some")
        gone.append(session.wait_reset(stream))

    server, _, upstream = through(tunnel, served(answer))
    with Http2Visitor(server) as visitor:
        for n, body in enumerate((None, b"x"), 1):
            stream = visitor.ask("POST", "/go", body=body, end=body is None)
            while not visitor.answers[stream].body:
                assert visitor.hear()
            visitor.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
            visitor.flush()
            wait_until(lambda n=n: len(gone) == n, "the upstream to hear of it")
        assert visitor.get(path="/stay").body == b"fine"
    with Visitor(server.address) as visitor:
        visitor.send(b"GET /go HTTP/1.1\r\nHost: a\r\n\r\n")
        visitor.read_until(b"some")
    wait_until(lambda: len(gone) == 3, "the upstream to hear of it")
    assert gone == [h2.errors.ErrorCodes.CANCEL] * 3
    assert len(upstream.connections) == 1


def test_refused_is_asked_again(tunnel):
    """REFUSED_STREAM says that nothing was done: a POST is sent again, once, on another connection."""
    def script(conn):
        session = Http2Session(conn)
        while (request := session.request()) is not None:
            if conn.number == 0:
                session.reset(request[0], h2.errors.ErrorCodes.REFUSED_STREAM)
            else:
                answer_once(session, *request)

    server, _, upstream = through(tunnel, script)
    with Http2Visitor(server) as visitor:
        assert visitor.get("POST", "/", body=b"hello").body == b"fine"
    assert len(upstream.connections) == 2 and b"hello" in upstream.connections[1].received


@pytest.mark.parametrize("headed", [False, True])
@pytest.mark.parametrize("code", ["INTERNAL_ERROR", "CANCEL", "ENHANCE_YOUR_CALM"])
def test_reset(tunnel, headed, code):
    """Before a head it is 502; behind it the visitor's stream is reset likewise."""
    code = h2.errors.ErrorCodes[code]

    def answer(session, stream, fields):
        if headed:
            session.head(stream, 200)
            session.send(stream, b"half")
        session.reset(stream, code)

    server, client, _ = through(tunnel, served(answer))
    with Http2Visitor(server) as visitor:
        answer = visitor.get("POST", "/", body=b"hello")
    if headed:
        assert answer.reset == code and not answer.ended
    else:
        assert answer.status == 502 and answer.ended
    client.log_contains("ended a response with RST_STREAM(%s)" % code.name)


def test_goaway(tunnel):
    """Behind it a connection carries nothing new; what it does not serve is asked again, a POST as well."""
    left = []

    def script(conn):
        session = Http2Session(conn)
        while (request := session.request()) is not None:
            if conn.number == 1:
                session.goaway(0)
                continue
            answer_once(session, *request, body=b"%d" % conn.number)
            session.goaway(request[0])
        left.append(conn.number)

    server, _, upstream = through(tunnel, script)
    with Http2Visitor(server) as visitor:
        assert visitor.get("POST", "/", body=b"a").body == b"0"
        wait_until(lambda: 0 in left, "the exit node to leave the first connection")
        assert visitor.get("POST", "/", body=b"b").body == b"2"
        wait_until(lambda: 2 in left, "the exit node to leave the third connection")
        assert visitor.get("POST", "/", body=b"c").body == b"3"
    assert len(upstream.connections) == 4


def test_upstream_dies(tunnel):
    """In the middle of a response: nobody takes the half for the whole, and a call of gRPC gets a status."""
    def answer(session, stream, fields):
        session.head(stream, 200, GRPC[:1])
        session.send(stream, b"half")
        while not session.bodies[stream]:
            session.hear()
        session.conn.close()

    server, *_ = through(tunnel, served(answer))
    for more, end in (((), False), (GRPC, True)):
        with Http2Visitor(server) as visitor:
            stream = visitor.ask("POST", "/", end=False, more=more)
            while not visitor.answers[stream].body:
                assert visitor.hear()
            visitor.send(stream, b"x")
            got = visitor.answer(stream)
        # NO_ERROR: the rest of the request is not wanted.
        assert got.ended == end and (got.reset in (None, h2.errors.ErrorCodes.NO_ERROR)) == end
        if end:
            assert dict(got.trailers)["grpc-status"] == "14"


# What it is not for


def test_upgrade(tunnel):
    server, *_ = through(tunnel, served(echo))
    head = raw(server, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"
                       b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 501 ") and b"speaks HTTP/2" in head
    # What is HTTP itself is left out, as ever.
    body = raw(server, b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n")
    assert b"x-path: /x" in body


def test_upstream_of_http1(tunnel):
    upstream = tunnel.upstream(always(b"ok"))
    server = tunnel.server()
    client = tunnel.client(server, "h2c://%s" % upstream.address)
    with Http2Visitor(server) as visitor:
        assert visitor.get().status == 502
    client.log_contains("h2c://%s speaks HTTP/1.1, and is asked in HTTP/2: write http://%s"
                               % (upstream.address, upstream.address))


@pytest.mark.parametrize("alpn", [["h2"], ["http/1.1"], []])
def test_tls(tunnel, ca, alpn):
    context = ca.issue("127.0.0.1").server_context(alpn)
    upstream = tunnel.upstream(served(echo), tls=context)
    server = tunnel.server()
    client = tunnel.client(server, "h2://%s" % upstream.address, "--upstream-ca=%s" % ca.cert)
    with Http2Visitor(server) as visitor:
        answer = visitor.get("POST", "/", body=b"hello")
    if alpn == ["h2"]:
        assert answer.body == b"hello"
        assert dict(answer.fields)["x-path"] == "/"
    else:
        assert answer.status == 502
        client.log_contains("it does not choose HTTP/2 by ALPN: write https://%s" % upstream.address)


def test_inspector(tunnel):
    """It reads HTTP/1.1: what goes to an upstream of HTTP/2 is not among its requests, whether it came there or not."""
    server = tunnel.server()
    socket = tunnel.path / "c.sock"
    hosts = ["one.example=%s" % tunnel.upstream(b"ok").url, "two.example=h2c://%s" % tunnel.upstream(served(echo)).address,
             "none.example=h2c://127.0.0.1:%d" % free_port()]
    tunnel.client(server, hosts, "--admin-socket=%s" % socket, "--panel=127.0.0.1:0")
    for host, status in (("two", 200), ("none", 502), ("one", 200)):
        assert tunnel.visitor(server).get("/%s" % host, host=host + ".example").status == status
    lines = wait_until(lambda: [i["path"] for i in ask(socket, "/api/v1/requests").json["items"]], "a captured request")
    assert len(lines) == 1 and "/one" in lines[0]


# gRPC's own


def test_grpc_has_its_own_deadline(tunnel):
    """A call may wait for as long as it likes; another request has --response-head-timeout."""
    def answer(session, stream, fields):
        session.conn.pause(2.5)
        answer_once(session, stream, fields)

    server, *_ = through(tunnel, served(answer), ["--response-head-timeout=1s", "--visitor-idle=1s"])
    with Http2Visitor(server) as visitor:
        call, other = visitor.ask("POST", "/", more=GRPC), visitor.ask("POST", "/")
        assert visitor.answer(other).status == 504
        assert visitor.answer(call).body == b"fine"
        # Nor has its request's body a time.
        call = visitor.ask("POST", "/", end=False, more=GRPC)
        threading.Event().wait(1.5)
        visitor.send(call, b"late", end=True)
        assert visitor.answer(call).body == b"fine"


def test_grpc_errors(tunnel):
    server = tunnel.server("--reconnect-grace=0s")
    with Http2Visitor(server) as visitor:
        answer = visitor.get("POST", "/a.B/C", body=b"x", more=GRPC)
        fields = dict(answer.fields)
        assert answer.ended and answer.status == 200 and not answer.body
        assert fields["content-type"] == "application/grpc" and fields["grpc-status"] == "14"
        assert fields["grpc-message"] == "503 Service Unavailable: no client publishes this host at the moment"
        # gRPC-Web is another protocol, and whoever does not say that it is a call gets a page.
        web = [("content-type", "application/grpc-web"), ("te", "trailers")]
        assert visitor.get("POST", "/a.B/C", body=b"x", more=web).status == 503
        assert visitor.get("POST", "/a.B/C", body=b"x").status == 503
    assert "status=503" in wait_until(lambda: [line for line in server.log().splitlines() if "no-route" in line],
                                      "an access line")[0]


# Whole programs


@pytest.mark.parametrize("tls", [False, True])
def test_nghttpd(tunnel, ca, tls):
    root = tunnel.path / "root"
    root.mkdir()
    body = os.urandom(2_000_000)
    (root / "large").write_bytes(body)
    port = free_port()
    issued = ca.issue("127.0.0.1")
    files = [issued.key, issued.cert] if tls else []
    options = [] if tls else ["--no-tls"]
    nghttpd = tunnel.stage.daemon("nghttpd", ["nghttpd", "-a", "127.0.0.1", "-d", root, "--echo-upload", *options, port, *files])
    nghttpd.expected_status.add(-signal.SIGTERM)
    server = tunnel.server(*ca.issue("127.0.0.1").options())
    tunnel.client(server, "h2%s://127.0.0.1:%d" % ("" if tls else "c", port),
                  *(["--upstream-ca=%s" % ca.cert] if tls else []))
    path = tunnel.stage.file("up", body)
    url = "https://127.0.0.1:%d/" % server.port
    wait_until(lambda: tunnel.curl(url + "large", "--cacert", ca.cert) == body, "nghttpd to be up")
    for version in ("--http1.1", "--http2"):
        assert tunnel.curl(url + "large", "--cacert", ca.cert, version) == body
        assert tunnel.curl(url, "--cacert", ca.cert, version, "--data-binary", "@%s" % path) == body
