# SPDX-License-Identifier: MIT
"""Upstreams by name: one whose name server is silent, slow or wrong concerns nobody else."""

import pytest

from harness.names import NameServer
from harness.public import port_of
from harness.udp import UdpUpstream, UdpVisitor
from harness.upstream import response
from harness.visitor import Visitor
from harness.wait import wait_until

pytestmark = pytest.mark.root


class Place:
    """A server and a client in a namespace with a name server of its own."""

    def __init__(self, tunnel, hosts=""):
        self.tunnel = tunnel
        self.dns = tunnel.stage.add(NameServer(hosts))
        self.server = self.dns.space.move(tunnel.server(start=False)).start()

    def upstream(self, *args, **kwargs):
        with self.dns.space.inside():
            return self.tunnel.upstream(*args, **kwargs)

    def client(self, upstreams, *options, remote="127.0.0.1"):
        c = self.tunnel.client("%s:%d" % (remote, self.server.port), upstreams, *options,
                               start=False)
        self.dns.space.move(c).start()
        wait_until(lambda: c.log().count(" is published at ") >= len(upstreams), "the client")
        return c

    def visitor(self, host="127.0.0.1", port=None):
        with self.dns.space.inside():
            return Visitor("%s:%d" % (host, port or self.server.port))

    def get(self, host):
        with self.visitor() as v:
            return v.get(host=host)


@pytest.fixture
def place(tunnel):
    return Place(tunnel, "127.0.0.1 here.internal exit.internal\n")


def test_silent_names_stop_neither_other_names_nor_the_link(place):
    u = place.upstream("ok\n")
    silent = ["silent%d.test" % i for i in range(6)]
    place.dns.names = dict.fromkeys(silent)
    place.dns.names["there.test"] = ["127.0.0.1"]
    client = place.client(
        ["%s=http://%s:1" % (name, name) for name in silent] +
        ["%s.test=http://%s:%d" % (name.split(".")[0], name, u.port)
         for name in ("here.internal", "there.test")],
        remote="exit.internal")
    waiting = [place.visitor().request("/", host=name) for name in silent * 2]
    wait_until(lambda: set(silent) <= set(place.dns.asked), "all names to be asked for")
    for host in ("here.test", "there.test"):
        assert place.get(host).status == 200
    # None of the silent ones has given up yet: the answers above did not wait for that.
    assert all(v.silent(0.001) for v in waiting)

    ups = client.log().count("connected to")
    place.server.kill()
    place.server.start()
    wait_until(lambda: client.log().count("connected to") > ups, "the link to be back", 4)
    assert place.get("here.test").status == 200


def test_equal_look_ups_are_one(place):
    """A hundred connections at once, and as many UDP flows, to a name that is 100 ms away."""
    u = place.upstream(lambda c: c.send(b"hello") or c.read_to_end())
    with place.dns.space.inside():
        udp = place.tunnel.stage.add(UdpUpstream())
    place.dns.names["slow.test"] = ["127.0.0.1"]
    place.dns.delay["slow.test"] = 0.1
    client = place.client(["0=tcp://slow.test:%d" % u.port, "0=udp://slow.test:%d" % udp.port])
    port = port_of(client, "tcp://")
    visitors = [place.visitor(port=port) for _ in range(100)]
    for v in visitors:
        assert v.read(5) == b"hello"
        v.close()
    with place.dns.space.inside():
        senders = [place.tunnel.stage.add(UdpVisitor(("127.0.0.1", port_of(client, "udp://"))))
                   for _ in range(30)]
    for s in senders:
        assert s.ask(b"x") == b"x"
    assert place.dns.asked.count("slow.test") <= 2


def test_a_name_that_comes_or_moves_is_found_soon(place):
    """What is not known is forgotten within a second or so, and so is an address that fails."""
    u = place.upstream("ok\n")
    place.client(["new.test=http://new.test:%d" % u.port])
    assert place.get("new.test").status == 502
    place.dns.names["new.test"] = ["127.0.0.9"]  # nobody listens there
    wait_until(lambda: place.get("new.test").status == 502 and
               place.dns.asked.count("new.test") > 1, "the name to be asked for again", 4)
    place.dns.names["new.test"] = ["127.0.0.1"]
    wait_until(lambda: place.get("new.test").status == 200, "the new address", 4)


def test_addresses_of_a_name_share_the_load(place):
    """And the dead one of them costs a quarter of a second at the most, once."""
    u = place.upstream("ok\n")
    seen = []

    def script(conn):
        seen.append(conn.sock.getsockname()[0])
        conn.send(response(b"ok\n", fields=["Connection: close"]))
    others = [place.upstream(script, host="127.0.0.%d" % i, port=u.port) for i in (2, 3)]
    assert len(others) == 2
    place.dns.names["many.test"] = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
    place.client(["many.test=http://many.test:%d" % u.port])
    for _ in range(12):
        assert place.get("many.test").status == 200
    assert min(seen.count("127.0.0.2"), seen.count("127.0.0.3")) >= 3
