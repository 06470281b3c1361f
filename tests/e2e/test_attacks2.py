"""Attacks on what carries more than HTTP: TLS, names, ports, several workers; each once worked."""

import socket
import ssl

import pytest

from harness import wire
from harness.exit_node import ExitNode
from harness.noise import Link, control
from harness.programs import TOKEN
from harness.tls import trusting
from harness.visitor import Visitor


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


def test_an_exit_node_cannot_fill_the_clients_log(tunnel):
    """Each of its notices was a line."""
    node = tunnel.stage.add(ExitNode())
    client = tunnel.client(node.address, "http://127.0.0.1:1", wait=False)
    node.accept()
    for _ in range(20):
        node.send(b"".join(control(type="notice", sentence="again") for _ in range(500)))
    node.send(control(type="granted", service=1, address="http://done/"))
    client.log_contains("published at http://done/")
    assert 1 <= client.log().count("the exit node says: again") <= 64 + 10


def test_an_exit_node_that_grants_and_refuses_by_turns_fills_no_log(tunnel):
    """Each answer that differed from the one before was a line of a kilobyte."""
    node = tunnel.stage.add(ExitNode())
    client = tunnel.client(node.address, "http://127.0.0.1:1", wait=False)
    node.accept()
    for i in range(1000):
        node.send(control(type="granted", service=1, address="http://x%d/" % i) +
                  control(type="refused", service=1, reason="taken", sentence="y" * 1000))
    node.send(control(type="notice", sentence="that was all"))
    client.log_contains("that was all")
    assert 1 <= client.log().count("published at http://x") <= 20
    assert len(client.log()) < 30000


def test_control_messages_are_limited(tunnel):
    """What a peer can say in a second is parsed in a few milliseconds; who says more is gone."""
    server = tunnel.server()
    with Link(server.address) as link:
        link.up(TOKEN)
        link.publish(host="a.example")
        long = control(type="later", x="y" * 60000)
        with pytest.raises(OSError):
            for _ in range(2000):
                link.send(long)
        server.log_contains("more control messages than it may send")


def test_what_changes_the_order_of_text_is_escaped(tunnel):
    """A right-to-left override in a line makes people read another one."""
    hidden = "\u202e\u2066\u200f\u061c\u2028\ufeff"
    node = tunnel.stage.add(ExitNode())
    client = tunnel.client(node.address, "http://127.0.0.1:1", wait=False)
    node.accept()
    node.send(control(type="notice", sentence="<" + hidden + ">"))
    client.log_contains("the exit node says: <")
    assert "<" + "".join("\\x%02x" % b for b in hidden.encode()) + ">" in client.log()
    server = tunnel.server("--log-format=json")
    with tunnel.visitor(server) as v:
        v.send(("GET /<%s> HTTP/1.1\r\nHost: a.example\r\n\r\n" % hidden).encode())
        v.read_response()
    server.log_contains('"log":"access"')
    assert not any(c in server.log() for c in hidden)
