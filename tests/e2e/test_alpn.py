# SPDX-License-Identifier: MIT
"""The protocol that a visitor agrees on (ALPN) with who ends TLS for a TCP service."""

import signal
import ssl

import pytest

from harness.proxy_protocol import Header
from harness.public import free_port, free_ports, port_of
from harness.tls import TlsVisitor, trusting
from harness.wait import wait_until

A, B = "a.example", "b.example"
TLV_ALPN = 1


def agreed(address, names, host=A):
    """What is selected; None: nothing."""
    context = trusting()
    if names:
        context.set_alpn_protocols(names)
    with TlsVisitor(address, context, host) as v:
        return v.sock.selected_alpn_protocol()


def refused(address, names, host=A):
    with pytest.raises(ssl.SSLError) as e:
        agreed(address, names, host)
    return "NO_APPLICATION_PROTOCOL" in str(e.value).upper().replace(" ", "_")


def says(conn):
    """A TCP upstream that speaks first."""
    conn.send(b"hello")
    conn.read_to_end()


@pytest.fixture
def server(tunnel):
    return tunnel.server(*tunnel.ca().issue(A, B).options())


def test_by_port(tunnel, server):
    client = tunnel.client(server, "0=tls+tcp://" + tunnel.upstream(says).address,
                           "--alpn=h2,http/1.1,x")
    address = "127.0.0.1", port_of(client)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = trusting()
        context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(["x", "h2"])
        with TlsVisitor(address, context, A) as v:
            assert v.sock.selected_alpn_protocol() == "h2"  # the service's preference
            assert v.read(5) == b"hello"
    assert agreed(address, ["y", "x"]) == "x"
    # RFC 7301, 3.2: offered, but nothing that both speak; and not offered at all.
    assert refused(address, ["mqtt", "h2c", "h"])
    assert agreed(address, []) is None
    server.log_contains("offers no protocol (ALPN) that the service speaks")


def test_by_name_beside_http(tunnel, server):
    """Both names are at one port: what is agreed follows from the name, which comes first."""
    tunnel.client(server, [A + "=tls+tcp://" + tunnel.upstream(says).address], "--alpn", "h2,dot")
    tunnel.client(server, B + "=" + tunnel.upstream("web").url)
    assert agreed(server.address, ["http/1.1", "dot"]) == "dot"
    assert refused(server.address, ["http/1.1"])
    assert agreed(server.address, ["http/1.1", "h2"], B) == "h2"
    assert agreed(server.address, ["http/1.1"], B) == "http/1.1"
    assert agreed(server.address, ["spdy/3"], B) is None
    with TlsVisitor(server.address, trusting(), B) as v:
        assert v.get(host=B).body == b"web"
    with TlsVisitor(server.address, trusting(), A) as v:
        assert v.read(5) == b"hello"


def test_http2_reaches_who_speaks_it(tunnel):
    """curl speaks HTTP/2 over TLS only where it was agreed (RFC 9113, 3.3)."""
    ca = tunnel.ca()
    server = tunnel.server(*ca.issue(A).options())
    nginx = tunnel.nginx("location / { return 200 $server_protocol; }", listen="http2")
    tunnel.client(server, [A + "=tls+tcp://" + nginx.address], "--alpn=h2")
    got = tunnel.curl("https://%s:%d/" % (A, server.port), "--http2", "--cacert", ca.cert,
                      "--resolve", "%s:%d:127.0.0.1" % (A, server.port))
    assert got == b"HTTP/2.0"


@pytest.mark.parametrize("place", ["0", A])
def test_a_service_that_says_nothing(tunnel, server, place):
    """Who offers one protocol speaks nothing else; which of several the service speaks, nobody
    knows."""
    client = tunnel.client(server, place + "=tls+tcp://" + tunnel.upstream(says).address)
    address = "127.0.0.1", port_of(client) if place == "0" else server.port
    for name in ("h2", "postgresql", "x"):
        assert agreed(address, [name]) == name
    assert agreed(address, ["h2", "http/1.1"]) is None
    assert agreed(address, []) is None


@pytest.mark.parametrize("names,told", [
    (["h2"], b"h2"), (["http/1.1", "postgresql"], b"postgresql"), (["http/1.1"], b"http/1.1"),
    ([], None)])
def test_the_upstream_is_told(tunnel, server, names, told):
    """By PP2_TYPE_ALPN, which may name any protocol."""
    seen = []

    def script(conn):
        seen.append(Header(conn))
        conn.send(b"hello")
    upstream = tunnel.upstream(script)
    client = tunnel.client(server, "0=tls+tcp://" + upstream.address,
                           "--alpn=postgresql,h2,http/1.1", "--proxy-protocol=v2")
    context = trusting()
    if names:
        context.set_alpn_protocols(names)
    with TlsVisitor(("127.0.0.1", port_of(client)), context, A) as v:
        assert v.read(5) == b"hello"
    assert seen[0].tlvs.get(TLV_ALPN) == told


def test_each_upstream_has_its_own(tunnel, server):
    """From the file, and read again; what is the same stays."""
    upstream = tunnel.upstream(says).address
    ports = free_ports(2)
    config = tunnel.path / "client.yaml"

    def write(first):
        config.write_text("""
services:
  - {upstream: "%d=tls+tcp://%s", alpn: %s}
  - {upstream: "%d=tls+tcp://%s", alpn: mqtt}
""" % (ports[0], upstream, first, ports[1], upstream))
    write("[h2, http/1.1]")
    client = tunnel.client(server, [], "--config=%s" % config, services=2)
    one, two = (("127.0.0.1", p) for p in ports)
    assert agreed(one, ["http/1.1"]) == "http/1.1"
    assert agreed(two, ["mqtt"]) == "mqtt"
    assert refused(two, ["h2"])
    write("[dot]")
    client.send_signal(signal.SIGHUP)

    def changed():
        try:
            return agreed(one, ["dot", "h2"]) == "dot"
        except OSError:
            return False
    wait_until(changed, "the other protocol", 30)
    assert agreed(two, ["mqtt"]) == "mqtt"


def test_who_shares_a_place_speaks_the_same(tunnel, server):
    """The one who gets the connection has to speak what was agreed before that was known."""
    port = free_port()
    upstream = tunnel.upstream(says).address
    tunnel.client(server, ["%d=tls+tcp://%s" % (port, upstream)], "--alpn=h2")
    other = tunnel.client(server, ["%d=tls+tcp://%s" % (port, upstream)], "--alpn=h2,x",
                          name="other", wait=False)
    other.log_contains("whose TLS or --alpn is another")
    tunnel.client(server, ["%d=tls+tcp://%s" % (port, upstream)], "--alpn=h2", name="same")
    named = A + "=tls+tcp://" + upstream
    tunnel.client(server, [named], "--alpn=h2", name="named")
    other = tunnel.client(server, [named], name="bare", wait=False)
    other.log_contains("with other protocols (--alpn)")


@pytest.mark.parametrize("options,why", [
    (["--alpn="], "--alpn"), (["--alpn=h2,h2"], "twice"), (["--alpn=h 2"], "no name"),
    (["--alpn=" + ",".join(["x" * 60 + str(i) for i in range(5)])], "255 bytes")])
def test_wrong_lists(tunnel, options, why):
    status, _, err = tunnel.run("client", "--remote=a:1", "--upstream=1=tls+tcp://a:1",
                                "--token=" + "x" * 20, *options)
    assert status == 2 and why in err


def test_a_range_of_ports(tunnel, server):
    upstream = tunnel.upstream(says)
    first = free_ports(2)[0]
    port = upstream.address.split(":")[1]
    tunnel.client(server, "%d-%d=tls+tcp://127.0.0.1:%s-%d" % (first, first + 1, port,
                                                               int(port) + 1), "--alpn=h2,x")
    for offered, got in ((["x"], "x"), (["x", "h2"], "h2")):
        assert agreed(("127.0.0.1", first), offered) == got
        assert agreed(("127.0.0.1", first + 1), offered) == got
