# SPDX-License-Identifier: MIT
"""Links that fall silent while their connection still stands: others get what they would (rule
46)."""

import concurrent.futures
import time

import pytest

from harness import programs
from harness.mitm import UP
from harness.netns import Namespace, join
from harness.public import free_port
from harness.udp import UdpUpstream, UdpVisitor
from harness.upstream import Upstream, response
from harness.visitor import Visitor
from harness.wait import wait_settled, wait_until

SAYS = "a link does not answer; requests prefer other links"


def named(name):
    """Answers with who it is; a path that begins with /slow is answered when it is told to."""
    def script(conn):
        while request := conn.read_request():
            if request[0].split(b" ")[1].startswith(b"/slow"):
                conn.pause(2.5)
            conn.send(response(name))
    return script


def ask(address, path="/", method="GET", body=None):
    with Visitor(address) as v:
        r = v.get(path, method=method, body=body)
        return r.status, r.body.decode()


class Two:
    """A client behind a relay that can swallow everything, and a spare that cannot."""

    def __init__(self, tunnel, node):
        self.node, self.relay = node, tunnel.mitm(node)
        self.first, self.spare = tunnel.upstream(named("first")), tunnel.upstream(named("spare"))
        tunnel.client(self.relay.address, self.first)
        tunnel.client(node, self.spare)
        wait_until(lambda: self.ask(8) == {(200, "first"), (200, "spare")}, "both to be asked")

    def ask(self, n, *args, **kwargs):
        with concurrent.futures.ThreadPoolExecutor(n) as pool:
            jobs = [pool.submit(ask, self.node.address, *args, **kwargs) for _ in range(n)]
            return {j.result() for j in jobs}


def test_requests_under_way_and_new_ones(tunnel, node):
    """Those of which nothing was answered go to the spare once the link is silent, not when it is
    given up after 15 s; new ones go there at once. When it answers again it gets its part."""
    two = Two(tunnel, node)
    two.relay.hole = True
    began = time.monotonic()
    assert two.ask(8) == {(200, "spare")}
    assert time.monotonic() - began < 8  # 1.5 s; LINK_SILENCE_MAX is 15
    node.log_contains(SAYS)
    count = len(two.relay.recorded(UP))
    assert two.ask(8) == {(200, "spare")} and len(two.relay.recorded(UP)) == count
    assert "silent for" not in node.log()


def test_what_may_not_be_sent_twice_waits(tunnel, node):
    two = Two(tunnel, node)
    two.relay.hole = True
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(ask, node.address, "/", "POST", b"pay") for _ in range(8)]
        node.log_contains(SAYS)
        wait_until(lambda: sum(j.done() for j in jobs) >= 4, "those that the spare got")
        assert two.ask(4) == {(200, "spare")}
        left = [j for j in jobs if not j.done()]
        assert left and two.spare.received().count(b"POST ") == len(jobs) - len(left)
        two.relay.cut(reset=True)
        for j in left:
            # What was cut off there says that it may have been executed.
            assert j.result()[0] == 502


def test_alone(tunnel, node):
    """A silent link is still one where there is no other: what it brings late is good."""
    relay = tunnel.mitm(node)
    tunnel.client(relay.address, tunnel.upstream(named("late")))
    relay.delay = 1.0  # each way
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, node.address)
        node.log_contains(SAYS)
        second = pool.submit(ask, node.address)
        assert first.result() == second.result() == (200, "late")


def test_flows_without_an_answer(tunnel, node):
    """Who asks again from the same port, as WireGuard and resolvers do, is answered by the
    spare."""
    upstream, port = tunnel.stage.add(UdpUpstream()), free_port()
    service = "%d=udp://%s" % (port, upstream.address)

    def visitor():
        return tunnel.stage.add(UdpVisitor(("127.0.0.1", port)))

    relay = tunnel.mitm(node)
    tunnel.client(relay.address, service)
    known = visitor()
    assert known.ask(b"known") == b"known"
    said = len(relay.recorded(UP))
    tunnel.client(node, service)
    # Asked for a sign of life now that another claims its port, the first one ends if it gives none.
    wait_until(lambda: len(relay.recorded(UP)) > said, "a sign of life")
    wait_settled(lambda: len(relay.recorded(UP)), 0.1, "what the first client says")
    relay.hole = True
    for v in [visitor() for _ in range(8)]:
        wait_until(lambda v=v: v.ask(b"again", 0.2) == b"again", "an answer of the spare's")
    node.log_contains(SAYS)
    assert "silent for" not in node.log()
    # One that has answers stays where it is known, unless the port moves to the spare's worker.
    if known.ask(b"more", 0.2) is not None:
        node.log_contains("why=moved")


def test_slow_upstream_is_asked_once(tunnel, node):
    """A PING tells a slow upstream from a link that lost its network."""
    two = Two(tunnel, node)
    assert {status for status, _ in two.ask(6, "/slow")} == {200}
    received = two.first.received() + two.spare.received()
    assert received.count(b"GET /slow ") == 6 and SAYS not in node.log()


def test_one_of_several_links(tunnel, node):
    """The spare may be another link of the same client, on the same worker or on another."""
    relay = tunnel.mitm(node)
    upstream = tunnel.upstream("fine")
    tunnel.client(relay.address, upstream, "--links=2")
    node.wait_links(2)
    dead = [0]
    relay.change = lambda pair, direction, data: b"" if pair.number in dead else data
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(ask, node.address) for _ in range(8)]
        assert {j.result() for j in jobs} == {(200, "fine")}
    node.log_contains(SAYS)


@pytest.mark.root
def test_cut_network(stage):
    """The cable of one of two clients is pulled: no FIN, no RST, no ICMP."""
    home, spare = stage.add(Namespace()), stage.add(Namespace())
    center = stage.add(Namespace())
    ends = join(home, "10.93.1.2", center, "10.93.1.1")
    join(spare, "10.93.2.2", center, "10.93.2.1")
    with center.inside():
        server = stage.add(center.move(programs.Server(stage, bind="0.0.0.0"))).start()
    clients = []
    for space, at in ((home, "10.93.1.1"), (spare, "10.93.2.1")):
        with space.inside():
            upstream = stage.add(Upstream(named(space.name)))
        client = programs.Client(stage, "%s:%d" % (at, server.port), upstream.url)
        clients.append(stage.add(space.move(client)).start())
    for client in clients:
        client.log_contains(" is published at ")

    def asked(n):
        def one():
            with center.inside():
                v = Visitor("127.0.0.1:%d" % server.port)
            with v:
                r = v.get()
                return r.status, r.body.decode()
        with concurrent.futures.ThreadPoolExecutor(n) as pool:
            return {j.result() for j in [pool.submit(one) for _ in range(n)]}

    wait_until(lambda: len(asked(4)) == 2, "both to be asked")
    home.ip("link", "set", ends[0], "down")
    began = time.monotonic()
    assert asked(8) == {(200, spare.name)}
    assert time.monotonic() - began < 8  # 1.5 s; LINK_SILENCE_MAX is 15
    server.log_contains(SAYS)
    assert "silent for" not in server.log()
    assert asked(8) == {(200, spare.name)}
