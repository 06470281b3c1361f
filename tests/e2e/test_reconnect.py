# SPDX-License-Identifier: MIT
"""Links that break: requests wait a little, nothing is done by hand, the same name comes back."""

import socket
import threading
import time

import pytest

from harness.upstream import response
from harness.visitor import Closed
from harness.wait import quiet_for, wait_until


def test_requests_wait_for_a_lost_session(tunnel):
    server, client, _ = tunnel.through("back\n", server_options=["--reconnect-grace=5s"])
    assert tunnel.visitor(server).get().status == 200
    client.kill()
    v = tunnel.visitor(server)
    v.request("/")
    assert v.silent(0.3)
    client.start()
    assert v.read_response().body == b"back\n"


def test_503_when_the_grace_is_over(tunnel):
    server, client, _ = tunnel.through(server_options=["--reconnect-grace=500ms"])
    assert tunnel.visitor(server).get().status == 200
    client.kill()
    began = time.monotonic()
    r = tunnel.visitor(server).get()
    assert r.status == 503 and b"did not come back in time" in r.body
    assert 0.2 < time.monotonic() - began < 4


def test_after_its_own_start_every_host_counts_as_lost(tunnel):
    """Rule 38: a restarted server does not answer 503 to visitors who come before the clients."""
    server = tunnel.server("--reconnect-grace=5s")
    v = tunnel.visitor(server)
    v.request("/", host="soon.example")
    assert v.silent(0.3)
    tunnel.client(server, tunnel.upstream("here"))
    assert v.read_response().body == b"here"


def test_nobody_is_said_to_be_away_who_was_never_there(tunnel):
    """At its start the exit node waits for a client of any host, and knows of none."""
    server = tunnel.server("--reconnect-grace=1s")
    r = tunnel.visitor(server).get(host="nobody.example")
    assert r.status == 503 and b"no client publishes this host at the moment" in r.body


def test_waiting_requests_are_counted(tunnel):
    server = tunnel.server("--reconnect-grace=10s", "--max-waiting-per-address=4")
    visitors = [tunnel.visitor(server).request("/") for _ in range(6)]
    answered = []

    def count():
        for v in visitors:
            if v not in answered and not v.silent(0.02):
                answered.append(v)
        return len(answered)
    wait_until(lambda: count() >= 2, "two refusals")
    quiet_for(0.1, lambda: count() > 2, "a third refusal")
    r = answered[0].read_response()
    assert r.status == 503 and r.get("Retry-After")


def test_waiting_visitor_leaves(tunnel):
    server = tunnel.server("--reconnect-grace=1s")
    for _ in range(20):
        tunnel.visitor(server).request("/").close()
    upstream = tunnel.upstream()
    tunnel.client(server, upstream)
    assert tunnel.visitor(server).get().status == 200


def test_link_cut_and_back_by_itself(tunnel):
    upstream = tunnel.upstream("ok\n")
    server = tunnel.server()
    relay = tunnel.mitm(server)
    tunnel.client(relay.address, upstream)
    for i in range(5):
        assert tunnel.visitor(server).get().status == 200
        relay.cut(reset=i % 2 == 0)
        assert tunnel.visitor(server).get().status == 200
    assert len(relay.pairs) >= 6


def test_first_retry_comes_at_once(tunnel):
    server = tunnel.server()
    relay = tunnel.mitm(server)
    client = tunnel.client(relay.address, tunnel.upstream())
    began = time.monotonic()
    relay.cut()
    relay.wait_pairs(2)
    assert time.monotonic() - began < 1.0
    assert client.alive()


def test_server_away_for_a_while(tunnel):
    server, client, _ = tunnel.through("ok\n")
    server.stop()
    # One line per change of state, not one per attempt.
    quiet_for(1.5, lambda: client.log().count("\n") >= 30, "a line for each attempt")
    server.start()
    assert tunnel.visitor(server).get().status == 200
    assert client.log().count("\n") < 30


def test_client_that_comes_back_replaces_its_session(tunnel):
    """Rule 28: a half-open old link does not keep half of the requests."""
    upstream = tunnel.upstream("ok\n")
    server = tunnel.server()
    relay = tunnel.mitm(server)
    tunnel.client(relay.address, upstream)
    assert tunnel.visitor(server).get().status == 200
    # The client's side dies, the server's stays open and silent: what a changed network does.
    relay.hole = True
    pair = relay.pairs[0]
    client_side = pair.socks["up"][0]
    client_side.shutdown(socket.SHUT_RDWR)
    relay.hole = False
    relay.wait_pairs(2)
    for _ in range(10):
        assert tunnel.visitor(server).get().status == 200


@pytest.mark.slow
def test_silent_link_is_dead_after_15_s(tunnel):
    server = tunnel.server()
    relay = tunnel.mitm(server)
    tunnel.client(relay.address, tunnel.upstream("ok\n"))
    relay.hole = True
    began = time.monotonic()
    relay.wait_pairs(1)
    wait_until(lambda: len(relay.pairs) >= 2, "a second attempt", timeout=25)
    assert 8 < time.monotonic() - began < 22


def test_half_a_response_is_no_response(tunnel):
    """Rule 24: the link ends in the middle of a body."""
    sent = threading.Event()

    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        sent.set()
        conn.read_to_end()

    upstream = tunnel.upstream(script)
    server = tunnel.server()
    relay = tunnel.mitm(server)
    tunnel.client(relay.address, upstream)
    v = tunnel.visitor(server)
    v.request()
    assert v.read_head().status == 200
    assert v.read_chunk() == b"hello"
    relay.cut()
    with pytest.raises(Closed):
        v.read_chunk()


def test_close_delimited_half_is_reset(tunnel):
    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        conn.read_to_end()

    upstream = tunnel.upstream(script)
    server = tunnel.server()
    relay = tunnel.mitm(server)
    tunnel.client(relay.address, upstream)
    v = tunnel.visitor(server)
    v.request(version="1.0", host="a")
    v.read_head()
    relay.cut()
    with pytest.raises(Closed) as e:
        v.read_to_end()
        raise Closed()  # a clean end: the visitor would take half for the whole
    assert e.value.reset


def test_upstream_sockets_are_reset_too(tunnel):
    ended = threading.Event()

    def script(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        conn.read_to_end()
        ended.set()

    upstream = tunnel.upstream(script)
    server = tunnel.server()
    relay = tunnel.mitm(server)
    tunnel.client(relay.address, upstream)
    v = tunnel.visitor(server)
    v.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n")
    assert v.read_head().status == 100
    relay.cut()
    assert ended.wait(10)


def test_claim_of_another_identity_needs_its_own_token(tunnel):
    """One token is one identity; sessions of it share what they publish."""
    server = tunnel.server()
    a = tunnel.client(server, "x.test=" + tunnel.upstream("a").url)
    b = tunnel.client(server, "x.test=" + tunnel.upstream("b").url)
    assert a.alive() and b.alive()


def test_slow_line(tunnel):
    """50 ms each way: many requests at a time are not one after another."""
    server = tunnel.server()
    relay = tunnel.mitm(server)
    tunnel.client(relay.address, tunnel.upstream(response("x" * 1000)))
    relay.delay = 0.05
    began = time.monotonic()
    visitors = [tunnel.visitor(server).request() for _ in range(20)]
    for v in visitors:
        assert v.read_response().status == 200
    assert time.monotonic() - began < 3


def test_client_first(tunnel):
    upstream = tunnel.upstream("late\n")
    server = tunnel.server()
    server.stop()
    client = tunnel.client(server, upstream, wait=False)
    quiet_for(0.3, lambda: not client.alive(), "the end of a client without its server")
    server.start()
    client.log_contains("is published at")
    assert tunnel.curl("http://%s/" % server.address) == b"late\n"


def test_server_killed(tunnel):
    server, client, _ = tunnel.through("again\n")
    assert tunnel.curl("http://%s/" % server.address) == b"again\n"
    server.kill()
    server.start()
    assert tunnel.curl("http://%s/" % server.address) == b"again\n"


def test_client_killed(tunnel):
    server, client, _ = tunnel.through("again\n")
    assert tunnel.curl("http://%s/" % server.address) == b"again\n"
    client.kill()
    client.start()
    # No waiting here: the request itself waits for the session that was lost just now.
    assert tunnel.curl("http://%s/" % server.address) == b"again\n"
