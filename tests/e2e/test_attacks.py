"""Attacks that once worked, each with what it was good for.

The visitor is anybody; the hostile client knows the token; the hostile upstream is published by an
honest client. See test_smuggling.py and test_link_rules.py for the rules one by one.
"""

import signal
import socket
import struct
import time

import pytest

from harness.noise import DATA, OPEN, RESET, WINDOW, Link, control, frame
from harness.programs import TOKEN
from harness.stage import SANITIZED
from harness.upstream import response
from harness.visitor import Visitor
from harness.wait import wait_until

CANCELLED = 13


def take_stream(link, id=None, enough=b""):
    """The bytes of one stream from its OPEN on, until `enough` is among them: (id, bytes)."""
    got = b""
    while id is None or enough not in got:
        kind, stream, payload = link.read_kind(OPEN, DATA, RESET)
        if kind == OPEN and id is None:
            id = stream
        elif kind == DATA and stream == id:
            got += payload
    return id, got


def reset(link, stream, reason=CANCELLED, taken=0):
    link.send(frame(RESET, stream, struct.pack(">BQ", reason, taken)))


def test_login_lanes_of_two_services_outlive_no_visitor(tunnel):
    """A visitor who logs in at two services of one connection once left the first lane behind,
    with a pointer to himself that was written through after his memory was gone."""
    def script(conn):
        while conn.read_request() is not None:
            conn.send(response("in"))

    server = tunnel.server()
    up = tunnel.upstream(script)
    tunnel.client(server, ["a.example=" + up.url, "b.example=" + up.url])
    with Visitor(server.address) as v:
        for host in ("a.example", "b.example", "a.example", "b.example"):
            r = v.get(host=host, fields=["Authorization: Negotiate x"])
            assert r.status == 200
    # Both lanes go with their visitor; none stays behind for a day.
    wait_until(lambda: all(c.ended for c in up.connections), "the end of the visitor's lanes")
    for c in up.connections:
        c.close()
    time.sleep(0.2)
    with Visitor(server.address) as v:
        assert v.get(host="a.example").status == 200


def test_lane_with_half_a_head_is_not_kept(tunnel):
    """An answer before the whole request was sent (414, 431) leaves a lane on which the next
    visitor's request would be the end of this one: his cookies under another's path."""
    server = tunnel.server()
    with Link(server.address) as link:
        link.up(TOKEN, base_window=100)
        assert link.publish(host="x.example")["type"] == "granted"
        with Visitor(server.address) as first, Visitor(server.address) as second:
            first.request("/" + "a" * 200, host="x.example")
            stream, got = take_stream(link)
            kind, on, payload = link.read_kind(DATA)
            assert on == stream and len(payload) == 100  # all the credit there is
            link.send(frame(DATA, stream, response("early", status="431 Too Large")))
            assert first.read_response().status == 431
            second.request("/secret", host="x.example")
            other, got = take_stream(link)
            assert other != stream


def test_retry_never_sends_half_a_body(tunnel):
    """A body's first piece that was larger than what is held for sending again once did not count:
    the second try began in the middle of it, where a visitor could have put a request of his own."""
    server = tunnel.server("--retry-body=1KiB")
    with Link(server.address) as link:
        link.up(TOKEN)
        assert link.publish(host="x.example")["type"] == "granted"
        with Visitor(server.address) as v:
            v.send("POST / HTTP/1.1\r\nHost: x.example\r\nTransfer-Encoding: chunked\r\n\r\n")
            stream, _ = take_stream(link)
            take_stream(link, stream, b"\r\n\r\n")
            v.send(b"2000\r\n" + b"x" * 4096)
            take_stream(link, stream, b"x" * 100)
            time.sleep(0.1)
            reset(link, stream)
            r = v.read_response()
            assert r.status == 502


def test_surplus_behind_an_unchunked_answer(tunnel):
    """Bytes behind an answer's end make its lane unfit for the next visitor, for 1.0 ones too."""
    def script(conn):
        while conn.read_request() is not None:
            conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      b"2\r\nok\r\n0\r\n\r\n" + b"HTTP/1.1 200 OK\r\nContent-")

    server, _, up = tunnel.through(script)
    for _ in range(2):
        with Visitor(server.address) as v:
            assert v.get(version="1.0").body == b"ok"
        time.sleep(0.2)
    assert len(up.connections) == 2


def test_withdrawing_does_not_repeat_a_post(tunnel):
    """What a client withdraws while it works on a request goes on to its end, and is not for
    another that publishes the same."""
    server = tunnel.server()
    seen = []
    up = tunnel.upstream(lambda conn: seen.append(conn.read_request()))
    with Link(server.address) as link:
        link.up(TOKEN)
        assert link.publish(host="x.example")["type"] == "granted"
        with Visitor(server.address) as v:
            v.request("/", method="POST", host="x.example", body=b"pay")
            stream, _ = take_stream(link)
            take_stream(link, stream, b"pay")
            tunnel.client(server, "x.example=" + up.url)
            link.send(control(type="withdraw", service=1))
            time.sleep(0.2)
            link.send(frame(DATA, stream, response("paid")))
            assert v.read_response().body == b"paid"
            assert not seen
            v.request("/", method="POST", host="x.example", body=b"again")
            wait_until(lambda: seen, "the one that publishes it now")


def test_session_that_ends_while_it_publishes(tunnel):
    """It was freed while the other workers still knew its service, and looked there for a link."""
    server = tunnel.server("--workers=4")
    waiting = [tunnel.visitor(server).request(host="x.example") for _ in range(12)]
    for _ in range(20):
        with Link(server.address) as link:
            link.up(TOKEN)
            link.send(b"".join(control(type="publish", service=n, kind="http",
                                       host="x.example" if n == 1 else "%d.example" % n,
                                       upstream="http://127.0.0.1:1") for n in range(1, 9)))
    with Link(server.address) as link:
        link.up(TOKEN)
        assert link.publish(host="y.example")["type"] == "granted"
    for v in waiting:
        v.close()


def test_one_flood_does_not_stop_the_others(tunnel):
    """Pages of the server's own are answered from within one turn; a visitor who pipelines faster
    than they are made once had the whole turn, and the next, for himself. (Another worker's visitor
    has that worker's turns.)"""
    server = tunnel.server("--reconnect-grace=0", "--workers=1")
    with Visitor(server.address) as flood, Visitor(server.address) as other:
        for v in (flood, other):
            assert v.get().status == 503
        server.send_signal(signal.SIGSTOP)
        flood.send("GET /flood HTTP/1.1\r\nHost: nobody\r\n\r\n" * 2000)
        other.request("/other", host="nobody")
        server.send_signal(signal.SIGCONT)
        assert other.read_response().status == 503
        for _ in range(2000):
            assert flood.read_response().status == 503
    server.log_contains("path=/other")
    paths = [line.split("path=")[1].split()[0] for line in server.log().splitlines()
             if "path=" in line]
    assert paths.index("/other") < 200


@pytest.mark.skipif(SANITIZED, reason="the sanitizer keeps what was freed")
def test_idle_connections_hold_no_buffers(tunnel):
    """What a burst of pipelined requests needed is not kept while the connection idles for 75 s."""
    server = tunnel.server("--reconnect-grace=0")
    n, visitors = 300, []
    before = server.memory()
    for _ in range(n):
        v = tunnel.visitor(server)
        head = "GET /%s HTTP/1.1\r\nHost: nobody\r\n\r\n"
        v.send(head % ("a" * 20000))
        visitors.append(v)
    for v in visitors:
        assert v.read_response().status == 503
    assert server.memory() - before < n * 8192


def test_ready_file_follows_no_link(tunnel):
    """Whoever may write into the ready file's directory could choose what is overwritten."""
    victim = tunnel.stage.file("victim", "precious")
    server = tunnel.server(start=False)
    server.ready_file.with_name(server.ready_file.name + ".new").symlink_to(victim)
    server.start()
    assert victim.read_text() == "precious"
    assert not server.ready_file.is_symlink()


def test_prefix_and_the_whole_server(tunnel):
    """"*" has no path to put anything before, in none of its spellings."""
    server = tunnel.server()
    up = tunnel.upstream("fine")
    tunnel.client(server, up.url + "/base/")
    with Visitor(server.address) as v:
        v.send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
        assert v.read_response().status == 200
        v.send("OPTIONS http://x HTTP/1.1\r\nHost: x\r\n\r\n")
        assert v.read_response().status == 200
    assert up.received().count(b"OPTIONS * HTTP/1.1\r\n") == 2


DOTS = ["/../admin", "/%2e%2e/admin", "/..%2fadmin", "/.%2E%2Fadmin", "/..;x/admin", "/a/..",
        "/./admin", "/..%5cadmin", "/%252e%252e/admin", "http://x/../admin", "/a/../..?q"]
NO_DOTS = ["/.../..a", "/a?/../b", "/.well-known/%2ex;.."]


@pytest.mark.parametrize("path, status", [("", 200), ("/", 200), ("/public/", 400)])
def test_prefix_is_a_fence(tunnel, path, status):
    """Rule 41: where an upstream has a path, no spelling of a dot segment leads out of it; where none
    is set, paths are the upstream's business."""
    server = tunnel.server()
    up = tunnel.upstream("fine")
    tunnel.client(server, up.url + path)
    with Visitor(server.address) as v:
        assert [v.get(t, host="x").status for t in DOTS] == [status] * len(DOTS)
        assert [v.get(t, host="x").status for t in NO_DOTS] == [200] * len(NO_DOTS)
    came = [line.split(b" ")[1] for line in up.received().split(b"\r\n") if b" HTTP/1.1" in line]
    assert [t.decode() for t in came[-3:]] == [path.rstrip("/") + t for t in NO_DOTS]
    assert len(came) == len(NO_DOTS) + len(DOTS) * (status == 200)


def test_relief_does_not_repeat_a_post(tunnel):
    """A stream that we ended for want of memory says nothing about what its upstream took."""
    server = tunnel.server("--memory-budget=16KiB")
    with Link(server.address) as link:
        link.up(TOKEN)
        assert link.publish(host="x.example")["type"] == "granted"
        with socket.socket() as v:
            v.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            v.connect(("127.0.0.1", server.port))
            v.sendall(b"POST / HTTP/1.1\r\nHost: x.example\r\nContent-Length: 3\r\n\r\npay")
            stream, _ = take_stream(link)
            take_stream(link, stream, b"pay")
            # Interim heads until the visitor, who reads nothing, has the rest queued.
            hint = b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 60000 + b"\r\n\r\n"
            left, credit = hint * 16, 65536
            while left:
                piece = left[:min(credit, 32768)]
                left, credit = left[len(piece):], credit - len(piece)
                link.send(frame(DATA, stream, piece))
                while not credit:
                    kind, on, payload = link.read_kind(WINDOW, RESET)
                    if kind == RESET:
                        break
                    credit += struct.unpack(">I", payload)[0]
                if not credit:
                    break
            assert left, "the visitor's socket took everything"
            link.v.sock.settimeout(0.5)
            with pytest.raises(OSError):
                link.read_kind(OPEN)
                raise AssertionError("the request was sent again")
