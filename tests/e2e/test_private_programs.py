# SPDX-License-Identifier: MIT
"""MySQL at a Unix socket, and a name server over UDP, through private services."""

import socket
import struct

import pytest

from harness.jobs import HERE, Job, digest
from harness.private import PrivateNode
from harness.public import free_port
from harness.wait import at_once, wait_until


@pytest.fixture
def node(tunnel):
    return PrivateNode(tunnel)


# ---- Databases ----


class Mariadb(Job):
    """Without any table of its own: nobody is asked who he is."""

    def start(self):
        data = self.path / "data"
        data.mkdir()
        self.serve("mariadbd", ["mariadbd", "--no-defaults", "--user=root", "--datadir=%s" % data, "--skip-grant-tables",
                                "--bind-address=" + HERE, "--port=PORT", "--socket=%s/own.sock" % self.path,
                                "--innodb-flush-log-at-trx-commit=0"])

    def sql(self, *where, text):
        return self.run("mariadb", "--no-defaults", "--batch", "--skip-column-names", "--max-allowed-packet=64M", *where,
                        stdin=text)


def test_mariadb(node):
    """Its client at a Unix socket, which it takes for the server's own."""
    job = Mariadb(node.tunnel)
    node.provider("db", "tcp://%s:%d" % (HERE, job.port), None)
    path = job.path / "db.sock"
    node.consumer(None, "--service=db=unix:%s" % path).approved()
    rows = "".join("insert into t.t values (%d, repeat('%d', 1000));\n" % (i, i % 10) for i in range(1000))
    r = job.sql("--socket=%s" % path, text=(
        "create database t; create table t.t (a int primary key, b text);\n%sselect count(*), sum(length(b)) from t.t;"
        % rows).encode())
    assert (r.status, r.out) == (0, b"1000\t1000000\n"), r.error
    direct, through = (job.sql(*where, text=b"select * from t.t order by a;")
                       for where in (("--host=" + HERE, "--port=%d" % job.port), ("--socket=%s" % path,)))
    assert through.status == 0 and digest(direct.out) == digest(through.out) and len(direct.out) > 10 ** 6


# ---- UDP ----


def query(number, name):
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + b"".join(
        bytes([len(label)]) + label for label in name.split(b".")) + b"\0" + struct.pack("!HH", 1, 1)


class Dnsmasq(Job):
    """It makes up an address for each name: 10-1-2-3.example is 10.1.2.3."""

    scheme = "udp"

    def start(self):
        self.serve("dnsmasq", ["dnsmasq", "--keep-in-foreground", "--no-daemon", "--conf-file=/dev/null",
                               "--no-resolv", "--no-hosts", "--bind-interfaces", "--listen-address=" + HERE,
                               "--port=PORT", "--synth-domain=example,10.0.0.0/8", "--user=", "--pid-file="])


def address_of(number):
    return bytes([10, 1, number >> 8, number & 255])


def ask(s, number, asked_before, tries=5):
    """Whether its answer comes; what a busy machine loses is asked again, so answers to earlier ones may be late."""
    asked_before.add(number)
    for _ in range(tries):
        s.send(query(number, b"%d-%d-%d-%d.example" % tuple(address_of(number))))
        try:
            while True:
                answer = s.recv(4096)
                of, = struct.unpack_from("!H", answer)
                assert of in asked_before and answer[-4:] == address_of(of), "an answer that is another's"
                if of == number:
                    return True
        except OSError:
            pass
    return False


def asked(port, numbers):
    """How many of these queries, one after the other from one socket, got the answer that is theirs."""
    before = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.connect((HERE, port))
        return sum(ask(s, i, before) for i in numbers)


def test_dns(node):
    """10,000 queries, one answer each and the right one; then a deny ends the flows."""
    job = Dnsmasq(node.tunnel)
    web = node.create("web")
    node.provider("dns", "udp://%s:%d" % (HERE, job.port), None, "--visibility=web", "--auto-approve=web")
    port = free_port()
    node.consumer(web, "--service=dns=udp:%d" % port).approved()
    assert sum(at_once(lambda k: asked(port, range(k, 10000, 40)), range(40))) == 10000
    r = job.run("dig", "@" + HERE, "-p", port, "+short", "10-1-2-3.example")
    assert (r.status, r.out) == (0, b"10.1.2.3\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((HERE, port))
        s.settimeout(1)
        before = set()
        assert ask(s, 1, before)
        node.ok("intention", "create", "--deny", "web", "dns")
        s.settimeout(0.3)
        assert not ask(s, 2, before, 3)
        assert node.endpoint("web")["properties"]["streams"] == 0
        node.ok("intention", "create", "--replace", "--allow", "web", "dns")
        wait_until(lambda: asked(port, [7]) == 1, "an answer")
