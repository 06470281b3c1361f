# SPDX-License-Identifier: MIT
"""Several links a session and several workers: they share the load, and each fails alone."""

import concurrent.futures
import hashlib
import os
import re
import signal
import time

import pytest

from harness import wire
from harness.mitm import DOWN, UP
from harness.noise import Link, control
from harness.programs import TOKEN
from harness.public import port_of
from harness.upstream import echo, echo_bytes, head_of, response
from harness.visitor import Closed, Visitor
from harness.wait import quiet_for, wait_until

LINKS = 4


class Linked:
    """A client with four links through a relay, so that a test can reach each of them."""

    def __init__(self, tunnel, server, upstreams):
        self.relay = tunnel.mitm(server)
        self.client = tunnel.client(self.relay.address, upstreams, "--links=%d" % LINKS)
        self.relay.wait_pairs(LINKS)
        # The first one is up when something is published, the others soon after.
        server.wait_links(LINKS)

    def open(self):
        return [p for p in list(self.relay.pairs) if p.open]


@pytest.fixture
def linked(tunnel, node):
    return lambda upstreams: Linked(tunnel, node, upstreams)


def works(v):
    """Whether a held connection to an echo is still one."""
    try:
        return v.send(b"ping").read(4) == b"ping"
    except (Closed, OSError):
        return False


def test_links_and_no_more(node, linked, tunnel):
    one = linked(tunnel.upstream("ok").url)
    for _ in range(20):
        assert tunnel.visitor(node).get().body == b"ok"
    assert len(one.relay.pairs) == LINKS and len(one.open()) == LINKS


def test_one_link_is_the_default(tunnel):
    server = tunnel.server()
    relay = tunnel.mitm(server)
    tunnel.client(relay.address, tunnel.upstream("ok"))
    assert tunnel.visitor(server).get().body == b"ok"
    quiet_for(0.3, lambda: len(relay.pairs) > 1, "a second link")


def test_streams_go_to_the_least_loaded_link(node, linked, tunnel):
    """Held connections are spread evenly: 16 over 4 links are about 4 on each."""
    upstream = tunnel.upstream(echo_bytes)
    session = linked("0=tcp://" + upstream.address)
    address = "127.0.0.1:%d" % port_of(session.client)
    held = [tunnel.visitor(address) for _ in range(16)]
    assert all(works(v) for v in held)
    before = [len(p.recorded[DOWN]) for p in session.relay.pairs]
    piece = os.urandom(20000)
    for v in held:
        v.send(piece)
    for v in held:
        assert v.read(len(piece)) == piece
    moved = [len(p.recorded[DOWN]) - b for p, b in zip(session.relay.pairs, before, strict=True)]
    assert min(moved) >= 2 * len(piece), moved
    assert max(moved) <= 7 * len(piece), moved


def test_requests_are_spread(node, linked, tunnel):
    body = os.urandom(100000)
    session = linked(tunnel.upstream(lambda conn: answer_slowly(conn, body)).url)
    before = [len(p.recorded[UP]) for p in session.relay.pairs]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda _: Visitor(node.address).get().body, range(48)))
    assert got == [body] * 48
    moved = [len(p.recorded[UP]) - b for p, b in zip(session.relay.pairs, before, strict=True)]
    assert min(moved) > 3 * len(body), moved


def answer_slowly(conn, body):
    while conn.read_request() is not None:
        conn.pause(0.02)  # as long as several of them are under way
        conn.send(response(body))


def fresh(address):
    with Visitor(address) as v:
        return works(v)


def test_lost_link_resets_only_its_own(node, linked, tunnel):
    upstream = tunnel.upstream(echo_bytes)
    session = linked("0=tcp://" + upstream.address)
    address = "127.0.0.1:%d" % port_of(session.client)
    held = [tunnel.visitor(address) for _ in range(16)]
    assert all(works(v) for v in held)
    session.open()[1].close(reset=True)
    # As soon as its end is heard of: new ones are served, and nothing is published anew.
    wait_until(lambda: fresh(address), "a new connection to be served")
    wait_until(lambda: sum(not works(v) for v in held) >= 1, "the streams of the lost link to end")
    assert sum(works(v) for v in held) >= 8
    session.relay.wait_pairs(LINKS + 1)
    wait_until(lambda: len(session.open()) == LINKS, "four links again")
    assert session.client.log().count(" is published at ") == 1
    assert "does not publish" not in session.client.log()


def test_links_lost_one_after_another(node, linked, tunnel):
    """Requests, which can be sent again, do not notice; the first link is no better than others."""
    session = linked(tunnel.upstream("ok").url)
    for i in range(2 * LINKS):
        session.open()[0].close(reset=i % 2 == 0)
        for _ in range(5):
            with Visitor(node.address) as v:
                assert v.get().body == b"ok"
        wait_until(lambda: len(session.open()) == LINKS, "four links again")
    assert session.client.log().count(" is published at ") == 1


def test_all_links_lost_at_once(node, linked, tunnel):
    session = linked(tunnel.upstream("ok").url)
    session.relay.cut()
    # A request is sent again once (rule 37), which two links that nobody knows to be dead use up.
    wait_until(lambda: re.search(r"session \w+ .* ended: ", node.log()), "the session's end")
    with Visitor(node.address) as v:
        assert v.get().body == b"ok"
    wait_until(lambda: len(session.open()) == LINKS, "four links again")


def test_server_comes_back(tunnel, node):
    client = tunnel.client(node, tunnel.upstream("ok"), "--links=%d" % LINKS)
    assert tunnel.visitor(node).get().body == b"ok"
    node.kill()
    node.start()
    with Visitor(node.address) as v:
        assert v.get().body == b"ok"
    assert client.alive()


def test_client_ends_with_all_its_links(node, linked, tunnel):
    session = linked("0=tcp://" + tunnel.upstream(echo_bytes).address)
    session.client.send_signal(signal.SIGTERM)
    assert session.client.wait() == 0
    node.log_contains(" ended: ")


def test_links_that_cannot_join(tunnel, node):
    """Rule 29: whoever knows the token but not the session's secret starts a session of his own.
    Two clients with several links each stay apart."""
    upstreams = [tunnel.upstream("%d" % i) for i in range(2)]
    for i, u in enumerate(upstreams):
        tunnel.client(node, "%d.example=%s" % (i, u.url), "--links=3")
    for i in range(2):
        for _ in range(9):
            with Visitor(node.address) as v:
                assert v.get(host="%d.example" % i).body == b"%d" % i
    up = r"session \w+ .* is up"
    wait_until(lambda: len(re.findall(up, node.log())) >= 2, "two sessions in the log")
    assert len(re.findall(up, node.log())) == 2


def test_big_transfers_at_once(node, linked, tunnel):
    """16 MiB each way on eight connections; what comes back is what went."""
    session = linked("0=tcp://" + tunnel.upstream(echo_bytes).address)
    address = "127.0.0.1:%d" % port_of(session.client)
    data = os.urandom(1 << 20) * 2

    def transfer(_):
        v = Visitor(address)
        with concurrent.futures.ThreadPoolExecutor(1) as sender:
            sending = sender.submit(lambda: (v.send(data), v.finish()))
            got = v.read_to_end()
            sending.result()
        v.close()
        return hashlib.sha256(got).digest()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(transfer, range(8))) == {hashlib.sha256(data).digest()}


def test_many_visitors(node, linked, tunnel):
    """300 connections kept, several requests on each, every answer to its own question."""
    linked(tunnel.upstream(echo).url)
    visitors = [Visitor(node.address) for _ in range(300)]
    for turn in range(3):
        for i, v in enumerate(visitors):
            v.request("/", method="POST", body=b"%d in turn %d" % (i, turn))
        for i, v in enumerate(visitors):
            assert v.read_response().body == b"%d in turn %d" % (i, turn)
    for v in visitors:
        v.close()


def test_one_visitor_of_services_on_different_workers(tunnel, node):
    """A connection goes to the worker of its link between two requests, whatever was read ahead."""
    names = ["%d.example" % i for i in range(6)]
    for name in names:
        tunnel.client(node, "%s=%s" % (name, tunnel.upstream(name).url))
    with Visitor(node.address) as v:
        for turn in range(5):
            for name in names:
                assert v.get("/%d" % turn, host=name).body == name.encode()
        # Pipelined: all of it is there before the first answer.
        v.send(b"".join(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % n.encode() for n in names * 5))
        for name in names * 5:
            assert v.read_response().body == name.encode()
        # A body that is under way goes along.
        v.send("POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 200000\r\n\r\n" % names[3])
        v.send(b"x" * 200000)
        assert v.read_response().body == names[3].encode()


def test_websockets_over_many_links(node, linked, tunnel):
    def script(conn):
        if conn.read_head() is None:
            return
        conn.send(wire.SWITCHING)
        echo_bytes(conn)
    linked(tunnel.upstream(script).url)
    visitors = [Visitor(node.address) for _ in range(12)]
    for v in visitors:
        v.request("/", fields=wire.UPGRADE)
        assert v.read_response().status == 101
    for _ in range(3):
        assert all(works(v) for v in visitors)
    for v in visitors:
        v.close()


def test_visitors_come_and_go_while_links_do(node, linked, tunnel):
    """Nothing is lost but what was on the links that went, and nobody crashes."""
    session = linked(tunnel.upstream(echo).url)
    end = time.monotonic() + 2

    def visit(i):
        n = bad = 0
        while time.monotonic() < end:
            try:
                with Visitor(node.address) as v:
                    body = b"%d" % i * 500
                    r = v.get(method="POST", body=body)
                    assert (r.status, r.body) == (200, body) or r.status == 502, r.raw_head
                    n, bad = n + (r.status == 200), bad + (r.status == 502)
            except (Closed, OSError):
                bad += 1
        return n, bad
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        visits = [pool.submit(visit, i) for i in range(8)]
        while time.monotonic() < end:
            quiet_for(0.2, lambda: not session.client.alive(), "the end of the client")
            links = session.open()
            if len(links) > 1:
                links[0].close(reset=True)
        results = [v.result() for v in visits]
    good, bad = (sum(r[i] for r in results) for i in range(2))
    assert good > 100 and bad < good / 4, results
    assert node.alive() and session.client.alive()


def test_visitor_moves_with_its_address(tunnel):
    """Whoever the connection is handed to says the same of the visitor."""
    server = tunnel.server("--workers=4")
    upstreams = [tunnel.upstream() for _ in range(4)]
    for i, u in enumerate(upstreams):
        tunnel.client(server, "%d.example=%s" % (i, u.url))
    with Visitor(server.address) as v:
        for i in range(4):
            assert v.get(host="%d.example" % i).status == 200
    for u in upstreams:
        assert "X-Forwarded-For: 127.0.0.1" in head_of(u)


@pytest.mark.parametrize("option", ["--workers=-1", "--workers=1000", "--workers=x"])
def test_workers_that_cannot_be(tunnel, option):
    status, _, err = tunnel.run("server", "--port=0", "--no-token", option,
                                "--state-dir=%s" % tunnel.path)
    assert status == 2 and "--workers" in err and "unknown" not in err


def test_links_that_cannot_be(tunnel):
    status, _, err = tunnel.run("client", "--remote=a", "--upstream=http://a", "--no-token",
                                "--links=0")
    assert status == 2 and "--links" in err and "unknown" not in err


@pytest.mark.regression
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
