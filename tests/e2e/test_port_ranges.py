# SPDX-License-Identifier: MIT
"""Many ports in a row as one service: each leads to its own of the upstream's, and they come and go
as one."""

import os
import random
import resource
import signal
import socket

from harness.public import free_ports, free_ranges, is_free, published
from harness.udp import UdpUpstream, UdpVisitor
from harness.visitor import Closed, Visitor
from harness.wait import wait_until

MANY = 1500  # more than services of a session, or listeners of a server, may be


def tell_port(conn):
    """The upstream's port that was dialled."""
    conn.send(b"%d\n" % conn.sock.getsockname()[1])
    conn.read_to_end()


def asked(port, host="127.0.0.1"):
    with Visitor("%s:%d" % (host, port)) as v:
        return int(v.read_until(b"\n"))


def upstreams(tunnel, ports, at, host="127.0.0.1"):
    for i in at:
        tunnel.upstream(tell_port, host=host, port=ports[i])


def span(scheme, public, local, host="127.0.0.1"):
    return "%d-%d=%s://%s:%d-%d" % (public[0], public[-1], scheme, host, local[0], local[-1])


def test_thousands_of_tcp_ports(tunnel):
    # At an address of its own: so many would be in the way of the tests beside this one.
    host = "127.%d.%d.1" % (random.SystemRandom().randrange(1, 255), os.getpid() % 255)
    both = free_ports(2 * MANY, host)
    public, local = both[:MANY], both[MANY:]
    at = [0, 1, MANY // 2, MANY - 1]
    upstreams(tunnel, local, at, host)
    server = tunnel.server("--max-ports=%d" % MANY, "--workers=2", bind=host)
    before, held = server.memory(), server.fds()
    client = tunnel.client("%s:%d" % (host, server.port), span("tcp", public, local, host))
    assert len(published(client)) == 1
    assert published(client)[0][1].endswith(":%d-%d" % (public[0], public[-1]))
    server.log_contains(" publishes tcp://")
    assert server.log().count(" publishes tcp://") == 1
    # A descriptor each, and no memory to speak of.
    assert MANY <= server.fds() - held < MANY + 50
    if os.environ.get("TUNNEL_SANITIZED") != "1":
        assert server.memory() - before < 1 << 20
    for i in at:
        assert asked(public[i], host) == local[i]
    wait_until(lambda: server.log().count("method=TCP host=tcp:%d " % public[-1]) == 1,
               "the access log to name the port")
    client.stop()
    wait_until(lambda: is_free(public[0], host) and is_free(public[-1], host), "free ports")


def test_udp_ports(tunnel):
    public, local = free_ranges(40)
    server = tunnel.server("--workers=2")
    ups = {i: tunnel.stage.add(UdpUpstream(lambda d, i=i: [b"%d " % i + d], port=local[i]))
           for i in (0, 7, 39)}
    tunnel.client(server, span("udp", public, local))
    visitors = {i: tunnel.stage.add(UdpVisitor(("127.0.0.1", public[i]))) for i in ups}
    for n in range(3):
        for visitor in visitors.values():
            visitor.send(b"%d" % n)
        for i, visitor in visitors.items():
            assert visitor.receive() == b"%d %d" % (i, n)


def test_udp_ports_of_one_visitor_are_flows_of_their_own(tunnel):
    public, local = free_ranges(10)
    for i, port in enumerate(local):
        tunnel.stage.add(UdpUpstream(lambda d, i=i: [b"%d " % i + d], port=port))
    tunnel.client(tunnel.server(), span("udp", public, local))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        s.bind(("127.0.0.1", 0))
        for i, port in enumerate(public):
            s.sendto(b"x", ("127.0.0.1", port))
            assert s.recvfrom(100) == (b"%d x" % i, ("127.0.0.1", port))


def test_tls_ends_at_each_of_them(tunnel):
    public, local = free_ranges(5)
    upstreams(tunnel, local, range(5))
    ca = tunnel.ca()
    server = tunnel.server(*ca.issue("exit.test").options())
    tunnel.client(server, span("tls+tcp", public, local))
    for i in (0, 4):
        with (socket.create_connection(("127.0.0.1", public[i]), 10) as s,
              ca.context().wrap_socket(s, server_hostname="exit.test") as t):
            assert int(t.recv(10)) == local[i]


def test_the_port_is_the_one_connected_to_whatever_a_balancer_says(tunnel):
    public, local = free_ranges(5)
    upstreams(tunnel, local, range(5))
    server = tunnel.server("--accept-proxy-protocol=127.0.0.0/8", "--control-port=0")
    tunnel.client("127.0.0.1:%d" % server.port_for("clients"), span("tcp", public, local))
    v = tunnel.visitor("127.0.0.1:%d" % public[3])
    v.send(b"PROXY TCP4 192.0.2.9 192.0.2.1 4321 %d\r\n" % public[1])
    assert int(v.read_until(b"\n")) == local[3]


def refusals(client, n=1):
    wait_until(lambda: client.log().count("does not publish") >= n, "a refusal")
    return [line for line in client.log().splitlines() if "does not publish" in line]


def test_all_or_none(tunnel):
    """The port in the way is named, whoever has it, and nothing of the others is left open."""
    public = free_ports(20)
    server = tunnel.server("--max-ports=25", "--allow-ports=%d-%d" % (public[0], public[-2]))

    def refused(last, first=0):
        client = tunnel.client(server, span("tcp", public[first:last], public[first:last]),
                               wait=False)
        text = refusals(client)[0]
        client.stop()
        return text
    with socket.create_server(("127.0.0.1", public[9])):
        text = refused(15)
        assert "port %d: address already in use" % public[9] in text
        assert all(is_free(p) for p in public[:9])
    assert "port %d is not among those" % public[19] in refused(20)
    # Another client's single port, and its range.
    up = tunnel.upstream(b"x")
    tunnel.client(server, "%d=tcp://%s" % (public[4], up.address))
    assert "port %d is held by session" % public[4] in refused(10)
    tunnel.client(server, span("tcp", public[6:9], public[6:9]))
    assert "port %d is held by session" % public[6] in refused(12, first=5)
    # UDP's are others.
    tunnel.client(server, span("udp", public[:10], public[:10]))


def test_too_many(tunnel):
    public = free_ports(40)
    server = tunnel.server("--max-ports=30")
    client = tunnel.client(server, [span("tcp", public[:20], public[:20]),
                                    span("tcp", public[20:], public[20:])], services=1)
    text = refusals(client)[0]
    assert "at most 30 ports (--max-ports): it has 20, and asks for 20 more" in text


def test_one_message_cannot_take_the_descriptors(tunnel):
    public = free_ports(300)
    server = tunnel.server("--max-ports=1000", preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_NOFILE, (400, 400)))
    client = tunnel.client(server, span("tcp", public, public), wait=False)
    assert "the server may have 400 descriptors in all" in refusals(client)[0]
    assert "publish less, or have the exit node's operator allow more" in refusals(client)[0]
    up = tunnel.upstream()
    tunnel.client(server, up)
    assert tunnel.visitor(server).get().status == 200


def test_two_clients_share_a_range(tunnel):
    public, local = free_ranges(5)
    upstreams(tunnel, local, range(5))
    server = tunnel.server()
    one = tunnel.client(server, span("tcp", public, local))
    tunnel.client(server, span("tcp", public, local))
    for i in range(5):
        assert asked(public[i]) == local[i]
    one.stop()
    for i in range(5):
        assert asked(public[i]) == local[i]
    other = tunnel.client(server, span("tcp", public[:4], local[:4]), wait=False)
    assert "port %d is held by session" % public[0] in refusals(other)[0]
    assert "whose range is another" in refusals(other)[0]


def test_a_range_that_changes(tunnel):
    """Ports that stay are open again at once; what is under way goes on."""
    public, local = free_ranges(20)
    upstreams(tunnel, local, range(20))
    server = tunnel.server()
    config = tunnel.stage.file("client.yaml", "upstream: %s\n"
                               % span("tcp", public[:10], local[:10]))
    client = tunnel.client(server, [], "--config=%s" % config, wait=False)
    wait_until(lambda: published(client), "the range")
    under_way = tunnel.visitor("127.0.0.1:%d" % public[7])
    assert int(under_way.read_until(b"\n")) == local[7]
    config.write_text("upstream: %s\n" % span("tcp", public[5:], local[5:]))
    client.send_signal(signal.SIGHUP)
    wait_until(lambda: len(published(client)) == 2, "the other range")
    assert all(is_free(p) for p in public[:5])
    for i in (5, 9, 19):
        assert asked(public[i]) == local[i]
    under_way.finish()
    assert under_way.read_to_end() == b""


def test_a_range_comes_back(tunnel):
    """With its client's next session, and with the server's next start."""
    ports = free_ports(61)
    public, local, own = ports[:30], ports[30:60], ports[60]
    upstreams(tunnel, local, [0, 29])
    server = tunnel.server(port=str(own))
    mitm = tunnel.mitm(server)
    tunnel.client("127.0.0.1:%d" % mitm.port, span("tcp", public, local))
    mitm.cut()
    wait_until(lambda: "goes on over a new link" in server.log()
               or server.log().count(" is up (") == 2, "the client to come back")

    def works():
        try:
            return asked(public[29]) == local[29]
        except (Closed, OSError):
            return False
    wait_until(works, "the range to be there again")
    server.stop()
    assert is_free(public[0])
    server.start()
    wait_until(works, "the range to be there after the server's start")
