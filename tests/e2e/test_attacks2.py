"""Attacks on what carries more than HTTP: TLS, names, ports, several workers; each once worked."""

import socket
import ssl

import pytest

from house.upstream import fields_of
from house.tls import trusting
from house.visitor import Visitor


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
    fields = ["Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="] if upgrade else []
    with Visitor(server.address) as v:
        r = v.get(host="db.example", fields=fields)
    assert r.status == 503
    assert not heard


def client_hello():
    """The first flight of a handshake that goes no further."""
    out = ssl.MemoryBIO()
    tls = trusting().wrap_bio(ssl.MemoryBIO(), out, server_hostname="a.example")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return out.read()


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
        visits.append((sock, source))
    answers = []
    for sock, source in visits:
        try:
            answers.append(sock.recv(1) == b"\x16")
        except ConnectionResetError:
            answers.append(False)
    # Two of the first one's, whichever came to their workers first, and the other visitor's.
    assert sorted(answers[:3]) == [False, True, True] and answers[3]
    for sock, _ in visits:
        sock.close()
