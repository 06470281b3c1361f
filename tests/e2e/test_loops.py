# SPDX-License-Identifier: MIT
"""Requests that come back to the exit node, and how many hops they may take (rule 42)."""

import pytest

from harness.upstream import always, fields_of, response
from harness.visitor import Visitor
from harness.wait import wait_until


def passes(server, n):
    """The access log's lines, one for each time that a request came through: no more than n."""
    def lines():
        return [line for line in server.log().splitlines() if " access " in line]
    wait_until(lambda: len(lines()) >= n, "%d lines in the access log" % n)
    assert len(lines()) == n
    return lines()


@pytest.mark.parametrize("fields", [
    [], ["Connection: cdn-loop, via"], ["CDN-Loop: tunnel-0000000000000000, other; loops=9"],
    ["Connection: Upgrade", "Upgrade: websocket"], ["Connection: Upgrade", "Upgrade: tcp"]])
def test_upstream_that_leads_back(tunnel, fields):
    """Whatever a stranger says of it: he does not know the pseudonym, and cannot take it out."""
    server = tunnel.server()
    client = tunnel.client(server, "loop.test=http://" + server.address)
    tunnel.client(server, "fine.test=" + tunnel.upstream("fine").url)
    with Visitor(server.address) as v:
        assert v.get(host="loop.test", fields=fields).status == 508
        assert v.get(host="fine.test", fields=fields[:1]).status == 200
    lines = passes(server, 4)
    assert sum("status=508" in line for line in lines) == 3
    assert sum("why=loop" in line for line in lines) == 1
    server.log_contains(" publishes loop.test, but its upstream ")
    server.log_contains("leads back to this exit node")
    assert server.log().count("leads back") == 1 and client.alive()


def test_two_exit_nodes_that_lead_to_each_other(tunnel):
    """Each knows its own pseudonym among the other's, also when somebody between them makes one
    line of all."""
    one, other = tunnel.server("--port=0"), tunnel.server("--port=0")

    def merge(conn):
        head = conn.read_head().decode().split("\r\n")[:-2]
        loops = [v for n, v in fields_of(head) if n == "cdn-loop"]
        head = [line for line in head if not line.startswith("CDN-Loop:")]
        with Visitor(other.address) as v:
            v.send("\r\n".join(head + ["CDN-Loop: " + ",".join(loops), "", ""]))
            conn.send(response(v.read_response().body, "508 Loop Detected"))

    tunnel.client(one, "loop.test=" + tunnel.upstream(merge).url)
    tunnel.client(other, "loop.test=http://" + one.address)
    with Visitor(one.address) as v:
        assert v.get(host="loop.test").status == 508
    passes(one, 3)
    passes(other, 2)
    one.log_contains("leads back")
    assert "leads back" not in other.log()


def test_upstream_that_asks_another_host_here(tunnel):
    """Not every request that comes back is a loop: a gateway may ask what is published beside it,
    with all the fields that it was sent."""
    server = tunnel.server()

    def gateway(conn):
        while head := conn.read_head():
            with Visitor(server.address) as v:
                v.send(head.replace(b"gateway.test", b"fine.test"))
                conn.send(response(v.read_response().body))

    upstream = tunnel.upstream("fine")
    tunnel.client(server, ["gateway.test=" + tunnel.upstream(gateway).url,
                           "fine.test=" + upstream.url])
    with Visitor(server.address) as v:
        assert v.get(host="gateway.test").body == b"fine"
    loops = [v for n, v in fields_of(upstream.received().decode().split("\r\n")) if n == "cdn-loop"]
    assert len(loops) == 2 and loops[0] == loops[1] and loops[0].startswith("tunnel-")


def test_pseudonym_is_new_with_each_start(tunnel):
    def pseudonym():
        server, _, upstream = tunnel.through(always("fine"))
        tunnel.visitor(server).get()
        return dict(fields_of(upstream.received().decode().split("\r\n")))["cdn-loop"]
    assert pseudonym() != pseudonym()


def test_max_forwards(tunnel):
    """RFC 9110, 7.6.2: counted for OPTIONS and TRACE, for the others a field like any."""
    server, _, upstream = tunnel.through(always("fine"))

    def sent(method, n, *fields):
        v = tunnel.visitor(server)
        r = v.get("/%s" % n, method=method, fields=["Max-Forwards: " + n, *fields])
        heads = [h.split("\r\n") for h in upstream.received().decode().split("\r\n\r\n")]
        came = [fields_of(h) for h in heads if h[0].split(" ")[:2] == [method, "/" + n]]
        assert len(came) < 2
        return r, [v for n, v in came[0] if n == "max-forwards"] if came else None

    for method in ("OPTIONS", "TRACE"):
        assert sent(method, "3")[1] == ["2"]
        assert sent(method, "01")[1] == ["0"]
        assert sent(method, "10", "Connection: max-forwards")[1] == ["9"]
        for bad in ("", "x", "-1", "1, 2", "1\r\nMax-Forwards: 1"):
            r, came = sent(method, bad)
            assert r.status == 400 and came is None
    r, came = sent("OPTIONS", "0")
    assert r.status == 200 and came is None and "TRACE" in r.get("Allow")
    r, came = sent("TRACE", "0", "Cookie: secret")
    assert r.status == 405 and came is None and "GET" in r.get("Allow") and b"secret" not in r.body
    for method in ("GET", "POST"):
        assert sent(method, "0")[1] == ["0"]
    with Visitor(server.address) as v:  # what is answered here ends nobody's connection
        assert v.get("*", method="OPTIONS", fields=["Max-Forwards: 0"]).status == 200
        assert v.get().status == 200
