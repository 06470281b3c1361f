# SPDX-License-Identifier: MIT
"""Upstreams that speak TLS: what is believed, which name they are asked for, and how they end."""

import os
import socket

import pytest

from harness import certs, wire
from harness.tls import TlsVisitor
from harness.upstream import echo, fields_of, head_of, one
from harness.visitor import Closed

A = "a.example"

# What the client says of a certificate.
UNKNOWN_CA = "vouches for its certificate"
EXPIRED = "certificate ended on"
WRONG_NAME = "certificate is for"


@pytest.fixture
def inner(tunnel, ca):
    """An https upstream with that certificate, which notes the SNI it was asked for."""
    def make(cert, script=None):
        context = cert.server_context(alpn=["http/1.1"])
        upstream = tunnel.upstream(script, tls=context)
        upstream.names = []

        def note(_sock, name, _context):
            upstream.names.append(name)
        context.sni_callback = note
        upstream.local = upstream.url.replace("127.0.0.1", "localhost")
        return upstream
    return make


def test_https_upstream_is_verified(tunnel, ca, inner):
    upstream = inner(ca.issue("localhost"), echo)
    server = tunnel.server()
    client = tunnel.client(server, upstream.local, "--upstream-ca=" + ca.cert)
    body = os.urandom(1 << 20)
    assert tunnel.visitor(server).get("/", method="POST", body=body).body == body
    assert upstream.names[0] == "localhost"
    head = head_of(upstream)
    assert one(head, "x-forwarded-proto") == "http"
    assert " warn" not in client.log()


def test_https_upstream_by_the_systems_cas(tunnel, ca, inner):
    upstream = inner(ca.issue("127.0.0.1"))
    server = tunnel.server()
    tunnel.client(server, upstream, env=dict(tunnel.env, SSL_CERT_FILE=ca.cert))
    assert tunnel.visitor(server).get().status == 200
    assert upstream.names[0] is None  # an address is no name


@pytest.mark.parametrize("wrong,sentence", [
    ("expired", EXPIRED), ("wrong name", WRONG_NAME), ("unknown CA", UNKNOWN_CA),
    ("self-signed", UNKNOWN_CA),
])
def test_https_upstream_is_not_believed(tunnel, ca, inner, wrong, sentence):
    cert = {
        "expired": lambda: ca.issue("127.0.0.1", days=-3),
        "wrong name": lambda: ca.issue("elsewhere.example"),
        "unknown CA": lambda: tunnel.ca("Other CA").issue("127.0.0.1"),
        "self-signed": lambda: certs.self_signed(tunnel.path, "127.0.0.1"),
    }[wrong]()
    upstream = inner(cert)
    server = tunnel.server()
    client = tunnel.client(server, upstream, "--upstream-ca=" + ca.cert)
    assert tunnel.visitor(server).get().status == 502
    client.log_contains(sentence)
    assert (wrong == "wrong name") == ("name one of them with --upstream-host" in client.log())
    assert (wrong in ("unknown CA", "self-signed")) == ("see --upstream-ca" in client.log())
    assert not [s for s in {EXPIRED, WRONG_NAME, UNKNOWN_CA} - {sentence}
                if s in client.log()]
    assert b"GET" not in upstream.received()
    # The same with the check left out.
    again = tunnel.server()
    tunnel.client(again, upstream, "--upstream-insecure")
    assert tunnel.visitor(again).get().status == 200


def test_upstream_host_is_name_and_host(tunnel, ca, inner):
    upstream = inner(ca.issue("inner.example"))
    server = tunnel.server()
    tunnel.client(server, upstream, "--upstream-ca=" + ca.cert, "--upstream-host=inner.example")
    assert tunnel.visitor(server).get(host="outer.example").status == 200
    assert upstream.names[0] == "inner.example"
    head = head_of(upstream)
    assert one(head, "host").split(":")[0] == "inner.example"
    assert one(head, "x-forwarded-host") == "outer.example"


def test_options_belong_to_the_upstream_before_them(tunnel, ca, inner):
    good, bad = inner(ca.issue("127.0.0.1")), inner(certs.self_signed(tunnel.path, "x.example"))
    server = tunnel.server()
    tunnel.client(server, [], "--upstream", "good.example=" + good.url, "--upstream-ca", ca.cert,
                  "--upstream", "bad.example=" + bad.url, "--upstream-insecure",
                  "--upstream", "not.example=" + bad.url, services=3)
    for host, status in (("good.example", 200), ("bad.example", 200), ("not.example", 502)):
        assert tunnel.visitor(server).get(host=host).status == status


def test_host_of_an_http_upstream(tunnel):
    """Not only https: a virtual host behind another name."""
    upstream = tunnel.upstream()
    server = tunnel.server()
    tunnel.client(server, upstream, "--upstream-host=inner.example")
    assert tunnel.visitor(server).get(host="outer.example").status == 200
    assert one(head_of(upstream), "host") == "inner.example"


def test_https_upstream_is_kept(tunnel, ca, inner):
    upstream = inner(ca.issue("127.0.0.1"))
    server = tunnel.server()
    tunnel.client(server, upstream, "--upstream-ca=" + ca.cert)
    v = tunnel.visitor(server)
    for _ in range(5):
        assert v.get().status == 200
    assert len(upstream.connections) == 1


def test_websocket_to_an_https_upstream(tunnel, ca, inner):
    def script(conn):
        head = conn.read_head()
        assert ("upgrade", "websocket") in [(n, v.lower()) for n, v in fields_of(
            head.decode().split("\r\n"))]
        conn.send(wire.SWITCHING)
        while True:
            data = conn.read(4)
            if data is None:
                return
            conn.send(data[::-1])
    server = tunnel.server(*ca.issue(A).options())
    tunnel.client(server, inner(ca.issue("127.0.0.1"), script), "--upstream-ca=" + ca.cert)
    with TlsVisitor(server.address, ca.context(), A) as v:
        v.request(host=A, fields=wire.UPGRADE)
        assert v.read_response().status == 101
        assert v.send(b"abcd").read(4) == b"dcba"


def test_close_without_close_notify_is_no_end(tunnel, ca, inner):
    """Whoever cuts the line must not be able to shorten a body that ends with its connection."""
    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.0 200 OK\r\n\r\nhalf of it")
        conn.pause(0.1)
        plain = socket.socket(fileno=conn.sock.detach())
        plain.shutdown(socket.SHUT_RDWR)
        plain.close()
    server = tunnel.server()
    tunnel.client(server, inner(ca.issue("127.0.0.1"), script), "--upstream-ca=" + ca.cert)
    with pytest.raises(Closed):
        v = tunnel.visitor(server)
        v.request()
        r = v.read_response()
        assert r.end == "close", "it was given a length"
        raise AssertionError("half a body passed for a whole one: %r" % r.body)
