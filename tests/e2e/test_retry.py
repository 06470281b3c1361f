# SPDX-License-Identifier: MIT
"""Rule 37: a request is sent again exactly when that is safe.

The usual trap: a kept upstream connection that the upstream closes just as the next request is on
its way. Whoever always retries charges a card twice; whoever never does shows users a 502.
"""

import socket
import struct
import threading

import pytest

from harness.mitm import UP
from harness.noise import DATA, OPEN, RESET, WINDOW, Link, control, frame
from harness.programs import TOKEN
from harness.upstream import FullBacklog, numbered, refused_port, response
from harness.visitor import Visitor
from harness.wait import PATIENCE, quiet_for, wait_settled, wait_until


def test_kept_connection_closed_between_requests(tunnel):
    """The close is seen before the next request: nobody notices anything."""
    def script(conn):
        conn.read_request()
        conn.send(response(b"%d" % conn.number))

    server, client, upstream = tunnel.through(script)
    before = client.fds()
    v = tunnel.visitor(server)
    for i in range(5):
        r = v.get(method="POST", body=b"pay")
        assert r.status == 200 and r.body == b"%d" % i
        # Which happens once the server knows of the end, and has let go of the stream.
        wait_until(lambda: client.fds() <= before, "the end of the connection")
    assert upstream.received().count(b"POST ") == 5


def test_kept_connection_closed_as_the_next_request_comes(tunnel):
    """The race itself, many times: POSTs are executed once each and never fail, because nothing of
    them was written to the dead connection; or was, and then it is a 502, but never twice."""
    executed = []

    def script(conn):
        while True:
            request = conn.read_request()
            if request is None:
                return
            executed.append(request[1])
            conn.send(response("done"))
            if conn.number % 2 == 0:
                return  # closes at once, with no Connection: close to warn anybody

    server, _, _ = tunnel.through(script)
    v = tunnel.visitor(server)
    failed = 0
    for i in range(100):
        r = v.get(method="POST", body=b"%d" % i)
        assert r.status in (200, 502)
        if r.status == 502:
            failed += 1
            v = tunnel.visitor(server)  # the rest of its body, if there is one, is not read
    assert len(executed) == len(set(executed)), "a POST was executed twice"
    assert len(executed) >= 100 - failed
    assert failed <= 5


def test_get_is_sent_again_after_it_was_written(tunnel):
    """Idempotent and without a body: the upstream read it, and hung up before its head."""
    def script(conn):
        conn.read_request()
        if conn.number == 0:
            conn.send(response("first"))
            conn.read_request()
            return  # the second request of this connection dies unanswered
        conn.send(response("second"))
        conn.read_to_end()

    server, _, upstream = tunnel.through(script)
    v = tunnel.visitor(server)
    assert v.get("/a").body == b"first"
    assert v.get("/b").body == b"second"
    assert upstream.received().count(b"GET /b ") == 2


def test_post_is_not_sent_again_after_it_was_written(tunnel):
    def script(conn):
        conn.read_request()
        if conn.number == 0:
            conn.send(response("first"))
            conn.read_request()
            return
        conn.send(response("second"))
        conn.read_to_end()

    server, _, upstream = tunnel.through(script)
    v = tunnel.visitor(server)
    assert v.get("/a").body == b"first"
    assert v.get("/b", method="POST", body=b"pay").status == 502
    assert upstream.received().count(b"POST /b ") == 1
    quiet_for(0.2, lambda: upstream.received().count(b"POST /b ") > 1, "a second POST")


def test_get_is_sent_again_only_once(tunnel):
    def script(conn):
        conn.read_request()
        if conn.number == 0:
            conn.send(response("first"))
            conn.read_request()

    server, _, upstream = tunnel.through(script)
    v = tunnel.visitor(server)
    assert v.get("/a").body == b"first"
    assert v.get("/b").status == 502
    assert upstream.received().count(b"GET /b ") == 2


def test_no_retry_once_a_byte_of_the_answer_came(tunnel):
    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal")

    server, _, upstream = tunnel.through(script)
    v = tunnel.visitor(server)
    v.request("/x")
    try:
        v.read_response()
        raise AssertionError("half a body passed for a whole one")
    except Exception as e:
        assert not isinstance(e, AssertionError), e
    assert upstream.received().count(b"GET /x ") == 1
    quiet_for(0.1, lambda: upstream.received().count(b"GET /x ") > 1, "a second GET")


def test_refused_dial_goes_to_the_other_session(tunnel):
    """Nothing was written anywhere, so even a POST may go to whoever can take it (rules 31, 37)."""
    server = tunnel.server()
    good = tunnel.upstream("good")
    sock, port = refused_port()
    tunnel.client(server, "http://127.0.0.1:%d" % port)
    tunnel.client(server, good)
    for _ in range(20):
        r = tunnel.visitor(server).get(method="POST", body=b"x" * 1000)
        assert r.status == 200 and r.body == b"good"
    sock.close()


def test_large_body_is_not_held_for_a_retry(tunnel):
    """Above what is held (16 KiB) a POST on a dead kept connection may fail, but is never cut."""
    bodies = []

    def script(conn):
        request = conn.read_request()
        if request and request[1] is not None:
            bodies.append(len(request[1]))
            conn.send(response("done"))

    server, _, _ = tunnel.through(script)
    v = tunnel.visitor(server)
    for _ in range(10):
        r = v.get(method="POST", body=b"x" * 100000)
        assert r.status in (200, 502)
        if r.get("Connection", "").lower() == "close":
            v = tunnel.visitor(server)
    assert set(bodies) == {100000}


def test_session_lost_under_a_request(tunnel):
    """A GET whose session dies before the answer waits for the client to come back."""
    hold = threading.Event()

    def script(conn):
        conn.read_request()
        if conn.number == 0:
            hold.set()
            conn.read_to_end()
            return
        conn.send(response("answered"))
        while conn.read_request() is not None:
            conn.send(response("answered"))

    server, client, _ = tunnel.through(script)
    v = tunnel.visitor(server)
    v.request("/slow")
    assert hold.wait(10)
    client.kill()
    client.start()
    r = v.read_response()
    assert r.status in (200, 502)
    assert v.get("/again").body == b"answered"


@pytest.mark.regression
def test_retry_never_sends_half_a_body(tunnel):
    """A body's first piece that was larger than what is held for sending again once did not count:
    the second try began in the middle of it, where a visitor could have put a request of his
    own."""
    server = tunnel.server("--retry-body=1KiB")
    with Link(server.address) as link:
        link.up(TOKEN)
        assert link.publish(host="x.example")["type"] == "granted"
        with Visitor(server.address) as v:
            v.send("POST / HTTP/1.1\r\nHost: x.example\r\nTransfer-Encoding: chunked\r\n\r\n")
            stream, _ = link.read_stream()
            link.read_stream(stream, b"\r\n\r\n")
            v.send(b"2000\r\n" + b"x" * 4096)
            link.read_stream(stream, b"x" * 4096)
            link.reset(stream)
            r = v.read_response()
            assert r.status == 502


@pytest.mark.regression
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
            stream, _ = link.read_stream()
            link.read_stream(stream, b"pay")
            tunnel.client(server, "x.example=" + up.url)
            link.send(control(type="withdraw", service=1))
            quiet_for(0.2, lambda: seen, "the POST at the other upstream")
            link.send(frame(DATA, stream, response("paid")))
            assert v.read_response().body == b"paid"
            assert not seen
            v.request("/", method="POST", host="x.example", body=b"again")
            wait_until(lambda: seen, "the one that publishes it now")


@pytest.mark.regression
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
            stream, _ = link.read_stream()
            link.read_stream(stream, b"pay")
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


class Gate:
    """A change for a relay: what clients say goes on only while the gate is open."""

    def __init__(self):
        self.open = threading.Event()
        self.open.set()
        self.held = threading.Event()

    def __call__(self, pair, direction, data):
        if direction == UP and not self.open.is_set():
            self.held.set()
            self.open.wait(PATIENCE)
        return data


@pytest.mark.regression
def test_post_is_not_executed_twice_behind_a_half_close(tunnel):
    """The upstream of a kept connection sends FIN, and still reads. The client has said how much
    of the stream was written, so nothing more may be: the server sends the POST again for it."""
    leave, gate = threading.Event(), Gate()

    def script(conn):
        conn.read_request()
        conn.send(response("first"))
        if conn.number == 0:
            leave.wait(PATIENCE)
            conn.finish()
            conn.read_to_end()
        numbered(conn)

    upstream = tunnel.upstream(script)
    server = tunnel.server("--kept-idle=60s")
    relay = tunnel.mitm(server, gate)
    tunnel.client(relay.address, upstream)
    v = tunnel.visitor(server)
    assert v.get("/a").body == b"first"
    wait_settled(lambda: len(relay.recorded(UP)), 0.05, "what the client says of it")
    gate.open.clear()
    leave.set()
    assert gate.held.wait(PATIENCE), "the FIN, on its way"
    before = len(relay.recorded("down"))
    v.request("/b", method="POST", body=b"pay")
    wait_until(lambda: len(relay.recorded("down")) > before, "the request at the client")
    quiet_for(0.2, lambda: b"POST /b " in upstream.received(), "the POST on a connection that ended")
    gate.open.set()
    assert v.read_response().status == 200
    assert upstream.received().count(b"POST /b ") == 1


@pytest.mark.regression
@pytest.mark.parametrize("size", [10_000, 300_000])
def test_body_is_sent_again_whole_or_not_at_all(tunnel, size):
    """A dial fails behind more of a body than was held (16 KiB): what went on was its tail."""
    got = []

    def script(conn):
        head = conn.read_head()
        if head is not None:
            got.append(conn.read_body(head))
            conn.send(response("done"))

    server = tunnel.server("--workers=1")
    # Of equals, the one that came first has the first request.
    tunnel.client(server, tunnel.stage.add(FullBacklog()).url, "--dial-timeout=300ms")
    tunnel.client(server, tunnel.upstream(script))
    body = bytes(i // 1000 % 251 for i in range(size))
    r = tunnel.visitor(server).get(method="POST", body=body)
    if size < 16384:
        assert r.status == 200 and got == [body]
    else:
        assert r.status == 504 and not got
