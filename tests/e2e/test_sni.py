# SPDX-License-Identifier: MIT
"""The name that TLS is for and the host that is asked for: who may mix them, and what a session of
before is good for."""

import socket
import ssl

import pytest

from harness import wire
from harness.tls import TlsVisitor, trusting
from harness.upstream import head_of, one
from harness.visitor import Visitor

A, B = "a.example", "b.example"
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture
def node(tunnel):
    """An exit node with a certificate for A, which also answers for B."""
    server = tunnel.server(*tunnel.ca().issue(A).options())
    tunnel.client(server, tunnel.upstream("hello"))
    return server


def session_of(node, context, name, host):
    """A session that was made for that name."""
    with TlsVisitor(node.address, context, name) as v:
        assert v.get(host=host).status == 200  # 1.3's tickets come with data
        return v.sock.session


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name,resumed", [
    (A, True), (A.upper(), True), (A + ".", True), (B, False), ("x" + A, False), (None, False)])
def test_sessions_are_for_one_name(node, version, name, resumed):
    """RFC 6066, 3; the host is then judged by the name of this connection, not of the other."""
    context = trusting()
    context.minimum_version = context.maximum_version = version
    session = session_of(node, context, A, A)
    sock = socket.create_connection(("127.0.0.1", node.port), 10)
    with context.wrap_socket(sock, server_hostname=name, session=session) as again:
        assert again.session_reused == resumed
        host = (name or A).rstrip(".")
        again.sendall(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host.encode())
        assert again.recv(4096).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_without_a_name_is_for_none(node, version):
    context = trusting()
    context.minimum_version = context.maximum_version = version
    session = session_of(node, context, "127.0.0.1", A)
    for name, resumed in ((None, True), (A, False)):
        sock = socket.create_connection(("127.0.0.1", node.port), 10)
        with context.wrap_socket(sock, server_hostname=name, session=session) as again:
            assert again.session_reused == resumed


@pytest.mark.parametrize("name,host,status", [
    (A, A, 200), (A, A + ".", 200), (A, A.upper() + ":443", 200), (A, A + ":80", 200),
    (A.upper() + ".", A, 200), (B, B, 200), (B, A, 200), (B, "c.example", 421), (A, B, 421),
    (None, A, 200), (None, B, 421), (None, "192.0.2.1", 200), (A, "", 200), (None, "", 200)])
def test_hosts_of_strangers(node, name, host, status):
    with TlsVisitor(node.address, trusting(), name) as v:
        assert v.get(host=host).status == status


# As nginx does it unless told otherwise, and with a name of the exit node's.
@pytest.mark.parametrize("sni", ["", "proxy_ssl_server_name on; proxy_ssl_name %s;" % A,
                                 "proxy_ssl_server_name on; proxy_ssl_name $host;"])
@pytest.mark.parametrize("trusted", [True, False])
def test_proxies_that_speak_tls(tunnel, sni, trusted):
    server = tunnel.server(*tunnel.ca().issue(A).options(),
                           *(["--trusted-proxies=127.0.0.1"] if trusted else []))
    tunnel.client(server, tunnel.upstream("hello"))
    nginx = tunnel.nginx("""location / { proxy_pass https://%s; proxy_set_header Host $host;
                                         proxy_http_version 1.1; %s }""" % (server.address, sni))
    for host in (B, B, A, B, "c.example"):
        expected = 200 if trusted or host == A or "$host" in sni else 421
        assert Visitor(nginx.address).get(host=host).status == expected


@pytest.mark.parametrize("source,status", [("127.0.0.2", 200), ("192.0.2.7", 421)])
def test_whom_a_proxy_header_names_is_trusted_or_not(tunnel, source, status):
    """A balancer that passes TLS on speaks none itself: it is not its name that was asked for."""
    server = tunnel.server(*tunnel.ca().issue(A).options(), "--accept-proxy-protocol=127.0.0.77",
                           "--trusted-proxies=127.0.0.0/8")
    tunnel.client(server, tunnel.upstream("hello"))
    sock = socket.create_connection(("127.0.0.1", server.port), 10, ("127.0.0.77", 0))
    sock.sendall(b"PROXY TCP4 %s 127.0.0.1 4711 443\r\n" % source.encode())
    with trusting().wrap_socket(sock, server_hostname=A) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % B.encode())
        assert s.recv(4096).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize("head", [
    b"GET / HTTP/1.1\r\nHost:\r\n\r\n", b"GET / HTTP/1.1\r\nHost: \r\n\r\n",
    b"GET / HTTP/1.0\r\nHost:\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"])
def test_health_checks_name_no_host(tunnel, head):
    """RFC 9112, 3.2: Host is empty then. They are for nobody's name, and so the catch-all's."""
    upstream = tunnel.upstream("healthy")
    server = tunnel.server()
    tunnel.client(server, [upstream.url, "a.example=http://127.0.0.1:1"])
    with Visitor(server.address) as v:
        v.send(head)
        assert v.read_response().body == b"healthy"
    assert one(head_of(upstream), "host") == "127.0.0.1:%d" % server.port


@pytest.mark.parametrize("said,host,fields,location", [
    # Another port than the listener's: the public one leads to it, and takes TLS as well.
    ("true", A, (), "https://%s/x?y" % A),
    ("true", A + ":8080", (), "https://%s:8080/x?y" % A),
    ("true", "[2001:db8::1]", (), "https://[2001:db8::1]/x?y"),
    ("443", A + ":8080", (), "https://%s/x?y" % A),
    ("8443", A, (), "https://%s:8443/x?y" % A),
    ("8443", "[2001:db8::1]:80", (), "https://[2001:db8::1]:8443/x?y"),
    ("true", "inner", ("X-Forwarded-Host: %s:8080" % B,), "https://%s:8080/x?y" % B),
    ("true", "inner:9000", ("X-Forwarded-Host: " + B, "X-Forwarded-Port: 80"),
     "https://%s/x?y" % B),
    ("8443", "inner", ("X-Forwarded-Host: " + B, "X-Forwarded-Port: 80"),
     "https://%s:8443/x?y" % B)])
def test_redirects_for_ports_that_are_mapped(tunnel, said, host, fields, location):
    config = tunnel.path / "server.yaml"
    config.write_text("https-redirect: %s\n" % said)
    given = {"true": "--https-redirect"}.get(said, "--https-redirect=" + said)
    for option in (given, "--config=%s" % config):
        server = tunnel.server(*tunnel.ca().issue(A).options(), option,
                               "--trusted-proxies=127.0.0.0/8", name="server" + option[2:6])
        r = Visitor(server.address).get("/x?y", host=host, fields=fields)
        assert (r.status, r.get("Location")) == (308, location)


@pytest.mark.parametrize("head", [b"OPTIONS /x HTTP/1.0\r\n\r\n", b"GET /x HTTP/1.1\r\nHost:\r\n\r\n"])
def test_redirects_of_who_names_no_host(tunnel, head):
    """HAProxy's health checks are such, and take 308 for well and 400 for dead."""
    server = tunnel.server(*tunnel.ca().issue(A).options(), "--https-redirect")
    with Visitor(server.address) as v:
        v.send(head)
        r = v.read_response()
    assert (r.status, r.get("Location")) == (308, "https://%s/x" % server.address)


@pytest.mark.regression
@pytest.mark.parametrize("kind", ["sni+tcp", "tls+tcp"])
@pytest.mark.parametrize("upgrade", [False, True])
def test_a_name_for_tls_is_not_reached_by_http(tunnel, kind, upgrade):
    """A request whose Host was a TCP service's name went there as it was: head and all, without the
    TLS that the service is published with."""
    ca = tunnel.ca()
    server = tunnel.server(*ca.issue("front.example").options())
    heard = []

    def script(conn):
        heard.append(conn.sock.recv(100))

    up = tunnel.upstream(script)
    tunnel.client(server, "db.example=%s://%s" % (kind, up.address))
    with Visitor(server.address) as v:
        r = v.get(host="db.example", fields=wire.UPGRADE if upgrade else [])
    assert r.status == 503
    assert not heard
