"""Bugs that were found by looking: each test fails with the program as it was before its fix."""

import signal
import socket
import threading
import time

import pytest

from harness.mitm import UP
from harness.upstream import refused_port, response
from harness.visitor import Closed, Visitor
from harness.wait import PATIENCE, wait_until

UPGRADE = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
SWITCHING = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
             b"Connection: Upgrade\r\n\r\n")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def numbered(conn):
    """Answers every request with the number of the connection it came by."""
    while conn.read_request() is not None:
        conn.send(response(b"%d" % conn.number))


def everywhere(things):
    """Runs all of these functions at a time, and raises what one of them raised."""
    wrong = []

    def run(thing):
        try:
            thing()
        except BaseException as e:
            wrong.append(e)
    threads = [threading.Thread(target=run, args=(t,), daemon=True) for t in things]
    for t in threads:
        t.start()
    for t in threads:
        t.join(2 * PATIENCE)
    if wrong:
        raise wrong[0]


# Kept upstream connections


def test_a_login_elsewhere_lets_go_of_the_first(tunnel):
    """A visitor owns one logged-in connection: the one before was forgotten, not closed, and wrote
    to the freed visitor when its upstream hung up."""
    a, b = tunnel.upstream(numbered), tunnel.upstream(numbered)
    server = tunnel.server()
    tunnel.client(server, ["a.test=" + a.url, "b.test=" + b.url])
    v = tunnel.visitor(server)
    login = ["Authorization: NTLM TlRMTVNTUAAB"]
    assert v.get(host="a.test", fields=login).status == 200
    assert v.get(host="b.test", fields=login).status == 200
    wait_until(lambda: a.connections[0].ended, "the end of the first login", 3)
    v.close()
    wait_until(lambda: b.connections[0].ended, "the end of the second login", 3)
    assert tunnel.visitor(server).get(host="a.test").body == b"1"


def test_a_login_stays_with_its_session(tunnel):
    """Two sessions share the host; what one upstream connection was told the other cannot know."""
    def named(name):
        def script(conn):
            while conn.read_request() is not None:
                conn.send(response("%s, connection %d" % (name, conn.number)))
        return script

    server = tunnel.server()
    for name in ("a", "b"):
        tunnel.client(server, tunnel.upstream(named(name)))
    v = tunnel.visitor(server)
    login = ["Authorization: NTLM TlRMTVNTUAAB"]
    assert len({v.get(fields=login).text() for _ in range(4)}) == 1


def test_one_session_too_many(tunnel):
    """It is told so, at once, and so is whoever reads the log."""
    server = tunnel.server("--max-sessions=1")
    tunnel.client(server, tunnel.upstream("here"))
    late = tunnel.client(server, tunnel.upstream("late"), wait=False)
    late.log_contains("503")
    server.log_contains("--max-sessions")
    assert tunnel.visitor(server).get().text() == "here"


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
    time.sleep(0.05)  # for whatever the client has left to say of it
    gate.open.clear()
    leave.set()
    assert gate.held.wait(PATIENCE), "the FIN, on its way"
    before = len(relay.recorded("down"))
    v.request("/b", method="POST", body=b"pay")
    wait_until(lambda: len(relay.recorded("down")) > before, "the request at the client")
    time.sleep(0.2)  # in which it would be written, wrongly
    gate.open.set()
    assert v.read_response().status == 200
    assert upstream.received().count(b"POST /b ") == 1


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("pause", [0, 0.05])
def test_second_answer_reaches_nobody(tunnel, version, pause):
    """An answer that nobody asked for, in one segment with the one before or right behind it."""
    def script(conn):
        conn.read_request()
        good = CHUNKED + b"1\r\n%d\r\n0\r\n\r\n" % conn.number
        if pause:
            conn.send(good)
            time.sleep(pause)
            conn.send(response("poison"))
        else:
            conn.send(good + response("poison"))
        while conn.read_request() is not None:
            conn.send(response("from a connection that nobody may use"))

    server, _, upstream = tunnel.through(script, ["--kept-idle=60s"])
    for i in range(3):
        r = tunnel.visitor(server).get(version=version, method="POST", body=b"pay")
        assert r.status == 200 and r.body == b"%d" % i
        wait_until(lambda: upstream.connections[i].ended or pause == 0, "its end")
        time.sleep(2 * pause)
    assert upstream.received().count(b"POST ") == 3


def test_upgrade_has_a_stream_of_its_own(tunnel):
    """Not the one of an ordinary request before it, nor does a refused one serve another."""
    def script(conn):
        while (request := conn.read_request()) is not None:
            if b"upgrade: websocket" in request[0].lower():
                conn.send(response(b"%d" % conn.number, "426 Upgrade Required"))
            else:
                conn.send(response(b"%d" % conn.number))

    server, _, upstream = tunnel.through(script)
    v = tunnel.visitor(server)
    assert v.get().body == b"0"
    refused = v.get("/ws", fields=UPGRADE)
    assert (refused.status, refused.body) == (426, b"1")
    assert v.get().body == b"0"
    wait_until(lambda: upstream.connections[1].ended, "the end of the refused one")


# Sending again


def full_upstream(tunnel):
    """The URL of one that neither accepts nor refuses: its queue is full."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=0)
    tunnel.stage.add(Stopping(sock))
    for _ in range(4):
        s = socket.socket()
        tunnel.stage.add(Stopping(s))
        s.setblocking(False)
        s.connect_ex(sock.getsockname())
    return "http://127.0.0.1:%d" % sock.getsockname()[1]


class Stopping:
    def __init__(self, sock):
        self.sock = sock

    def stop(self):
        self.sock.close()


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
    tunnel.client(server, full_upstream(tunnel), "--dial-timeout=300ms")
    tunnel.client(server, tunnel.upstream(script))
    body = bytes(i // 1000 % 251 for i in range(size))
    r = tunnel.visitor(server).get(method="POST", body=body)
    if size < 16384:
        assert r.status == 200 and got == [body]
    else:
        assert r.status == 504 and not got


def test_burst_of_failures_is_one_failure(tunnel):
    """Rule 31: 1 s, doubling. A dozen dials that failed together made it 30 s at once."""
    served = []

    def answer(name):
        def script(conn):
            while conn.read_request() is not None:
                served.append(name)
                time.sleep(0.02)
                conn.send(response(name))
        return script

    server = tunnel.server("--workers=1")  # which spreads them evenly
    sock, port = refused_port()
    dead = tunnel.client(server, "http://127.0.0.1:%d" % port)
    tunnel.client(server, tunnel.upstream(answer("good")))
    dead.send_signal(signal.SIGSTOP)  # so that its dials fail in one go
    visitors = [tunnel.visitor(server) for _ in range(24)]
    for v in visitors:
        v.request()
    wait_until(lambda: len(served) >= 12, "the answers of the other")
    dead.send_signal(signal.SIGCONT)
    assert {v.read_response().body for v in visitors} == {b"good"}

    sock.listen(64)
    back = tunnel.upstream(answer("back"))
    back.sock.close()
    back.sock = sock
    threading.Thread(target=back._accept, daemon=True).start()
    end = time.monotonic() + 4
    while "back" not in served and time.monotonic() < end:
        for v in visitors[:4]:
            v.request()
        for v in visitors[:4]:
            assert v.read_response().status == 200
    assert "back" in served


# Answers


def test_slow_reader_of_an_unchunked_answer_gets_it_whole(tunnel):
    """HTTP/1.0, so the end of the connection is the end of the answer: it came before the last
    bytes of it when the visitor was slow, and half a file passed for a whole one."""
    size = 1_000_000

    def script(conn):
        while conn.read_request() is not None:
            conn.send(CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"x" * size))

    server, _, _ = tunnel.through(script)
    head = tunnel.visitor(server).get(version="1.0").raw_head
    missed = {}

    def read_slowly(left):
        """Pauses when so much is left, for longer than the server lingers."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(PATIENCE)
        with sock:
            sock.connect(("127.0.0.1", server.port))
            sock.sendall(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
            got, pause_at = 0, len(head) + size - left
            while piece := sock.recv(4096 if got < pause_at else 65536):
                if got < pause_at <= got + len(piece):
                    time.sleep(1.4)
                got += len(piece)
            missed[left] = len(head) + size - got

    # What the kernel holds of it is not ours to say, so the pause comes at different points.
    everywhere([lambda left=left: read_slowly(left) for left in range(90_000, 210_000, 3_000)])
    missed = {left: n for left, n in missed.items() if n}
    assert not missed, missed


def test_bad_chunk_right_behind_the_head(tunnel):
    """Judged in one go, before a byte of the head was written: that is a 502 yet."""
    server, _, _ = tunnel.through(lambda conn: (conn.read_head(), conn.send(CHUNKED + b"zz\r\n")))
    r = tunnel.visitor(server).get()
    assert r.status == 502


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
    wait_until(lambda: " " + why in server.log() or "=" + why in server.log(), "the reason", 3)


# Who left, and who is only quiet


def test_upgraded_upstream_that_left(tunnel):
    """The visitor goes on sending to an upstream that closed: streams and sockets were leaked."""
    def script(conn):
        conn.read_head()
        conn.send(SWITCHING)

    server, client, _ = tunnel.through(script)
    before = server.fds(), client.fds()
    visitors = []
    for _ in range(5):
        v = tunnel.visitor(server)
        assert v.get("/ws", fields=UPGRADE).status == 101
        assert v.read_to_end() == b""
        visitors.append(v)

    def talk_on(v):
        with pytest.raises(OSError):
            while True:
                v.send(b"y" * 65536)
    for v in visitors:
        v.sock.settimeout(2)  # a full pipe that nobody empties is no answer
    everywhere([lambda v=v: talk_on(v) for v in visitors])
    for v in visitors:
        v.close()
    wait_until(lambda: (server.fds(), client.fds()) <= before, "the sockets to be closed", 3)


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
            time.sleep(0.02)  # the two are to be told one after the other
        elif farewell == "more and reset":
            v.request("/next")
            time.sleep(0.02)
        v.reset()
    wait_until(lambda: all(c.ended for c in upstream.connections), "the upstream to be told", 4)
    assert len(upstream.connections) == 5
    wait_until(lambda: server.fds() <= before, "the visitors' sockets to be closed", 3)


def test_idle_time_does_not_count_while_an_answer_streams(tunnel):
    """An upload that rests while its answer comes: --visitor-idle is about bodies that are awaited,
    and the answer is what is under way here."""
    def script(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        conn.read(3)
        time.sleep(1.6)
        conn.send(b"world")
        conn.read_to_end()

    server, _, _ = tunnel.through(script, ["--visitor-idle=1s"])
    v = tunnel.visitor(server)
    v.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n")
    assert v.read_head().status == 200
    v.send("abc")
    assert v.read(10) == b"helloworld"


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


def test_upgrade_on_a_logged_in_connection_ends(tunnel):
    """It rides on the stream of the login. Behind the upstream's FIN nothing is written there, so
    both directions end; they stayed open, with a descriptor on each side, until the link ended."""
    def script(conn):
        conn.read_request()
        conn.send(response("in"))
        conn.read_request()
        conn.send(SWITCHING + b"last words")
        conn.finish()

    upstream = tunnel.upstream(script)
    server = tunnel.server()
    client = tunnel.client(server, upstream)
    before = client.fds()
    v = tunnel.visitor(server)
    assert v.get(fields=["Authorization: NTLM TlRMTVNTUAAB"]).text() == "in"
    v.request(fields=UPGRADE)
    assert v.read_head().status == 101
    v.send(b"late")
    wait_until(lambda: client.fds() <= before, "the stream to end", 5)
