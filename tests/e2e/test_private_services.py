# SPDX-License-Identifier: MIT
"""Private services where one identity has both sides, as with the one token of the first day: nobody from outside gets
there, streams find each other on whatever link and worker, and older exit nodes publish nothing."""

import re

import pytest

from harness.exit_node import ExitNode
from harness.noise import Link, control
from harness.private import PrivateNode, alias_of, curl, listening, wait_curl
from harness.programs import TOKEN, TUNNEL
from harness.public import free_port
from harness.upstream import echo_bytes, numbered
from harness.visitor import Visitor
from harness.wait import at_once, quiet_for, wait_until


@pytest.fixture
def node(tunnel):
    return PrivateNode(tunnel)


def test_no_way_from_outside(tunnel):
    """Neither a port nor a name of it."""
    node = PrivateNode(tunnel, "--reconnect-grace=100ms")
    before = listening(node.server)
    up = tunnel.upstream("private")
    alias = alias_of(node.provider("db", "tcp://" + up.address, None))
    assert re.fullmatch(r"db\.[0-9a-hjkmnp-tv-z]{12}\.\S+", alias)
    assert listening(node.server) == before
    for host in ("db", alias, "127.0.0.1", ""):
        with tunnel.visitor(node.server) as v:
            assert v.get("/", host=host).status == 503
    assert not up.connections


def test_the_consumer_first(node, tunnel):
    """In any order: it asks again until somebody publishes it."""
    port = free_port()
    consumer = node.consumer(None, "--service=db=%d" % port)
    consumer.log_contains("db is declined: ")
    node.provider("db", "tcp://" + tunnel.upstream("late").address, None)
    wait_curl(tunnel, port, b"late", 20)


def test_its_own_service(node, tunnel):
    """Both ends in one link."""
    port = free_port()
    client = tunnel.client(node.server, "tcp://" + tunnel.upstream(echo_bytes).address, "--private=db",
                           "--service=db=%d" % port, wait=False)
    client.log_contains("; listening on ")
    data = bytes(range(256)) * 4096
    with Visitor("127.0.0.1:%d" % port) as v:
        v.send(data)
        v.finish()
        assert v.read_to_end() == data


@pytest.mark.parametrize("options, workers", [(["--links=4"], "1"), (["--links=4"], "4"), ([], "4")])
def test_links_and_workers(tunnel, options, workers):
    """Streams of either end's links meet, whichever workers have them."""
    node = PrivateNode(tunnel, "--workers=" + workers)
    node.provider("db", "tcp://" + tunnel.upstream(echo_bytes).address, None, *options)
    port = free_port()
    node.consumer(None, "--service=db=%d" % port, *options).approved()
    node.consumer(None, "--service=db=%d" % free_port(), *options).approved()
    data = bytes(1 << 18)

    def both_ways(_):
        with Visitor("127.0.0.1:%d" % port) as v:
            v.send(data)
            v.finish()
            return v.read_to_end() == data
    assert at_once(both_ways, range(40)) == [True] * 40


def test_two_providers(tunnel):
    """They share the load; one that goes takes nothing along."""
    node = PrivateNode(tunnel, "--workers=1")
    ups = [tunnel.upstream("one"), tunnel.upstream("two")]
    providers = [node.provider("db", "tcp://" + up.address, None) for up in ups]
    port = free_port()
    node.consumer(None, "--service=db=%d" % port).approved()
    wait_until(lambda: curl(tunnel, port)[1] and all(up.connections for up in ups), "both to be asked")
    providers[0].stop()
    assert [curl(tunnel, port) for _ in range(5)] == [(0, b"two")] * 5


@pytest.mark.parametrize("n", [1, 40])
def test_waits_for_the_provider(node, tunnel, n):
    """Connections in the moment of its restart wait for it, as a visitor's does; so does a whole pool of them."""
    up = tunnel.upstream(numbered)
    provider = node.provider("db", "tcp://" + up.address, None)
    port = free_port()
    node.consumer(None, "--service=db=%d" % port).approved()
    provider.stop()
    pool = [tunnel.stage.add(Visitor("127.0.0.1:%d" % port)) for _ in range(n)]
    for v in pool:
        v.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    provider.start()
    assert [v.read_response().status for v in pool] == n * [200]


def started(tunnel, address, *argv):
    p = tunnel.stage.daemon("client", [TUNNEL, *argv, "--remote=" + address])
    p.expected_status |= {1}
    return p


def test_no_token(tunnel):
    """Whoever reaches the port would reach them: they need tokens."""
    server = tunnel.server("--no-token", token=None)
    for argv in (["client", "--upstream=tcp://127.0.0.1:9", "--private=db"], ["connect", "--service=db=0"]):
        started(tunnel, server.address, *argv, "--no-token").log_contains("private services need tokens")


# ---- Exit nodes that have none ----


def test_an_older_exit_node(tunnel):
    """It never hears of what is private, and whoever started the client does hear why."""
    older = tunnel.stage.add(ExitNode())
    client = started(tunnel, older.address, "client", "--token=" + TOKEN, "--upstream=http://127.0.0.1:9",
                     "--private=db", "--service=cache=0")
    older.accept()
    wait_until(lambda: client.log().count("has no private services") >= 2, "both to be said")
    assert {m["type"] for m in older.heard()} <= {"hello", "notice"}


def test_what_an_older_exit_node_says(tunnel):
    """This one says the same where `private` is not seen: what has no public place is published at none."""
    server = tunnel.server()
    up = tunnel.upstream("private")
    for kind in ("tcp", "udp"):
        with Link(server.address) as link:
            link.up(TOKEN)
            link.send(control(type="publish", service=1, kind=kind, host="", upstream="tcp://" + up.address))
            answer = link.read_control("granted", "refused")
            assert (answer["type"], answer["reason"]) == ("refused", "invalid")
            quiet_for(0.1, lambda: up.connections, "that somebody reaches it")
