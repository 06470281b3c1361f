# SPDX-License-Identifier: MIT
"""How a visitor's connection ends: what still comes behind an early answer, who leaves while the
upstream works, and who reads nothing."""

import contextlib
import socket
import ssl
import threading

import pytest

from harness.upstream import refused_port, response
from harness.visitor import Closed, Visitor
from harness.wait import PATIENCE, wait_until

MIB = 1024 * 1024
STALLED = "--visitor-stalled=1s"


def secure(v):
    """The same visitor over TLS, whatever the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    v.sock = context.wrap_socket(v.sock, server_hostname="example.com")
    return v


def caller(tunnel, server, scheme="http"):
    v = tunnel.visitor(server)
    return secure(v) if scheme == "https" else v


# ---- Behind an early answer


def refuses(conn):
    """Answers a request before its body, as nginx does one that is too large, and then reads on."""
    while conn.read_head() is not None:
        conn.send(response("too large\n", "413 Content Too Large"))
        conn.read_to_end()


def bursts(conn):
    """Answers and closes with bytes unread, which is an RST."""
    conn.read_head()
    conn.send(response("too large\n", "413 Content Too Large", ["Connection: close"]))


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("script,scheme", [(refuses, "http"), (refuses, "https"),
                                           (bursts, "http"), (None, "https")])
def test_answer_reaches_who_reads_behind_its_upload(tunnel, scheme, script, framing):
    """RFC 9112, 9.6: 8 MiB are written, as Python's and Java's clients do, before a byte is
    read."""
    held = None
    if script:
        url = tunnel.upstream(script).url
    else:
        held, port = refused_port()
        url = "http://127.0.0.1:%d" % port
    server = tunnel.server("--auto-tls")
    tunnel.client(server, url)
    v = caller(tunnel, server, scheme)
    block = b"x" * 65536
    if framing == "length":
        v.send("POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: %d\r\n\r\n" % (8 * MIB))
    else:
        v.send("POST / HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n")
        block = b"10000\r\n" + block + b"\r\n"
    for _ in range(8 * MIB // 65536):
        v.send(block)
    if framing == "chunked":
        v.send("0\r\n\r\n")
    r = v.read_response()
    assert r.status == (413 if script else 502)
    assert r.get("Connection") == "close"
    if held:
        held.close()


def answers_early(conn):
    """Says no to each POST without its body, yes to what else comes by this connection."""
    while (head := conn.read_head()) is not None:
        if head.startswith(b"POST"):
            conn.send(response("no\n", "403 Forbidden"))
        else:
            conn.send(response())


@pytest.mark.parametrize("host", ["a", "nobody"])
def test_short_rest_keeps_the_connection(tunnel, host):
    """Little is left of the body: the next request follows it, whoever answered early."""
    upstream = tunnel.upstream(answers_early)
    server = tunnel.server("--reconnect-grace=0s")
    tunnel.client(server, "a=" + upstream.url)
    v = tunnel.visitor(server)
    for _ in range(3):
        v.send("POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 100000\r\n\r\n" % host)
        r = v.read_response()
        assert r.status == (403 if host == "a" else 503) and r.get("Connection") is None
        v.send(b"GET /not-a-request HTTP/1.1\r\n\r\n".ljust(100000))
        assert v.get(host="a").status == 200
    assert b"not-a-request" not in b"".join(
        c.received.split(b"\r\n\r\n", 1)[0] for c in upstream.connections)


def test_chunks_that_came_with_their_head_keep_the_connection(tunnel):
    server = tunnel.server("--reconnect-grace=0s")
    v = tunnel.visitor(server)
    for _ in range(3):
        v.send("POST / HTTP/1.1\r\nHost: nobody\r\nTransfer-Encoding: chunked\r\n\r\n"
               "5\r\nhello\r\n0\r\n\r\n")
        r = v.read_response()
        assert r.status == 503 and r.get("Connection") is None


def test_body_that_may_stay_out_ends_the_connection(tunnel):
    """Told no instead of to go on, a client may send the body or not: what follows has two
    meanings."""
    server, _, _ = tunnel.through(answers_early)
    v = tunnel.visitor(server)
    v.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n")
    r = v.read_response()
    assert r.status == 403 and r.get("Connection") == "close"


def test_trickle_behind_an_answer_ends(tunnel):
    server, _, _ = tunnel.through(refuses)
    v = tunnel.visitor(server)
    v.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (8 * MIB))
    assert v.read_response().status == 413

    def refused():
        with contextlib.suppress(OSError):
            v.trickle(b"x" * 10, 10, every=0.1)
            return False
        return True
    wait_until(refused, "the end of who sends 100 bytes a second", 20 + PATIENCE)


# ---- Who leaves


class Working:
    """An upstream that works on an answer for as long as somebody waits for it."""

    def __init__(self, tunnel):
        self.began, self.left = [], []

        def script(conn):
            while (head := conn.read_head()) is not None:
                path = head.split()[1].decode()
                if path == "/hello":
                    conn.send(response())
                    continue
                self.began.append(path)
                if path == "/stream":
                    conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
                conn.read_to_end()
                self.left.append(path)
        self.url = tunnel.upstream(script).url

    def wait_began(self, n=1):
        wait_until(lambda: len(self.began) >= n, "the request at the upstream")

    def wait_left(self, n=1):
        wait_until(lambda: len(self.left) >= n, "the end of the request at the upstream")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_upstream_hears_of_who_leaves(tunnel, scheme):
    """Six at a time, by either worker, and moved between them."""
    w = Working(tunnel)
    server = tunnel.server("--auto-tls", "--workers=2")
    tunnel.client(server, w.url)
    visitors = [caller(tunnel, server, scheme) for _ in range(6)]
    for i, v in enumerate(visitors):
        assert v.get("/hello").status == 200
        if i == 5:
            v.request("/work", method="POST", body=b"x" * 1000)
        else:
            v.request("/stream" if i == 4 else "/work")
        w.wait_began(i + 1)
    assert visitors[4].read_head().status == 200
    for v in visitors[:2]:
        v.request("/behind").request("/behind")
    assert not w.left
    visitors[2].reset()
    for v in visitors:
        v.close()
    w.wait_left(6)
    assert "/behind" not in w.began


def test_upstream_hears_of_close_notify(tunnel):
    """The end of a visitor's TLS, without its FIN and behind none of its bytes."""
    w = Working(tunnel)
    server = tunnel.server("--auto-tls")
    tunnel.client(server, w.url)
    v = caller(tunnel, server, "https").request("/work")
    w.wait_began()
    v.sock.settimeout(0.1)
    with contextlib.suppress(OSError):
        v.sock.unwrap()  # and it waits for the answer to that
    w.wait_left()


def test_request_that_waits_for_a_client_leaves_with_its_visitor(tunnel):
    w = Working(tunnel)
    server = tunnel.server("--reconnect-grace=30s")
    tunnel.visitor(server).request("/gone", method="POST").close()
    server.log_contains("why=visitor-gone")
    tunnel.client(server, w.url)
    tunnel.visitor(server).request("/there")
    w.wait_began()
    assert w.began == ["/there"]


def answers_late(conn):
    """Behind twice what is given to who seems to have left."""
    while conn.read_head() is not None:
        conn.pause(1)
        conn.send(response("late\n"))


def test_half_closed_requests_are_kept_where_that_is_asked_for(tunnel):
    server, _, _ = tunnel.through(answers_late, client_options=["--half-closed-requests=keep"])
    v = tunnel.visitor(server).request()
    v.finish()
    assert v.read_response().body == b"late\n"


def test_half_closed_request_is_kept_by_the_service_that_gets_it(tunnel):
    """A FIN in the segment of its request, for a service that cannot be reached and would not keep
    it: the one that gets it then does."""
    server = tunnel.server("--workers=1")
    held, port = refused_port()
    first = tunnel.client(server, "http://127.0.0.1:%d" % port)
    tunnel.client(server, tunnel.upstream(answers_late).url, "--half-closed-requests=keep")
    v = tunnel.visitor(server)
    v.sock.send(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", socket.MSG_MORE)
    v.finish()
    assert v.read_response().body == b"late\n"
    first.log_contains("cannot be reached")
    held.close()


def test_half_closed_request_with_expect_is_kept(tunnel):
    server, _, _ = tunnel.through(answers_late)
    v = tunnel.visitor(server)
    v.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx")
    v.finish()
    assert v.read_response().body == b"late\n"


def test_half_closed_request_is_aborted_else(tunnel):
    """A FIN right behind the request: a quick answer still comes, a late one does not."""
    server, _, _ = tunnel.through(
        lambda conn: answers_late(conn) if b"/late" in conn.read_head() else conn.send(response()))
    v = tunnel.visitor(server).request("/quick", fields=["Connection: close"])
    v.finish()
    assert v.read_response().status == 200
    v = tunnel.visitor(server).request("/late")
    v.finish()
    with pytest.raises(Closed):
        v.read_response()


# ---- Who reads nothing


def endless(conn):
    conn.read_head()
    conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    with contextlib.suppress(OSError):
        while True:
            conn.send(b"x" * 65536)
    conn.ended = True


def small_window(tunnel, server):
    """A visitor whose kernel buffers next to nothing, so that what it reads shows at once."""
    return tunnel.visitor(server, receive_buffer=4096)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_who_reads_nothing_ends(tunnel, scheme):
    upstream = tunnel.upstream(endless)
    server = tunnel.server("--auto-tls", STALLED)
    tunnel.client(server, upstream.url)
    caller(tunnel, server, scheme).request()
    server.log_contains("why=visitor-stalled")
    wait_until(lambda: upstream.connections[0].ended, "the end at the upstream")


def test_who_reads_no_pages_ends(tunnel):
    server = tunnel.server(STALLED, "--reconnect-grace=0s", "--access-log=off")
    before = server.fds()
    v = small_window(tunnel, server)
    v.sock.settimeout(0.5)
    with contextlib.suppress(OSError):
        while True:
            v.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 100)
    wait_until(lambda: server.fds() <= before, "the end of the visitor")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_slow_reader_is_not_cut(tunnel, scheme):
    """For longer than --visitor-stalled, and it reads all the while."""
    body = bytes(range(256)) * 4096 * 4
    upstream = tunnel.upstream(response(body, fields=["Connection: close"]))
    server = tunnel.server("--auto-tls", "--visitor-stalled=2s")
    tunnel.client(server, upstream.url)
    v = small_window(tunnel, server)
    if scheme == "https":
        secure(v)
    v.request()
    v.sip(30, 0.1)
    assert v.read_response().body == body


def test_silent_stream_is_not_cut(tunnel):
    """Nothing is unread: an event stream may be silent for as long as it likes."""
    go = threading.Event()

    def script(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + b"x" * 3 * MIB)
        go.wait(PATIENCE)
        conn.send(b"data: 1\n\n")

    server, _, _ = tunnel.through(script, server_options=[STALLED])
    v = tunnel.visitor(server).request()
    v.read_head()
    v.pause(0.5)  # it was slow once
    v.read(3 * MIB)
    assert v.silent(2)
    go.set()
    assert v.read(9) == b"data: 1\n\n"


# ---- Whose memory it is


class Slow(threading.Thread):
    """A download that takes 4 KiB at a time, and not many."""

    def __init__(self, visitor):
        super().__init__(daemon=True)
        self.visitor, self.got, self.over = visitor.request("/slow"), 0, False
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while data := self.visitor.sock.recv(4096):
                self.got += len(data)
                self.visitor.pause(0.02)
        self.over = True


def test_memory_comes_back_from_who_stands_still(tunnel):
    """Begun before and behind downloads that move slowly, from the same address."""
    server, _, _ = tunnel.through(
        endless, server_options=["--workers=1", "--memory-budget=2MiB"])
    still = [small_window(tunnel, server).request("/still") for _ in range(8)]
    slow = [Slow(small_window(tunnel, server)) for _ in range(8)]
    wait_until(lambda: min(s.got for s in slow) > MIB // 2, "the slow downloads to be under way")
    still += [small_window(tunnel, server).request("/still") for _ in range(40)]
    wait_until(lambda: server.log().count("path=/still") >= 16, "the end of some that stand still")
    assert not any(s.over for s in slow)
    assert "path=/slow" not in server.log() and "why=busy" in server.log()


@pytest.mark.regression
@pytest.mark.parametrize("farewell", ["reset", "finish and reset", "more and reset"])
def test_event_stream_ends_with_its_visitor(tunnel, farewell):
    """The upstream is silent, so no write will ever tell that the visitor is gone."""
    def script(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n:\n\n")
        conn.read_to_end()

    server, _, upstream = tunnel.through(script)
    before = server.fds()
    for _ in range(5):
        v = Visitor(server.address)
        v.request()
        assert v.read_head().status == 200
        if farewell == "finish and reset":
            v.finish()
            v.pause(0.02)  # the two are to be told one after the other
        elif farewell == "more and reset":
            v.request("/next")
            v.pause(0.02)
        v.reset()
    wait_until(lambda: all(c.ended for c in upstream.connections), "the upstream to be told")
    assert len(upstream.connections) == 5
    wait_until(lambda: server.fds() <= before, "the visitors' sockets to be closed")


@pytest.mark.regression
def test_idle_time_does_not_count_while_an_answer_streams(tunnel):
    """An upload that rests while its answer comes: --visitor-idle is about bodies that are awaited,
    and the answer is what is under way here."""
    def script(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        conn.read(3)
        conn.pause(1.6)
        conn.send(b"world")
        conn.read_to_end()

    server, _, _ = tunnel.through(script, ["--visitor-idle=1s"])
    v = tunnel.visitor(server)
    v.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n")
    assert v.read_head().status == 200
    v.send("abc")
    assert v.read(10) == b"helloworld"


@pytest.mark.regression
def test_upstream_that_stops_reading_is_not_the_visitors_fault(tunnel):
    """The visitor has more to send than is taken: the upstream is late (504), not the request."""
    leave = threading.Event()

    def script(conn):
        conn.read_head()
        leave.wait(PATIENCE)

    server, _, _ = tunnel.through(script, ["--visitor-idle=1s", "--max-window=64KiB"])
    v = tunnel.visitor(server)
    v.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
    done = threading.Event()

    def pour():
        try:
            while not done.is_set():
                v.send(b"x" * 65536)
        except OSError:
            pass
    threading.Thread(target=pour, daemon=True).start()
    try:
        assert v.read_head().status == 504
    finally:
        done.set()
        leave.set()
