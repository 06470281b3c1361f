# SPDX-License-Identifier: MIT
"""A web program and its Redis on two machines, as Consul Connect is shown to people: allowed by intentions, and denied
while connections are held."""

import hashlib
import os
import re
import subprocess
import time

import pytest

from harness.counter import Connection, Counter
from harness.jobs import Redis
from harness.private import APPROVED, AT_ONCE, PrivateNode, curl, status_of
from harness.public import free_port
from harness.wait import at_once, quiet_for, wait_until

HELD = 5


class Mesh:
    """redis-host has the Redis, web the program; batch may ask for it as well."""

    def __init__(self, tunnel, *options):
        self.tunnel = tunnel
        self.node = PrivateNode(tunnel, *options)
        self.redis = Redis(tunnel)
        self.host = self.node.create("redis-host", "--publish=redis")
        self.web = self.node.create("web", "--consume=redis")
        self.provider = self.node.provider("redis", "tcp://127.0.0.1:%d" % self.redis.port, self.host,
                                           "--visibility=web,batch", "--auto-approve=web,batch")
        self.port = free_port()
        self.consumer = self.node.consumer(self.web, "--service=redis=%d" % self.port).approved()
        self.page = tunnel.stage.add(Counter(self.port))

    def visit(self):
        """(status, text) of a visit to the page."""
        status, text = curl(self.tunnel, self.page.port, "/", "-w", "%{http_code}")
        assert status == 0
        return int(text[-3:]), text[:-3].decode()

    def intention(self, *words):
        return self.node.run("intention", *words)

    def held(self):
        """Connections as a pool holds them, one of which waits for an answer; and a reader for each."""
        held = [Connection(self.port) for _ in range(HELD)]
        assert all(r.ask("PING") == b"+PONG" for r in held)
        held[0].send("BLPOP", "nothing", "0")
        wait_until(lambda: b"cmd=blpop" in cli(self.redis.port, "client", "list"), "Redis to wait")
        return [self.tunnel.stage.add(r) for r in held]

    def restarts(self):
        """Nothing was started a second time."""
        return [d.log().count("connected to ") for d in (self.provider, self.consumer)]


def cli(port, *argv, **kwargs):
    return subprocess.run(["redis-cli", "-p", str(port), *argv], capture_output=True, check=True, timeout=50,
                          **kwargs).stdout


@pytest.fixture
def mesh(tunnel):
    return Mesh(tunnel)


def test_deny_and_allow(mesh):
    assert mesh.visit() == (200, "visit 1\n")
    assert at_once(lambda _: mesh.visit()[0], range(20)) == [200] * 20
    assert mesh.intention("check", "web", "redis")[:2] == (0, "Allowed\n")
    assert status_of(mesh.node.endpoint("web")) == APPROVED

    held = mesh.held()
    status, out, err = mesh.intention("create", "--deny", "web", "redis")
    began = time.monotonic()
    assert at_once(Connection.ended, held) == [True] * HELD
    assert time.monotonic() - began < AT_ONCE
    assert (status, out) == (0, "Created: web => redis (deny)\n")
    # Those of the page's own pool were cut as well.
    assert int(re.fullmatch(r"cut (\d+) streams\n", err)[1]) >= HELD
    assert mesh.visit() == (503, "no counter\n")
    assert mesh.intention("check", "web", "redis")[:2] == (1, "Denied\n")
    mesh.consumer.log_contains("redis is barred: ")
    with pytest.raises(ConnectionError):
        Connection(mesh.port).ask("PING")

    assert mesh.intention("create", "--replace", "--allow", "web", "redis")[:2] == (
        0, "Replaced: web => redis (allow)\n")
    wait_until(lambda: mesh.visit()[0] == 200, "the page to count again", AT_ONCE + 1)
    assert mesh.intention("check", "web", "redis")[:2] == (0, "Allowed\n")
    assert mesh.restarts() == [1, 1]


def test_precedence(mesh):
    """Nobody may anything, but web its Redis: 9 before 5."""
    batch = mesh.node.create("batch")
    port = free_port()
    mesh.node.consumer(batch, "--service=redis=%d" % port).approved()
    old = mesh.tunnel.stage.add(Connection(port))
    assert old.ask("PING") == b"+PONG" and mesh.visit()[0] == 200
    mine = mesh.held()
    assert mesh.intention("create", "web", "redis")[0] == 0
    assert mesh.intention("create", "--deny", "*", "*") == (0, "Created: * => * (deny)\n", "cut 1 stream\n")
    assert old.ended()
    with pytest.raises(ConnectionError):
        Connection(port).ask("PING")
    assert [r.ask("PING") for r in mine[1:]] == [b"+PONG"] * (HELD - 1) and mesh.visit()[0] == 200
    assert mesh.intention("check", "batch", "redis")[:2] == (1, "Denied\n")
    # And the exact one goes: what is left decides at once.
    assert mesh.intention("delete", "web", "redis")[0] == 0
    assert at_once(Connection.ended, mine) == [True] * HELD and mesh.visit()[0] == 503


def test_keep_live(mesh):
    """Consul's way: what is live goes on, what is new is denied."""
    held = mesh.held()
    status, out, err = mesh.intention("create", "--deny", "--keep-live", "web", "redis")
    assert (status, out) == (0, "Created: web => redis (deny)\n") and "cut" not in err
    with pytest.raises(ConnectionError):
        Connection(mesh.port).ask("PING")
    quiet_for(0.3, lambda: any(r.ask("PING") != b"+PONG" for r in held[1:]), "that a live connection ends")
    # The same again, without that.
    assert mesh.intention("create", "--replace", "--deny", "web", "redis")[0] == 0
    assert at_once(Connection.ended, held) == [True] * len(held)


def test_explain(mesh):
    """Both facts, approval and intention, and which of them is in the way."""
    mesh.intention("create", "--deny", "web", "redis")
    status, out, _ = mesh.intention("check", "--explain", "web", "redis")
    lines = [line.split(None, 1) for line in out.splitlines()]
    assert status == 1 and lines[0] == ["Denied"]
    said = {line[0]: line[1] for line in lines[1:]}
    assert said["intention"] == "web => redis (deny, precedence 9)"
    assert said["endpoint"] == "Approved (auto)"
    assert said["provider"].startswith("online, 1 session")


def test_default_deny(tunnel):
    """Consul's locked mesh: who is approved is nothing yet."""
    node = PrivateNode(tunnel, "--default-intention=deny")
    host, web = node.create("redis-host", "--publish=redis"), node.create("web")
    up = tunnel.upstream(lambda conn: conn.send(b"+PONG\r\n"))
    node.provider("redis", "tcp://" + up.address, host, "--visibility=web", "--auto-approve=web")
    port = free_port()
    consumer = node.consumer(web, "--service=redis=%d" % port)
    consumer.log_contains("redis is barred: ")
    assert status_of(node.endpoint("web")) == APPROVED and not up.connections
    node.ok("intention", "create", "web", "redis")
    consumer.approved()
    assert Connection(port).answer() == b"+PONG"


@pytest.mark.parametrize("load", ["-t set,get -n 500 -d 100000", "-t lrange_100 -n 200 -d 1000"])
def test_pipelines(mesh, load):
    bench = subprocess.run(["redis-benchmark", "-p", str(mesh.port), "-c", "10", "-P", "16", "--csv", *load.split()],
                           capture_output=True, timeout=50)
    assert bench.returncode == 0 and bench.stdout.count(b"\n") == 3, bench.stderr


def test_large_value(mesh):
    blob = os.urandom(1 << 20) * 32
    assert cli(mesh.port, "-x", "set", "blob", input=blob) == b"OK\n"
    assert int(cli(mesh.redis.port, "strlen", "blob")) == len(blob)
    got = cli(mesh.port, "--raw", "get", "blob")
    assert hashlib.sha256(got[:-1]).digest() == hashlib.sha256(blob).digest()
