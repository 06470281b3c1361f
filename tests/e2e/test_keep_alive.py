# SPDX-License-Identifier: MIT
"""Kept upstream connections: who may use one again, and who may not (rule 33)."""

import pytest

from harness.noise import DATA, Link, frame
from harness.programs import TOKEN
from harness.upstream import numbered, response
from harness.visitor import Visitor
from harness.wait import wait_until

LOGIN = ["Authorization: NTLM TlRMTVNTUAAB"]


@pytest.mark.regression
def test_half_a_head_ends_the_connection(tunnel):
    """An answer before the whole request was sent (414, 431) leaves a stream on which the next
    visitor's request would be the end of this one: his cookies under another's path."""
    server = tunnel.server()
    with Link(server.address) as link:
        link.up(TOKEN, base_window=100)
        assert link.publish(host="x.example")["type"] == "granted"
        with Visitor(server.address) as first, Visitor(server.address) as second:
            first.request("/" + "a" * 200, host="x.example")
            stream, got = link.read_stream()
            kind, on, payload = link.read_kind(DATA)
            assert on == stream and len(payload) == 100  # all the credit there is
            link.send(frame(DATA, stream, response("early", status="431 Too Large")))
            assert first.read_response().status == 431
            second.request("/secret", host="x.example")
            other, got = link.read_stream()
            assert other != stream


@pytest.mark.regression
def test_a_login_elsewhere_lets_go_of_the_first(tunnel):
    """A visitor owns one logged-in connection: the one before was forgotten, not closed, and wrote
    to the freed visitor when its upstream hung up."""
    a, b = tunnel.upstream(numbered), tunnel.upstream(numbered)
    server = tunnel.server()
    tunnel.client(server, ["a.test=" + a.url, "b.test=" + b.url])
    v = tunnel.visitor(server)
    for host, before in (("a.test", []), ("b.test", a.connections), ("a.test", b.connections)):
        assert v.get(host=host, fields=LOGIN).status == 200
        wait_until(lambda those=before: all(c.ended for c in those), "the end of the login before")
    v.close()
    for up in (a, b):
        wait_until(lambda up=up: all(c.ended for c in up.connections), "the end of the logins")
    assert tunnel.visitor(server).get(host="a.test").body == b"2"


@pytest.mark.regression
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
    assert len({v.get(fields=LOGIN).text() for _ in range(4)}) == 1


def test_ntlm_connections_are_never_shared(tunnel):
    """Rule 33: who logs in on the connection keeps it for itself."""
    server, _, _ = tunnel.through(numbered)
    a = tunnel.visitor(server)
    mine = a.get(fields=LOGIN).body
    b = tunnel.visitor(server)
    others = {b.get().body for _ in range(5)}
    assert mine not in others
    assert a.get().body == mine


def test_many_requests_share_one_connection(tunnel):
    upstream = tunnel.upstream("ok\n")
    server = tunnel.server()
    relay = tunnel.mitm(server)
    tunnel.client(relay.address, upstream)
    for _ in range(20):
        assert tunnel.curl("http://%s/" % server.address) == b"ok\n"
    assert len(relay.pairs) == 1
    # And the upstream connection is opened once and used often.
    assert len(upstream.connections) <= 2
