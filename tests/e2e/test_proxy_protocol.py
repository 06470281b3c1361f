# SPDX-License-Identifier: MIT
"""PROXY protocol, written toward upstreams and read from balancers (rules 36 and 39)."""

import re
import socket
import ssl
import time

import pytest

from harness.mitm import UP, Mitm
from harness.proxy_protocol import V2_LOCAL, V2_SIGNATURE, Header, v1, v2
from harness.public import port_of
from harness.tls import TlsVisitor, trusting
from harness.upstream import head_of, one, response
from harness.visitor import Closed, Visitor, split
from harness.wait import wait_until

# Loopback is larger than its first address: who comes from another one is told from the rest.
SOMEBODY = "127.0.0.77"


# Toward the upstream


NGINX = """
        set_real_ip_from 127.0.0.0/8;
        set_real_ip_from ::1;
        real_ip_header proxy_protocol;
        location / { return 200 "$proxy_protocol_addr $proxy_protocol_port $remote_addr"; }
"""


@pytest.fixture
def seer(tunnel):
    """An nginx that says whom it sees."""
    return tunnel.nginx(NGINX, listen="proxy_protocol", greeting=b"PROXY UNKNOWN\r\n")


def check_seen(v, host="example.com"):
    address, port = v.sock.getsockname()[:2]
    assert v.get(host=host).text() == "%s %d %s" % (address, port, address)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("bind", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_nginx_sees_the_visitor(tunnel, seer, version, bind, kind):
    server = tunnel.server(bind=bind)
    remote = "%s:%d" % ("[::1]" if bind == "::1" else bind, server.port)
    client = tunnel.client(remote, "%s%s" % ("0=tcp://" if kind == "tcp" else "http://",
                                             seer.address), "--proxy-protocol=" + version)
    port = port_of(client) if kind == "tcp" else server.port
    v = Visitor((bind, port))
    check_seen(v)
    if bind == "127.0.0.1":
        check_seen(Visitor((bind, port), source=SOMEBODY))
    v.close()


def test_nginx_direct(seer):
    """What the tests of this file ask of nginx, without a tunnel."""
    for header in (v1(), v2()):
        v = Visitor(seer.address)
        v.send(header)
        assert v.get().text() == "203.0.113.7 56324 203.0.113.7"


def test_visitors_share_no_upstream_connection(tunnel, seer):
    """Rule 33: the header stands for the whole connection."""
    server = tunnel.server()
    tunnel.client(server, seer.url, "--proxy-protocol=v1")
    visitors = [Visitor(("127.0.0.1", server.port), source="127.0.0.%d" % i) for i in range(50, 55)]
    for _ in range(3):
        for v in visitors:
            check_seen(v)


def test_visitors_of_one_proxy_share_none_either(tunnel):
    """Each visitor's header says who he is, though a trusted proxy sends both down one
    connection."""
    def script(conn):
        said = conn.read_until(b"\r\n")
        while conn.read_request() is not None:
            conn.send(response(said.split()[2]))

    server, _, _ = tunnel.through(script, server_options=["--trusted-proxies=127.0.0.1"],
                                  client_options=["--proxy-protocol=v1"])
    v = tunnel.visitor(server)
    for visitor in ("192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.1"):
        assert v.get(fields=["X-Forwarded-For: " + visitor]).text() == visitor


def header_at_upstream(tunnel, scheme, version, server_options=(), visit=None):
    """The header that one visitor's connection brings."""
    seen = []

    def script(conn):
        seen.append(Header(conn))
        conn.read_until(b"\n")
        conn.send(response("ok"))
    upstream = tunnel.upstream(script)
    server = tunnel.server(*server_options)
    key = "" if scheme == "http" else "0="
    client = tunnel.client(server, "%s%s://%s" % (key, scheme, upstream.address),
                           "--proxy-protocol=" + version)
    port = server.port if scheme == "http" else port_of(client)
    v = visit(("127.0.0.1", port))
    v.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    assert v.read_response().body == b"ok"
    name = v.sock.getsockname()
    v.close()
    assert (seen[0].source, seen[0].source_port) == name[:2]
    assert seen[0].to_port == port and seen[0].to == "127.0.0.1"
    return seen[0]


@pytest.mark.parametrize("scheme", ["http", "tcp"])
def test_no_tls_no_word_of_it(tunnel, scheme):
    h = header_at_upstream(tunnel, scheme, "v2", visit=Visitor)
    assert h.command == 1 and 0x20 not in h.tlvs and 0x01 not in h.tlvs


@pytest.mark.parametrize("scheme", ["http", "tls+tcp"])
def test_tls_and_alpn_are_told(tunnel, scheme):
    ca = tunnel.ca()
    h = header_at_upstream(
        tunnel, scheme, "v2", ca.issue("a.example").options(),
        lambda to: TlsVisitor(to, ca.context(["http/1.1"] if scheme == "http" else ()),
                              "a.example"))
    assert scheme != "http" or h.tlvs[0x01] == b"http/1.1"
    told = h.tlvs[0x20]  # PP2_TYPE_SSL: flags, verify, TLVs
    assert told[0] == 0x01  # TLS, and no certificate of the visitor
    assert b"TLSv1.3" in told


def test_v1_over_tls(tunnel):
    ca = tunnel.ca()
    h = header_at_upstream(tunnel, "http", "v1", ca.issue("a.example").options(),
                           lambda to: TlsVisitor(to, ca.context(), "a.example"))
    assert h.version == 1


def test_to_a_tls_upstream_it_comes_before_tls(tunnel):
    ca = tunnel.ca()
    cert = ca.issue("127.0.0.1")
    nginx = tunnel.nginx(NGINX + "ssl_certificate %s; ssl_certificate_key %s;\n"
                         % (cert.cert, cert.key), listen="ssl proxy_protocol",
                         greeting=b"PROXY UNKNOWN\r\n")
    server = tunnel.server()
    tunnel.client(server, nginx.url, "--upstream-ca=" + ca.cert, "--proxy-protocol=v2")
    check_seen(Visitor(server.address))


def test_it_is_per_service(tunnel, seer):
    server = tunnel.server()
    plain = tunnel.upstream("plain")
    tunnel.client(server, [], "--upstream", "seen.example=" + seer.url, "--proxy-protocol=v1",
                  "--upstream", "plain.example=" + plain.url, services=2)
    check_seen(Visitor(server.address), host="seen.example")
    assert Visitor(server.address).get(host="plain.example").body == b"plain"
    assert b"PROXY" not in plain.received()


# From a balancer


HERE = "--accept-proxy-protocol=127.0.0.1/32"


@pytest.mark.parametrize("how", ["send-proxy", "send-proxy-v2"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_haproxy_in_front(tunnel, how, host):
    """haproxy itself comes from 127.0.0.1; its visitors from elsewhere."""
    upstream = tunnel.upstream()
    server = tunnel.server(HERE)
    haproxy = tunnel.haproxy(server.address, how, host=host)
    # The client has to come from an address that is not listed, or through haproxy as well.
    client = tunnel.client(haproxy.address, upstream)
    somebody = SOMEBODY if host == "127.0.0.1" else "::1"
    v = Visitor((host, haproxy.port), source=somebody)
    for _ in range(3):  # read once for the connection
        assert v.get().status == 200
    assert one(head_of(upstream), "x-forwarded-for") == somebody
    server.log_contains(somebody)
    assert client.alive()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("header,source", [
    (v1(), "203.0.113.7"), (v2(), "203.0.113.7"),
    (v1("2001:db8::7", "2001:db8::1", family="TCP6"), "2001:db8::7"),
    (v2("2001:db8::7", "2001:db8::1"), "2001:db8::7"),
    (v2(tlvs=b"\x04\x00\x03abc" + b"\xe0\x00\x40" + b"x" * 64), "203.0.113.7"),
    (V2_LOCAL, "127.0.0.1"), (v2(command=0), "127.0.0.1"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    (b"PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2\r\n", "127.0.0.1"),
], ids=["v1", "v2", "v1-6", "v2-6", "TLVs", "LOCAL", "LOCAL with addresses", "UNKNOWN",
        "UNKNOWN with addresses"])
def test_who_the_visitor_is(tunnel, header, source, scheme):
    ca = tunnel.ca()
    upstream = tunnel.upstream()
    server = tunnel.server(HERE, "--control-port=0", *ca.issue("a.example").options())
    tunnel.client("127.0.0.1:%d" % server.port_for("clients"), upstream)
    v = tunnel.visitor("127.0.0.1:%d" % server.port_for("visitors"))
    v.send(header)
    if scheme == "https":
        v.sock = ca.context().wrap_socket(v.sock, server_hostname="a.example")
    assert v.get(host="a.example").status == 200
    assert one(head_of(upstream), "x-forwarded-for") == source
    assert one(head_of(upstream), "x-forwarded-proto") == scheme


@pytest.fixture
def balanced(tunnel):
    """(where visitors come, upstream), with 127.0.0.1 as the balancer and links on a port of
    their own."""
    upstream = tunnel.upstream()
    server = tunnel.server(HERE, "--control-port=0")
    tunnel.client("127.0.0.1:%d" % server.port_for("clients"), upstream)
    return server, ("127.0.0.1", server.port_for("visitors")), upstream


@pytest.mark.parametrize("header", [v1(), v2(tlvs=b"\xe0\x00\x10" + b"x" * 16)], ids=["v1", "v2"])
def test_header_in_pieces(balanced, header):
    _, place, upstream = balanced
    with Visitor(place) as v:
        assert v.trickle(header).get().status == 200
    assert one(head_of(upstream), "x-forwarded-for") == "203.0.113.7"


def test_header_and_request_in_one_piece(balanced):
    _, place, upstream = balanced
    with Visitor(place) as v:
        v.send(v2() + b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        assert v.read_response().status == 200
        assert v.get("/b").status == 200


def test_no_header_for_three_seconds(balanced):
    server, place, _ = balanced
    visitors = [Visitor(place) for _ in range(3)]
    visitors[1].send(b"PROXY TC")
    visitors[2].send(V2_SIGNATURE)
    began = time.monotonic()
    for v in visitors:
        assert v.ended()
        v.close()
    assert 2 < time.monotonic() - began < 6
    server.log_contains("PROXY")


@pytest.mark.parametrize("what", [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PROXY TCP4 1.2.3.4\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PROXY TCP4 ::1 ::1 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PROXY " + b"x" * 2000 + b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    V2_SIGNATURE + b"\x31\x11\x00\x0c" + b"\0" * 12 + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    V2_SIGNATURE + b"\x21\x11\x00\x04" + b"\0" * 4 + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    V2_SIGNATURE + b"\x21\x11\xff\xff" + b"\0" * 65535 + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
], ids=["none", "short", "no address", "wrong family", "too long", "version 3", "too few bytes",
        "too large"])
def test_wrong_header_from_the_balancer(balanced, what):
    """An error and not data, or whoever reaches the balancer could say who they are."""
    server, place, upstream = balanced
    v = Visitor(place)
    with pytest.raises((Closed, OSError)):
        v.send(what)
        r = v.read_response()
        assert r.status == 400
        raise Closed
    v.close()
    assert not upstream.connections
    server.log_contains("PROXY")


def test_second_header_is_data(balanced):
    _, place, upstream = balanced
    with Visitor(place) as v:
        v.send(v1() + v1("198.51.100.1"))
        assert v.read_response().status == 400
    assert not upstream.connections


def test_health_check_is_no_error(balanced):
    server, place, _ = balanced
    before = server.log()
    for _ in range(5):
        Visitor(place).close()
    with Visitor(place) as v:
        v.send(v1())
        assert v.get().status == 200
    assert " warn" not in server.log()[len(before):]


@pytest.mark.parametrize("header", [v1(), v2()], ids=["v1", "v2"])
def test_header_from_anybody_else_is_data(balanced, header):
    _, place, upstream = balanced
    v = Visitor(place, source=SOMEBODY)
    v.send(header + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert v.read_response().status == 400
    v.close()
    assert not upstream.connections
    # And they need none.
    v = Visitor(place, source=SOMEBODY)
    assert v.get().status == 200
    assert one(head_of(upstream), "x-forwarded-for") == SOMEBODY


def test_tcp_service_behind_a_balancer(tunnel):
    """On its own port too: the header ends here, and the upstream gets one about the visitor."""
    seen, got = [], []

    def script(conn):
        seen.append(Header(conn))
        got.append(conn.read_to_end())
    server = tunnel.server(HERE, "--control-port=0")
    client = tunnel.client("127.0.0.1:%d" % server.port_for("clients"),
                           "0=tcp://" + tunnel.upstream(script).address, "--proxy-protocol=v2")
    v = Visitor(("127.0.0.1", port_of(client)))
    v.send(v1() + b"data").finish()
    assert v.read_to_end() == b""
    assert (seen[0].source, seen[0].source_port, got) == ("203.0.113.7", 56324, [b"data"])


def test_server_speaks_first_behind_a_balancer(tunnel):
    """The upstream is reached when the header is there, not when the visitor says something."""
    server = tunnel.server(HERE, "--control-port=0")
    client = tunnel.client("127.0.0.1:%d" % server.port_for("clients"),
                           "0=tcp://" + tunnel.upstream(lambda c: c.send(b"220 hi")).address)
    v = Visitor(("127.0.0.1", port_of(client)))
    v.send(v1())
    assert v.read_to_end() == b"220 hi"


# The control port has a list of its own


CONTROL = "--accept-proxy-protocol-control=127.0.0.1/32"


def test_control_port_behind_a_balancer(tunnel):
    """The session is from where the header says, not from the balancer."""
    server = tunnel.server(CONTROL, "--control-port=0")
    control = "127.0.0.1:%d" % server.port_for("clients")
    begun = set()

    def put_in_front(pair, direction, data):
        if direction == UP and pair.number not in begun:
            begun.add(pair.number)
            return v1() + data
        return data
    relay = tunnel.stage.add(Mitm(split(control), put_in_front))
    tunnel.client(relay.address, tunnel.upstream("ok"))
    wait_until(lambda: re.search(r"session \w+ .*from 203\.0\.113\.7", server.log()),
               "the session with its address in the log")
    # Visitors, on their own port, need none.
    assert tunnel.visitor("127.0.0.1:%d" % server.port_for("visitors")).get().body == b"ok"


def test_client_without_header_where_one_is_due(tunnel):
    server = tunnel.server(CONTROL, "--control-port=0")
    client = tunnel.client("127.0.0.1:%d" % server.port_for("clients"), tunnel.upstream(),
                           wait=False)
    server.log_contains("PROXY")
    assert "is published at" not in client.log()


def test_the_lists_are_apart(tunnel):
    """A header on the control port of a server that trusts balancers of visitors alone is data."""
    server = tunnel.server(HERE, "--control-port=0")
    control = tunnel.visitor("127.0.0.1:%d" % server.port_for("clients"))
    control.send(v1() + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert control.read_response().status == 400


@pytest.mark.parametrize("option", ["--accept-proxy-protocol=nonsense",
                                    "--accept-proxy-protocol-control=10.0.0.0/33"])
def test_list_that_is_none(tunnel, option):
    status, _, err = tunnel.run("server", "--port=0", "--control-port=0", "--no-token",
                                "--state-dir=%s" % tunnel.path, option)
    assert status == 2 and option.split("=")[0] in err and "unknown" not in err


def test_proxy_protocol_that_is_none(tunnel):
    status, _, err = tunnel.run("client", "--remote=a", "--no-token", "--upstream=http://a",
                                "--proxy-protocol=v3")
    assert status == 2 and "v1" in err and "v2" in err


def client_hello():
    """The first flight of a handshake that goes no further."""
    out = ssl.MemoryBIO()
    tls = trusting().wrap_bio(ssl.MemoryBIO(), out, server_hostname="a.example")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return out.read()


@pytest.mark.regression
def test_handshakes_behind_a_balancer_are_counted(tunnel):
    """Who came by a balancer could begin any number of TLS handshakes: until they were over, they
    were held against nobody's address."""
    server = tunnel.server(*tunnel.ca().issue("a.example").options(),
                           "--accept-proxy-protocol=127.0.0.0/8", "--max-visitors-per-address=2")
    hello = client_hello()
    visits = []
    for source in ("203.0.113.5", "203.0.113.5", "203.0.113.5", "203.0.113.6"):
        sock = socket.create_connection(("127.0.0.1", server.port), 5)
        sock.sendall(b"PROXY TCP4 %s 198.51.100.1 40000 443\r\n" % source.encode() + hello)
        visits.append(sock)
    answers = []
    for sock in visits:
        try:
            answers.append(sock.recv(1) == b"\x16")
        except ConnectionResetError:
            answers.append(False)
    # Two of the first one's, whichever came to their workers first, and the other visitor's.
    assert sorted(answers[:3]) == [False, True, True] and answers[3]
    for sock in visits:
        sock.close()
