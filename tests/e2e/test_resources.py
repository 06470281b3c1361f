# SPDX-License-Identifier: MIT
"""What visitors and strangers can hold on to, be it without a token, a request or a byte: places,
memory and turns, and that this keeps nobody else out."""

import contextlib
import os
import resource
import selectors
import signal
import socket
import ssl
import threading

import pytest

from harness import wire
from harness.noise import Link, Refused
from harness.programs import TOKEN
from harness.tls import trusting
from harness.upstream import response
from harness.visitor import Closed, Visitor
from harness.wait import SANITIZED, at_once, quiet_for, wait_until

PLACES = 256  # --max-handshakes


class Silent:
    """Asks for links from so many addresses and says nothing more; whenever one ends, for
    another."""

    PACE = 0.002  # seconds between two requests: fast enough to take every place that gets free

    def __init__(self, server, addresses, each):
        self.server = server
        self.selector = selectors.DefaultSelector()
        self.asked = 0
        self.over = threading.Event()
        for i in range(addresses):
            for _ in range(each):
                self.ask("127.2.0.%d" % (1 + i))
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()

    def ask(self, source):
        sock = socket.create_connection(("127.0.0.1", self.server.port), 5, (source, 0))
        sock.sendall(wire.link_request())
        self.selector.register(sock, selectors.EVENT_READ, source)
        self.asked += 1

    def run(self):
        while not self.over.wait(self.PACE):
            for key, _ in self.selector.select(0.05)[:1]:
                try:
                    ended = not key.fileobj.recv(4096)
                except OSError:
                    ended = True
                if ended:
                    self.selector.unregister(key.fileobj)
                    key.fileobj.close()
                    self.ask(key.data)


@pytest.mark.parametrize("addresses", [9, 90])
def test_silent_link_requests_keep_no_client_out(tunnel, addresses):
    """A few addresses once held every place for a handshake, and a client got in on few of its
    tries."""
    server = tunnel.server("--workers=2")
    with Silent(server, addresses, 1 + PLACES // addresses) as silent:
        # From addresses that never proved anything: the first try of each.
        got_in = 0
        for i in range(20):
            try:
                with Link(server.address, source="127.3.0.%d" % i) as link:
                    link.up(TOKEN)
                    got_in += 1
            except (Refused, Closed, OSError):
                pass
        assert got_in == 20
        # A real client, and it stays.
        tunnel.client(server, tunnel.upstream("in"))
        asked = silent.asked
        wait_until(lambda: silent.asked >= asked + PLACES, "as many more requests")
        assert tunnel.visitor(server).get().body == b"in"
    server.log_contains("took the place of another")


def test_one_byte_of_tls_buys_no_tls_state(tunnel):
    """The first byte of a ClientHello once cost OpenSSL's state, 47 KB, until the handshake's time
    was up."""
    n = 400
    server = tunnel.server(*tunnel.ca().issue("a.example").options())
    before = server.memory()
    socks = []
    for _ in range(n):
        socks.append(socket.create_connection(("127.0.0.1", server.port), 5))
        socks[-1].sendall(b"\x16")
    # What was not read yet would cost less, and not fail.
    quiet_for(0.3, lambda: server.memory() - before >= n * 16384, "memory for TLS")
    for sock in socks:
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(1)  # it still waits for the rest
        sock.close()


class Tls:
    """A TLS client whose bytes pass through the test's hands."""

    def __init__(self, server, source, whole=True):
        self.sock = socket.create_connection(("127.0.0.1", server.port), 5, (source, 0))
        self.inward, self.outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = trusting().wrap_bio(self.inward, self.outward, server_hostname="a.example")
        while True:
            try:
                self.tls.do_handshake()
                self.flush()
                return
            except ssl.SSLWantReadError:
                self.flush()
            if not whole:
                return
            more = self.sock.recv(65536)
            if not more:
                raise ConnectionError("the server ended the connection during the TLS handshake")
            self.inward.write(more)

    def flush(self, cut=None):
        self.sock.sendall(self.outward.read()[:cut])


def asks_for_a_link(server):
    """Behind the 101, so that those who come later are."""
    sock = socket.create_connection(("127.0.0.1", server.port), 5)
    sock.sendall(wire.link_request())
    sock.recv(4096)
    return sock


def half_head(server, source):
    sock = socket.create_connection(("127.0.0.1", server.port), 5, (source, 0))
    sock.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\nX: " + b"x" * 31000)
    return sock


def half_handshake(server, source):
    return Tls(server, source, whole=False).sock


def half_record(server, source):
    t = Tls(server, source)
    t.tls.write(b"G" * 16000)
    t.flush(9000)
    return t.sock


def still_open(sock):
    """Reads what there is."""
    sock.setblocking(False)
    try:
        while sock.recv(65536):
            pass
        return False
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


@pytest.mark.parametrize("kind, most", [(half_head, 66), (half_handshake, 49), (half_record, 66)])
def test_memory_is_taken_from_who_holds_most(tunnel, kind, most):
    """Heads, handshakes and records of which half has come were held in any number. They are
    charged: beyond half of the budget those of the address that holds most end, and nobody
    else's."""
    server = tunnel.server(*tunnel.ca().issue("a.example").options(), "--workers=1",
                           "--memory-budget=4MiB")
    tunnel.client(server, ["a.example=" + tunnel.upstream("in").url])
    with Visitor(server.address) as honest:
        honest.send("GET / HTTP/1.1\r\nHost: a.example\r\nX: " + "x" * 9000)
        idle = Tls(server, "127.4.0.1")
        n = 200
        socks = [kind(server, "127.5.0.1") for _ in range(n)]
        fits = 2048 // 32  # of which each holds at least 32 KB: no more of them may stay
        wait_until(lambda: sum(map(still_open, socks)) <= fits, "the others to be closed")
        server.log_contains("visitors hold their share of --memory-budget")
        # Not all of them, but what is too much.
        assert sum(map(still_open, socks)) >= 2048 // most - 5
        assert honest.send("\r\n\r\n").read_response().body == b"in"
        idle.tls.write(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        idle.flush()
        assert idle.sock.recv(65536)
        for sock in socks:
            sock.close()
        idle.sock.close()


def test_memory_of_what_is_pipelined_behind_chunks(tunnel):
    """What was read along with the last of a body waits for the answer, and is charged as well."""
    silent = tunnel.upstream(lambda conn: conn.read_to_end())
    server = tunnel.server("--workers=1", "--memory-budget=4MiB")
    tunnel.client(server, silent)
    visitors = [Visitor(server.address, source="127.5.0.1") for _ in range(150)]
    for v in visitors:
        v.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n")
    silent.wait_connections(len(visitors))
    for v in visitors:
        with contextlib.suppress(OSError):  # it may be one that had to go
            v.send(b"x\r\n0\r\n\r\n" + b"x" * 60000)
    server.log_contains("visitors hold their share of --memory-budget")
    for v in visitors:
        v.close()


def test_who_is_refused_is_said_beside_who_loses_a_place(tunnel):
    """Two lines of one limit: strangers, who cause the one at will, kept the other out of the
    log."""
    server = tunnel.server("--workers=1", "--max-handshakes=1", "--max-sessions=2")
    strangers = [asks_for_a_link(server) for _ in range(2)]
    server.log_contains("took the place of another")
    tunnel.client(server, tunnel.upstream("in"), "--links=1")
    strangers += [asks_for_a_link(server) for _ in range(2)]
    server.log_contains("was refused: --max-sessions (")
    for sock in strangers:
        sock.close()


@pytest.mark.regression
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


@pytest.mark.regression
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


@pytest.mark.regression
def test_one_session_too_many(tunnel):
    """It is told so, at once, and so is whoever reads the log."""
    server = tunnel.server("--max-sessions=1")
    tunnel.client(server, tunnel.upstream("here"))
    late = tunnel.client(server, tunnel.upstream("late"), wait=False)
    late.log_contains("503")
    server.log_contains("--max-sessions")
    assert tunnel.visitor(server).get().text() == "here"


def test_many_handshakes_at_a_time(tunnel):
    """Counted, and an honest client still gets in when they are gone."""
    server = tunnel.server("--max-handshakes=16")
    v = []
    for _ in range(40):
        with contextlib.suppress(OSError):
            v.append(Visitor(server.address).send(wire.link_request()))
    for x in v:
        with contextlib.suppress(Closed, OSError):  # 101 or a refusal
            x.read_head()
        x.close()
    tunnel.client(server, tunnel.upstream("in"))
    assert tunnel.visitor(server).get().body == b"in"


def test_reset_flood(bystander):
    """Visitors that connect and reset in a loop do not become a flood at the upstream (rule 25)."""
    server, _, upstream = bystander

    def flood(_):
        for _ in range(100):
            with contextlib.suppress(OSError):
                Visitor(server.address).request().reset()

    at_once(flood, range(4))
    wait_until(lambda: Visitor(server.address).get().body == b"fine", "service")
    if os.geteuid() == 0:  # it made itself unreadable to its own user
        wait_until(lambda: server.fds() < 100, "descriptors to be given back")


def test_descriptors_run_out(tunnel):
    """A server with few descriptors refuses some, and serves again when they come back."""
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    server = tunnel.server(preexec_fn=few)
    tunnel.client(server, tunnel.upstream(response("ok")))
    visitors = []
    for _ in range(100):
        with contextlib.suppress(OSError):
            visitors.append(Visitor(server.address))
    quiet_for(0.3, lambda: not server.alive(), "the end of the server")
    for v in visitors:
        v.close()

    def served():
        try:
            return tunnel.visitor(server).get().body == b"ok"
        except Closed:
            return False  # taken while there was still no descriptor to spare

    wait_until(served, "service")
