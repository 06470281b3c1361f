# SPDX-License-Identifier: MIT
"""Link-local IPv6 addresses, which say nothing without the interface that leads to them."""

import json
import socket

import pytest

from harness.netns import Namespace, join
from harness.public import port_of
from harness.udp import UdpUpstream, UdpVisitor
from harness.upstream import Upstream, always, response
from harness.visitor import Visitor
from harness.wait import PATIENCE, wait_until

pytestmark = pytest.mark.root


class Cable:
    """Two machines on one cable: fe80::1 is home's, fe80::2 and fe80::3 are away's."""

    def __init__(self, stage):
        self.home, self.away = stage.add(Namespace()), stage.add(Namespace())
        self.home_end, self.away_end = join(self.home, "10.216.0.1", self.away, "10.216.0.2")
        for space, end, address in ((self.home, self.home_end, "fe80::1"),
                                    (self.away, self.away_end, "fe80::2"),
                                    (self.away, self.away_end, "fe80::3")):
            space.ip("address", "add", address + "/64", "dev", end, "nodad")


def address(host, end, port=0):
    return host, port, 0, socket.if_nametoindex(end)


class VisitorFrom(Visitor):
    def __init__(self, here, there, end, port):
        self.sock = socket.socket(socket.AF_INET6)
        self.sock.settimeout(PATIENCE)
        self.sock.bind(address(here, end))
        self.sock.connect(address(there, end, port))
        self.buffer = b""


@pytest.fixture
def cable(stage):
    return Cable(stage)


@pytest.mark.parametrize("bound", [False, True])
def test_everything_over_link_local_addresses(tunnel, stage, cable, bound):
    server = cable.home.move(tunnel.server(
        "--trusted-proxies=fe80::2%" + cable.home_end, "--log-format=json",
        bind="fe80::1%" + cable.home_end if bound else "::", start=False)).start()
    with cable.away.inside():
        http = stage.add(Upstream(always(response("over http")), host="::"))
        udp = stage.add(UdpUpstream(host="::"))
        away = "[fe80::2%%25%s]" % cable.away_end
        client = cable.away.move(tunnel.client(
            "[fe80::1%%25%s]:%d" % (cable.away_end, server.port),
            ["http://%s:%d" % (away, http.port), "0=udp://%s:%d" % (away, udp.port)],
            start=False)).start()
        public = port_of(client, "udp:")
        for who in ("fe80::2", "fe80::3"):
            with VisitorFrom(who, "fe80::1", cable.away_end, server.port) as v:
                v.request(host="[FE80::1%%25%s]:%d" % (cable.away_end, server.port),
                          fields=["X-Forwarded-For: 192.0.2.7"])
                assert v.read_response().body == b"over http"
        u = stage.add(UdpVisitor(address("fe80::1", cable.away_end, public)))
        assert u.ask(b"to the socket") == b"to the socket"
        # Nobody can answer as a group, but from an address of the interface that it was heard on.
        if not bound:
            assert _ask_group(cable.away_end, public, b"to all nodes") == b"to all nodes"

    received = http.received().decode()
    assert "%" not in received
    assert received.count("\r\nHost: [fe80::1]:%d\r\n" % server.port) == 2
    assert received.count("X-Forwarded-Host: [fe80::1]:%d\r\n" % server.port) == 2
    # What the client says of its upstreams, for the server's log, has no zone either.
    server.log_contains("from http://[fe80::2]:%d" % http.port)
    # The zone of the list is this machine's, and fe80::3 is not on it.
    assert "X-Forwarded-For: 192.0.2.7, fe80::2\r\n" in received
    assert "X-Forwarded-For: fe80::3\r\n" in received
    wait_until(lambda: server.log().count('"GET"') >= 2, "two lines")
    visitors = [json.loads(line)["visitor"] for line in server.log().splitlines()
                if '"GET"' in line]
    assert visitors == ["192.0.2.7", "fe80::3"]


def _ask_group(end, port, data):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE)
        s.sendto(data, address("ff02::1", end, port))
        return s.recv(100)


def test_the_interface_comes_later(tunnel, stage, cable):
    """As with any other way that is not there yet, the client keeps trying."""
    server = cable.home.move(tunnel.server(bind="::", start=False)).start()
    client = cable.away.move(tunnel.client(
        "[fe80::1%%25late]:%d" % server.port, tunnel.upstream(), start=False)).start()
    client.log_contains("No such device")
    cable.away.ip("link", "set", cable.away_end, "down")
    cable.away.ip("link", "set", cable.away_end, "name", "late")
    cable.away.ip("link", "set", "late", "up")
    cable.away.ip("address", "replace", "fe80::2/64", "dev", "late", "nodad")
    client.log_contains(" is published at ")


@pytest.mark.parametrize("options,why", [
    (["server", "--bind-addr=fe80::1"], "name the interface too"),
    (["server", "--bind-addr=fe80::1%nowhere"], "interface of this machine"),
    (["server", "--bind-addr=::1%lo"], "interface of this machine"),
    (["server", "--trusted-proxies=fe80::1%nowhere"], "no such interface"),
    (["client", "--remote=[fe80::1]:80", "--upstream=http://127.0.0.1:1"], "%25eth0"),
    (["client", "--remote=127.0.0.1:80", "--upstream=http://[fe80::1]:1"], "%25eth0"),
])
def test_mistakes(tunnel, options, why):
    status, _, err = tunnel.run(*options, "--token=0123456789abcdef0123456789abcdef")
    assert status in (1, 2) and why in err
