# SPDX-License-Identifier: MIT
"""UDP services: datagrams stay what they are, each visitor is one flow, nobody waits for them."""

import os
import socket
import threading
import time

import pytest

from harness.netns import Namespace, join
from harness.public import is_free, port_of
from harness.udp import UdpUpstream, UdpVisitor, VisitorFrom
from harness.visitor import Visitor
from harness.wait import PATIENCE, quiet_for, wait_until

LARGEST = 65507  # bytes: what IPv4 leaves of 65,535 behind its header and UDP's


@pytest.fixture
def upstream(stage):
    return lambda *args, **kwargs: stage.add(UdpUpstream(*args, **kwargs))


@pytest.fixture
def visit(stage, way):
    """A visitor of that upstream, on either way."""
    place = {}

    def make(upstream, *options):
        if upstream not in place:
            place[upstream] = way(upstream, *options, scheme="udp")
        return stage.add(UdpVisitor(place[upstream]))
    return make


@pytest.mark.parametrize("size", [1, 2, 1000, 1472, 1473, 9000, 32768, 65000, LARGEST])
def test_size(way, upstream, visit, size):
    data = os.urandom(size)
    assert visit(upstream()).ask(data) == data


def test_empty(way, upstream, visit):
    u = upstream()
    v = visit(u)
    assert v.ask(b"") == b""
    assert v.ask(b"x") == b"x"
    assert [d for d, _ in u.received] == [b"", b"x"]


def test_boundaries(way, upstream, visit):
    """What is sent in one go comes in as many datagrams as it was, and in their order."""
    u = upstream()
    v = visit(u)
    sent = [b"%d" % i * i for i in range(20)]
    for data in sent:
        v.send(data)
    assert [v.receive() for _ in sent] == sent
    assert [d for d, _ in u.received] == sent


def test_several_answers_to_one_question(way, upstream, visit):
    v = visit(upstream(lambda data: [data[:1], b"", data]))
    assert v.ask(b"abc") == b"a"
    assert v.receive() == b"" and v.receive() == b"abc"


def test_each_visitor_is_a_flow(way, upstream, visit):
    u = upstream(lambda data: [b"to " + data])
    one, two = visit(u), visit(u)
    for _ in range(2):
        assert one.ask(b"one") == b"to one"
        assert two.ask(b"two") == b"to two"
    assert len(u.peers()) == 2
    assert one.receive(0.1) is None and two.receive(0.1) is None


def test_many_visitors(way, upstream, visit):
    u = upstream()
    visitors = [visit(u) for _ in range(50)]
    for i, v in enumerate(visitors):
        v.send(b"%d" % i)
    for i, v in enumerate(visitors):
        assert v.receive() == b"%d" % i
    assert len(u.peers()) == 50


def through(tunnel, u, *server_options):
    server = tunnel.server(*server_options)
    client = tunnel.client(server, "0=udp://" + u.address)
    return server, client, ("127.0.0.1", port_of(client))


def test_flow_ends_when_idle(tunnel, stage, upstream):
    u = upstream()
    _, client, address = through(tunnel, u, "--udp-idle=1s")
    v = stage.add(UdpVisitor(address))
    before = client.fds()
    # Something every 0.4 s keeps it, from either side.
    for _ in range(5):
        assert v.ask(b"x") == b"x"
        quiet_for(0.4, lambda: len(u.peers()) > 1, "a second flow")
    wait_until(lambda: client.fds() <= before, "the flow's socket to be closed")
    # The next one is a new flow, with a socket of its own.
    assert v.ask(b"again") == b"again"
    assert len(u.peers()) == 2


def test_upstream_that_is_not_there_yet(tunnel, stage, upstream):
    """An ICMP error is not the end of anything but perhaps the flow."""
    gone = upstream()
    _, client, address = through(tunnel, gone, "--udp-idle=1s")
    gone.stop()
    v = stage.add(UdpVisitor(address))
    for _ in range(5):
        v.send(b"anyone?")
        v.pause(0.02)
    back = stage.add(UdpUpstream(port=gone.port))
    wait_until(lambda: v.ask(b"x", 0.3) == b"x", "an answer")
    assert back.received and client.alive()


def test_flood_of_datagrams_delays_nobody(tunnel, stage, upstream):
    """They are dropped instead: whoever speaks TCP beside them does not notice."""
    sink = upstream(lambda data: [])
    web = tunnel.upstream("small")
    server = tunnel.server()
    client = tunnel.client(server, [web.url, "0=udp://" + sink.address])
    address = ("127.0.0.1", port_of(client, "udp"))
    visitors = [stage.add(UdpVisitor(address)) for _ in range(2)]
    stop = threading.Event()
    sent = [0] * len(visitors)

    def flood(i):
        while not stop.is_set():
            try:
                visitors[i].sock.send(b"f" * 1200)
                sent[i] += 1
            except OSError:
                pass
    threads = [threading.Thread(target=flood, args=(i,)) for i in range(len(visitors))]
    for t in threads:
        t.start()
    try:
        slowest = 0.0
        with Visitor(server.address) as v:
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                began = time.monotonic()
                assert v.get().body == b"small"
                slowest = max(slowest, time.monotonic() - began)
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert slowest < 1.0
    sink.wait_received(1)
    assert len(sink.received) <= sum(sent)
    assert {len(d) for d, _ in sink.received} == {1200}
    assert client.log().count("connected to") == 1


def test_an_address_may_have_what_is_free(tunnel, stage, upstream):
    """A resolver asks each question from a port of its own. Only where half of the flows are taken
    its own finished ones make way, which is told."""
    u = upstream()
    server, client, address = through(tunnel, u, "--max-flows=200", "--max-flows-per-visitor=8")
    before = client.fds()
    for _ in range(4):
        asked = [stage.add(UdpVisitor(address)) for _ in range(40)]
        for i, v in enumerate(asked):
            v.send(b"%d" % i)
        assert [v.receive(5) for v in asked] == [b"%d" % i for i in range(40)]
    wait_until(lambda: client.fds() <= before + 100, "the finished flows to be closed")
    server.log_contains("ended 60 flows for new ones, the last of visitor 127.0.0.1:")
    server.log_contains(": 60 beyond --max-flows-per-visitor")
    assert "dropped" not in server.log()
    other = stage.add(VisitorFrom("127.0.0.2", address))
    assert other.ask(b"x") == b"x"


def flood(stage, address, n, seed):
    """`n` datagrams, each from an address that nobody else has, as if they were forged."""
    for i in range(n):
        v = VisitorFrom("127.%d.%d.1" % (seed, i + 1), address)
        v.send(b"forged")
        v.stop()


@pytest.mark.parametrize("answered", [False, True])
def test_forged_senders_push_nobody_out(tunnel, stage, upstream, answered):
    """Whose answers came stays while there is anybody who was never answered. Where the upstream
    answers everybody, who went on behind an answer stays."""
    u = upstream(lambda data: [data] if answered or data != b"forged" else [])
    server, _, address = through(tunnel, u, "--max-flows=32")
    good = [stage.add(VisitorFrom("127.0.0.%d" % (2 + i), address)) for i in range(8)]
    for _ in range(2 if answered else 1):
        for v in good:
            assert v.ask(b"good") == b"good"
    sources = u.peers()
    assert len(sources) == 8
    flood(stage, address, 200, 101)
    server.log_contains(" beyond --max-flows")
    for source in sources:
        u.sock.sendto(b"late", source)
    assert [v.receive(5) for v in good] == [b"late"] * 8
    for v in good:
        assert v.ask(b"good, still") == b"good, still"
    assert {peer for data, peer in u.received if data.startswith(b"good")} == set(sources)
    # And whoever is new is served.
    new = stage.add(VisitorFrom("127.0.0.99", address))
    assert new.ask(b"good") == b"good"


def test_port_closes_with_the_session(tunnel, stage, upstream):
    _, client, address = through(tunnel, upstream())
    assert stage.add(UdpVisitor(address)).ask(b"x") == b"x"
    client.kill()
    began = time.monotonic()
    wait_until(lambda: is_free(address[1], kind="udp"), "the port to be free")
    assert time.monotonic() - began < 1


@pytest.mark.root
@pytest.mark.parametrize("bound", ["0.0.0.0", "::"])
@pytest.mark.parametrize("asked", ["10.217.0.3", "255.255.255.255"])
def test_a_broadcast_is_answered(tunnel, stage, bound, asked):
    """From an address that the kernel picks, as nobody can answer as the network."""
    home, away = stage.add(Namespace()), stage.add(Namespace())
    _, end = join(home, "10.217.0.1", away, "10.217.0.2")
    away.ip("route", "add", "default", "dev", end)
    with home.inside():
        u = stage.add(UdpUpstream())
        server = home.move(tunnel.server(bind=bound, start=False)).start()
        client = home.move(tunnel.client("127.0.0.1:%d" % server.port, "0=udp://" + u.address,
                                         start=False)).start()
        port = port_of(client)
    with away.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        s.settimeout(PATIENCE)
        s.sendto(b"who is there", (asked, port))
        assert s.recvfrom(100) == (b"who is there", ("10.217.0.1", port))


@pytest.mark.root
@pytest.mark.parametrize("asked", ["127.0.0.1", "127.0.0.2", "10.215.0.1"])
def test_answers_come_from_the_address_that_was_asked(tunnel, stage, asked):
    """The socket is bound to all addresses, of which the kernel would choose another one."""
    space = stage.add(Namespace())
    space.ip("address", "add", "10.215.0.1/32", "dev", "lo")
    with space.inside():
        u = stage.add(UdpUpstream())
        server = space.move(tunnel.server(bind="0.0.0.0", start=False)).start()
        client = space.move(tunnel.client("127.0.0.1:%d" % server.port, "0=udp://" + u.address,
                                          start=False)).start()
        v = stage.add(UdpVisitor((asked, port_of(client))))
        assert v.ask(b"x") == b"x"
