# SPDX-License-Identifier: MIT
"""HTTPS beside HTTP on one port, certificates by SNI, and TLS that is passed on or ended for
TCP."""

import asyncio
import contextlib
import os
import socket
import ssl
import threading
import time

import pytest
import websockets

from harness import certs
from harness.public import port_of
from harness.tls import TlsVisitor, in_pieces, records, trusting
from harness.upstream import Upstream, echo, head_of, one
from harness.visitor import Closed, Visitor

A, B = "a.example", "b.example"

@pytest.fixture
def node(tunnel, ca):
    """An exit node with two certificates, and one that says who answered behind it."""
    server = tunnel.server(*ca.issue(A, "also.example", "127.0.0.1").options(),
                           *ca.issue(B).options())
    tunnel.client(server, tunnel.upstream("hello"))
    return server


def curl(tunnel, server, url, *options, **kwargs):
    """curl, for which every name is at that server."""
    host = url.split("/")[2].split(":")[0]
    return tunnel.curl(url, "--resolve", "%s:%d:127.0.0.1" % (host, server.port), *options,
                       **kwargs)


def names_in(certificate):
    return {v for _, v in certificate["subjectAltName"]}


# HTTPS


def test_https_and_http_on_one_port(tunnel, ca, node):
    for scheme in ("https", "http", "https"):
        body = curl(tunnel, node, "%s://%s:%d/" % (scheme, A, node.port), "--cacert", ca.cert)
        assert body == b"hello"


@pytest.mark.parametrize("form", ["repeated", "directory"])
def test_certificate_by_sni(tunnel, ca, form):
    made = {A: ca.issue(A), B: ca.issue(B), "*.c.example": ca.issue("*.c.example")}
    if form == "repeated":
        options = [o for c in made.values() for o in c.options()]
    else:
        directory = tunnel.path / "certs"
        directory.mkdir(mode=0o700)
        for name, cert in made.items():
            os.rename(cert.both, directory / (name.strip("*.") + ".pem"))
        options = ["--tls-cert=%s" % directory]
    server = tunnel.server(*options)
    tunnel.client(server, tunnel.upstream("hello"))
    for name, expected in ((A, A), (B, B), ("x.c.example", "*.c.example"),
                           (B.upper(), B)):
        with TlsVisitor(server.address, ca.context(), name) as v:
            assert names_in(v.sock.getpeercert()) == {expected}
            assert v.get(host=name).body == b"hello"
    # Nobody's name gets a certificate, which its visitor will then not believe.
    with TlsVisitor(server.address, trusting(), "nobody.example"):
        pass
    if form == "repeated":  # without a name it is the first
        assert certs.serial_served(("127.0.0.1", server.port)) == made[A].serial


def test_versions_and_alpn(tunnel, ca, node):
    for version, text in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        context = ca.context(alpn=["http/1.1", "h2"])
        context.minimum_version = context.maximum_version = version
        with TlsVisitor(node.address, context, A) as v:
            assert v.sock.version() == text
            assert v.sock.selected_alpn_protocol() == "h2"
        context.set_alpn_protocols(["spdy/3", "http/1.1"])
        with TlsVisitor(node.address, context, A) as v:
            assert v.sock.selected_alpn_protocol() == "http/1.1"
            assert v.get(host=A).body == b"hello"


def test_sessions_are_resumed(tunnel, ca, node):
    context = ca.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # 1.3's tickets come later, with data
    with TlsVisitor(node.address, context, A) as v:
        v.get(host=A)
        session = v.sock.session
    sock = socket.create_connection(("127.0.0.1", node.port), 10)
    with context.wrap_socket(sock, server_hostname=A, session=session) as again:
        assert again.session_reused


def test_keep_alive_and_large_bodies(tunnel, ca):
    server = tunnel.server(*ca.issue(A).options())
    tunnel.client(server, tunnel.upstream(echo))
    body = os.urandom(1 << 16) * 32
    with TlsVisitor(server.address, ca.context(), A) as v:
        for _ in range(3):
            assert v.get("/", method="POST", host=A, body=body).body == body


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_forwarded_proto(tunnel, ca, scheme):
    upstream = tunnel.upstream()
    server = tunnel.server(*ca.issue(A).options())
    tunnel.client(server, upstream)
    curl(tunnel, server, "%s://%s:%d/" % (scheme, A, server.port), "--cacert", ca.cert,
         "-H", "X-Forwarded-Proto: gopher")
    assert one(head_of(upstream), "x-forwarded-proto") == scheme


def test_websocket_over_tls(tunnel, ca):
    """wss:// through the exit node to a ws:// upstream."""
    ready, stop = threading.Event(), []

    async def echo_frames(ws):
        async for message in ws:
            await ws.send(message)

    async def serve():
        loop = asyncio.get_running_loop()
        end = loop.create_future()
        async with websockets.serve(echo_frames, "127.0.0.1", 0, max_size=None) as s:
            stop.extend([loop, end, s.sockets[0].getsockname()[1]])
            ready.set()
            await end
    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    loop, end, port = stop
    server = tunnel.server(*ca.issue(A).options(), *ca.issue(B).options())
    tunnel.client(server, "http://127.0.0.1:%d" % port)

    async def talk(name, message):
        async with websockets.connect("wss://%s/" % name, host="127.0.0.1", port=server.port,
                                      ssl=ca.context(), server_hostname=name,
                                      max_size=None) as ws:
            await ws.send(message)
            return await ws.recv()
    try:
        for name in (A, B):
            message = os.urandom(300000)
            assert asyncio.run(talk(name, message)) == message
    finally:
        loop.call_soon_threadsafe(end.set_result, None)
        thread.join(10)


# Redirects, and hosts that do not belong together


def test_https_redirect(tunnel, ca):
    upstream = tunnel.upstream("secret")
    server = tunnel.server("--https-redirect", *ca.issue(A).options())
    tunnel.client("wss://127.0.0.1:%d" % server.port, upstream)
    for method, body in (("GET", None), ("POST", b"x")):
        r = Visitor(server.address).get("/path?q=1&b", method=method, host="%s:%d" % (
            A, server.port), body=body)
        assert r.status == 308
        assert r.get("Location") == "https://%s:%d/path?q=1&b" % (A, server.port)
    assert not upstream.connections
    body = curl(tunnel, server, "http://%s:%d/" % (A, server.port), "-L", "--cacert", ca.cert)
    assert body == b"secret"
    # A Host that could be anything is not sent back as it came.
    r = Visitor(server.address).get("//evil.example/", host=A)
    assert r.status == 308 and r.get("Location").startswith("https://%s" % A)


def test_421_for_a_host_of_another_certificate(tunnel, ca, node):
    with TlsVisitor(node.address, ca.context(), A) as v:
        assert v.get(host="also.example").body == b"hello"  # the certificate covers it
        assert v.get(host="%s:%d" % (A, node.port)).body == b"hello"
        assert v.get(host=B).status == 421
    with Visitor(node.address) as v:
        assert v.get(host="nobody.example").status == 200  # plain text has no certificate


# Pass-through


class Inside(Upstream):
    """Speaks TLS itself, and says who it is and what it was told."""

    def __init__(self, name, ca):
        cert = ca.issue(name)
        self.name = name
        super().__init__(self._answer, tls=cert.server_context())

    def _answer(self, conn):
        line = conn.read_until(b"\n")
        if line:
            conn.send(self.name.encode() + b" heard " + line)


@pytest.fixture
def passing(tunnel, ca):
    """(exit node, client): three services that share its port, beside HTTP and HTTPS."""
    own = tunnel.ca("Their CA")
    insides = [tunnel.stage.add(Inside("%s.pass.example" % n, own)) for n in "xyz"]
    server = tunnel.server(*ca.issue(A).options())
    web = tunnel.upstream("web")
    tunnel.client(server, [web.url] + ["%s=sni+tcp://%s" % (i.name, i.address) for i in insides])
    server.own = own
    server.insides = insides
    return server


def test_many_services_by_sni(tunnel, ca, passing):
    for inside in passing.insides:
        with TlsVisitor(passing.address, passing.own.context(), inside.name) as v:
            v.send(b"hello\n")
            assert v.read_to_end() == inside.name.encode() + b" heard hello\n"
    body = curl(tunnel, passing, "https://%s:%d/" % (A, passing.port), "--cacert", ca.cert)
    assert body == b"web"
    assert Visitor(passing.address).get().body == b"web"


@pytest.mark.parametrize("cut", [
    pytest.param(lambda d: [d[i:i + 1] for i in range(len(d))], id="bytes"),
    pytest.param(lambda d: [d[:5], d[5:]], id="behind the record's head"),
    pytest.param(lambda d: [d[:3], d[3:60], d[60:]], id="inside both"),
    pytest.param(lambda d: records(d, 48), id="in several records"),
    pytest.param(lambda d: [b for r in records(d, 20) for b in (r[:7], r[7:])], id="both"),
])
def test_client_hello_in_pieces(passing, cut):
    inside = passing.insides[1]
    got = in_pieces(passing.address, inside.name, passing.own.context(), cut, b"hi\n",
                    every=0.001)
    assert got == inside.name.encode() + b" heard hi\n"


def test_names_are_canonical(passing):
    inside = passing.insides[0]
    context = trusting()
    with TlsVisitor(passing.address, context, inside.name.upper()) as v:
        assert v.send(b"x\n").read_to_end().startswith(inside.name.encode())


def test_name_that_nobody_publishes(passing):
    """It is the exit node's: its own certificate, which says what the visitor has to know."""
    with pytest.raises((ssl.SSLError, ConnectionError)):
        TlsVisitor(passing.address, passing.own.context(), "nobody.pass.example")


def test_names_of_our_certificates_are_passed_to_nobody(tunnel, ca):
    """Rule 30: a wildcard that was granted beside such a name does not cover it."""
    inside = tunnel.stage.add(Inside("x.pass.example", ca))
    server = tunnel.server(*ca.issue("www.pass.example").options())
    tunnel.client(server, "*.pass.example=sni+tcp://" + inside.address)
    with TlsVisitor(server.address, ca.context(), "www.pass.example") as v:
        v.send(b"GET / HTTP/1.1\r\nHost: www.pass.example\r\nConnection: close\r\n\r\n")
        assert v.read_to_end().startswith(b"HTTP/1.1 503 ")
    with TlsVisitor(server.address, ca.context(), inside.name) as v:
        assert v.send(b"x\n").read_to_end() == inside.name.encode() + b" heard x\n"


def test_both_ends_of_a_passed_connection(tunnel, ca):
    """Bytes and ends are TCP's: nothing is added, half-close works."""
    data = os.urandom(1 << 16) * 16
    heard = []

    def script(conn):
        heard.append(conn.read_to_end())
        conn.send(data)
    upstream = tunnel.upstream(script)
    server = tunnel.server(*ca.issue(A).options())
    tunnel.client(server, "raw.example=sni+tcp://" + upstream.address)
    out = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        ca.context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="raw.example").do_handshake()
    hello = out.read()
    v = Visitor(server.address)
    v.send(hello).send(data).finish()
    assert v.read_to_end() == data
    assert heard == [hello + data]


# TLS that ends at the exit node, in front of a TCP service


def line_echo(conn):
    while True:
        line = conn.read_until(b"\n")
        if line is None:
            return
        conn.send(line.upper())


@pytest.mark.parametrize("by", ["port", "name"])
def test_tls_is_ended_for_a_tcp_service(tunnel, ca, by):
    upstream = tunnel.upstream(line_echo)
    server = tunnel.server(*ca.issue(A, "db.example").options())
    key = "0" if by == "port" else "db.example"
    client = tunnel.client(server, "%s=tls+tcp://%s" % (key, upstream.address))
    port = port_of(client) if by == "port" else server.port
    with TlsVisitor(("127.0.0.1", port), ca.context(), "db.example") as v:
        assert v.send(b"select\n").read(7) == b"SELECT\n"
        big = os.urandom(1 << 18).replace(b"\n", b"x") + b"\n"
        assert v.send(big).read(len(big)) == big.upper()
    upstream.wait_received(b"select\n")


def test_plain_text_on_a_port_that_wants_tls(tunnel, ca):
    upstream = tunnel.upstream(line_echo)
    server = tunnel.server(*ca.issue(A).options())
    client = tunnel.client(server, "0=tls+tcp://" + upstream.address)
    address = ("127.0.0.1", port_of(client))
    v = Visitor(address)
    v.send(b"select\n" * 10)
    assert v.ended()
    with TlsVisitor(address, ca.context(), A) as v:
        assert v.send(b"still\n").read(6) == b"STILL\n"
    assert b"select" not in upstream.received()


def test_end_and_reset_behind_ended_tls(tunnel, ca):
    """The upstream's end is close_notify; its reset must not look like one."""
    def script(conn):
        if conn.read_until(b"\n") == b"end\n":
            conn.send(b"bye")
        else:
            conn.send(b"half")
            conn.pause(0.2)
            conn.reset()
    server = tunnel.server(*ca.issue(A).options())
    client = tunnel.client(server, "0=tls+tcp://" + tunnel.upstream(script).address)
    address = ("127.0.0.1", port_of(client))
    with TlsVisitor(address, ca.context(), A) as v:
        assert v.send(b"end\n").read_to_end() == b"bye"
    v = TlsVisitor(address, ca.context(), A)
    assert v.send(b"reset\n").read(4) == b"half"
    with pytest.raises((ssl.SSLError, Closed, ConnectionError)) as e:
        v.read_to_end()
    assert not isinstance(e.value, Closed) or e.value.reset


def test_tls_service_without_a_certificate_is_refused(tunnel):
    server = tunnel.server()
    client = tunnel.client(server, "0=tls+tcp://127.0.0.1:9", wait=False)
    client.log_contains("certificate")
    assert "is published at" not in client.log()


# Strangers


GARBAGE = {
    "a record of nothing": b"\x16\x03\x01\x00\x00",
    "a record too long": b"\x16\x03\x01\xff\xff" + b"x" * 70000,
    "random bytes": b"\x16" + os.urandom(5000),
    "a handshake that is none": b"\x16\x03\x01\x00\x05\xff\x00\x00\x01x",
    "an endless hello": b"\x16\x03\x01\x40\x00\x01\xff\xff\xff" + b"\0" * 16380,
    "SSLv2": b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10" + b"\0" * 40,
    "half a hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_harms_nobody(tunnel, ca, passing, what):
    with TlsVisitor(passing.address, ca.context(), A) as kept:
        assert kept.get(host=A).body == b"web"
        strangers = [tunnel.visitor(passing) for _ in range(20)]
        for v in strangers:
            with contextlib.suppress(OSError):
                v.send(GARBAGE[what])
        if what != "half a hello":
            for v in strangers:
                assert v.ended()
        assert kept.get(host=A).body == b"web"
        assert Visitor(passing.address).get().body == b"web"
        with TlsVisitor(passing.address, passing.own.context(),
                        passing.insides[0].name) as v:
            assert v.send(b"x\n").read_to_end().endswith(b" heard x\n")
    assert passing.alive()


def test_half_a_hello_is_not_waited_for_forever(tunnel, ca):
    server = tunnel.server("--tls-handshake-timeout=500ms", *ca.issue(A).options())
    v = tunnel.visitor(server)
    v.send(GARBAGE["half a hello"])
    began = time.monotonic()
    assert v.ended()
    assert time.monotonic() - began < 5
