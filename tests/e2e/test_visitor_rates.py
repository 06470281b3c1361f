# SPDX-License-Identifier: MIT
"""New connections and requests a second, from each address and at each service."""

import socket
import time

import pytest

from harness.public import port_of
from harness.udp import UdpUpstream, VisitorFrom
from harness.wait import SANITIZED


def burst(visitor, n, **kwargs):
    return [visitor.get(**kwargs).status for _ in range(n)]


def test_requests_of_an_address(tunnel):
    """Slow enough that no bucket fills up during the test, however slow the machine is."""
    server, client, _ = tunnel.through(
        "ok", server_options=["--request-rate-per-address=1/m:5", "--workers=4"])
    v = tunnel.visitor(server, source="127.0.0.2")
    assert burst(v, 5) == [200] * 5
    r = v.get()
    assert r.status == 429 and 1 <= int(r.get("Retry-After")) <= 60
    assert r.reason == "Too Many Requests" and "more requests came from this address" in r.text()
    # On all connections and workers together; others are not concerned.
    for _ in range(8):
        assert tunnel.visitor(server, source="127.0.0.2").get().status == 429
    assert burst(tunnel.visitor(server, source="127.0.0.3"), 5) == [200] * 5
    server.log_contains("refused a request from 127.0.0.2: --request-rate-per-address reached")
    server.log_contains(" status=429 ")
    assert client.alive()


def test_requests_go_on_at_the_rate(tunnel):
    server, _, _ = tunnel.through("ok", server_options=["--request-rate-per-address=20/s:2"])
    v = tunnel.visitor(server)
    began, good = time.monotonic(), 0
    while time.monotonic() - began < 2:
        good += v.get().status == 200
    assert 20 <= good <= 2 + 20 * (time.monotonic() - began) + 1


def test_requests_of_a_service(tunnel):
    server = tunnel.server("--request-rate-per-service=1/m:4")
    tunnel.client(server, ["*.a.example=%s" % tunnel.upstream("a").url,
                           "b.example=%s" % tunnel.upstream("b").url])
    # Names below a wildcard are one service.
    assert [tunnel.visitor(server, source="127.0.0.%d" % i).get(host="x%d.a.example" % i).status
            for i in range(2, 8)] == [200] * 4 + [429] * 2
    v = tunnel.visitor(server)
    r = v.get(host="y.a.example")
    assert r.status == 429 and "for this host" in r.text() and int(r.get("Retry-After")) >= 1
    assert v.get(host="b.example").body == b"b"
    server.log_contains("to *.a.example: --request-rate-per-service reached")


def test_connections_of_an_address(tunnel):
    server, _, _ = tunnel.through("ok", server_options=["--connection-rate-per-address=1/m:4"])
    for _ in range(4):
        assert tunnel.visitor(server, source="127.0.0.2").get().status == 200
    for _ in range(3):
        assert tunnel.visitor(server, source="127.0.0.2").ended()
    assert tunnel.visitor(server, source="127.0.0.3").get().status == 200
    server.log_contains("refused a connection from 127.0.0.2: --connection-rate-per-address reached")


def test_over_tls_a_connection_counts_once(tunnel, ca):
    cert = ca.issue("a.example")
    server = tunnel.server("--connection-rate-per-address=1/m:4", *cert.options())
    tunnel.client(server, tunnel.upstream("ok"))
    for n in range(2, 6):
        with (socket.create_connection(("127.0.0.1", server.port), 5, source_address=("127.0.0.9", 0)) as sock,
              ca.context().wrap_socket(sock, server_hostname="a.example") as tls):
            tls.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            assert tls.recv(12) == b"HTTP/1.1 200", n
    with socket.create_connection(("127.0.0.1", server.port), 5,
                                  source_address=("127.0.0.9", 0)) as sock:
        assert ended(sock)


def ended(sock):
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def test_behind_a_balancer_the_visitor_counts(tunnel):
    server, _, _ = tunnel.through("ok", server_options=["--connection-rate-per-address=1/m:2",
                                                        "--accept-proxy-protocol=127.0.0.2"])
    got = []
    for source in ["203.0.113.5"] * 3 + ["203.0.113.6"]:
        v = tunnel.visitor(server, source="127.0.0.2")
        v.send(b"PROXY TCP4 %s 198.51.100.1 40000 80\r\n" % source.encode() +
               b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        got.append(v.read_to_end()[9:12])
    assert sorted(got[:3]) == [b"", b"200", b"200"] and got[3] == b"200"


def test_behind_a_trusted_proxy_the_visitor_counts(tunnel):
    server, _, _ = tunnel.through("ok", server_options=[
        "--request-rate-per-address=1/m:2", "--connection-rate-per-address=1/m:1",
        "--trusted-proxies=127.0.0.2"])
    for _ in range(3):  # connections of the proxy, and requests that name no visitor
        assert burst(tunnel.visitor(server, source="127.0.0.2"), 3) == [200] * 3
    v = tunnel.visitor(server, source="127.0.0.2")
    assert burst(v, 3, fields=["X-Forwarded-For: 203.0.113.5"]) == [200, 200, 429]
    assert burst(v, 3, fields=["X-Forwarded-For: 2001:db8::1"]) == [200, 200, 429]
    assert burst(v, 1, fields=["X-Forwarded-For: 2001:db8::2"]) == [429]
    assert burst(v, 1, fields=["X-Forwarded-For: 2001:db8:0:1::2"]) == [200]


def test_tcp_connections_of_a_service(tunnel):
    server = tunnel.server("--connection-rate-per-service=1/m:3")
    upstream = tunnel.upstream(lambda conn: conn.send(b"hello"))
    client = tunnel.client(server, "0=tcp://127.0.0.1:%d" % upstream.port)
    port = port_of(client)
    got = []
    for i in range(2, 7):
        with socket.create_connection(("127.0.0.1", port), 5,
                                      source_address=("127.0.0.%d" % i, 0)) as sock:
            try:
                got.append(sock.recv(5))
            except ConnectionResetError:
                got.append(b"")
    assert got == [b"hello"] * 3 + [b""] * 2
    server.log_contains("to tcp:%d: --connection-rate-per-service reached" % port)


def test_udp_flows_of_an_address(tunnel):
    server = tunnel.server("--connection-rate-per-address=1/m:4")
    upstream = tunnel.stage.add(UdpUpstream())
    client = tunnel.client(server, "0=udp://127.0.0.1:%d" % upstream.port)
    port = port_of(client)
    flows = [tunnel.stage.add(VisitorFrom("127.0.0.5", ("127.0.0.1", port))) for _ in range(5)]
    for flow in flows[:4]:
        assert flow.ask(b"question") == b"question"
    assert flows[4].ask(b"lost", timeout=0.3) is None
    other = tunnel.stage.add(VisitorFrom("127.0.0.6", ("127.0.0.1", port)))
    assert other.ask(b"other") == b"other"
    assert flows[0].ask(b"again") == b"again"
    server.log_contains("beyond the rates of new flows")


def test_a_flood_of_addresses_takes_nothing_from_others(tunnel):
    """2,000 of them at the proxy's word, on a server that counts them all."""
    server, _, _ = tunnel.through("ok", server_options=[
        "--request-rate-per-address=1/m:2", "--trusted-proxies=127.0.0.2"])
    v = tunnel.visitor(server, source="127.0.0.2")
    before = server.memory()
    for i in range(2000):
        assert v.get(fields=["X-Forwarded-For: 10.9.%d.%d" % (i >> 8, i & 255)]).status == 200
    assert burst(tunnel.visitor(server, source="127.0.0.7"), 2) == [200] * 2
    # The sanitizers keep what was freed.
    assert SANITIZED or server.memory() - before < 2 << 20


@pytest.mark.parametrize("rate", ["100", "0/s", "100/d", "100/s:0", "x"])
def test_a_rate_that_is_none(tunnel, rate):
    status, _, err = tunnel.run("server", "--request-rate-per-address=" + rate)
    assert status == 2 and "is no rate: write 100/s" in err
