"""Attacks on what carries more than HTTP: TLS, names, ports, several workers; each once worked."""

import base64
import ctypes
import hashlib
import os
import socket
import ssl

import pytest

from harness import wire
from harness.mitm import take_message
from harness.noise import MAGIC, Handshake, Link, control, proof, sodium, token_key
from harness.programs import TOKEN
from harness.upstream import fields_of
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


class ExitNode:
    """The server's end of one link, which may then say what it likes."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]

    def accept(self):
        self.listener.settimeout(10)
        self.sock, _ = self.listener.accept()
        self.sock.settimeout(10)
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.sock.recv(4096)
        key = [line.split()[1] for line in head.split(b"\r\n")
               if line.lower().startswith(b"sec-websocket-key:")][0]
        answer = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        salt = os.urandom(16)
        hello = MAGIC + bytes([1, 1]) + os.urandom(32) + salt
        self.sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          b"Connection: Upgrade\r\nSec-WebSocket-Protocol: tunnel.v1\r\n"
                          b"Sec-WebSocket-Accept: " + base64.b64encode(answer) + b"\r\n\r\n" +
                          wire.frame(hello, mask=False))
        first = self.read_message()
        psk, _ = token_key(TOKEN, salt)
        handshake = Handshake(b"tunnel.v1" + hello + first[:9], psk)
        payload, peer = handshake.read(first[9:], False)
        assert payload is not None
        public = ctypes.create_string_buffer(32)
        sodium.crypto_scalarmult_base(public, handshake.private)
        second = handshake.write(proof() + bytes([0, 1]), peer)
        self.sock.sendall(wire.frame(b"\x01" + second, mask=False))
        _, self.out = handshake.split()
        self.send(control(type="hello", version="0", instance=os.urandom(16).hex(),
                          base_window=65536, max_streams=1000))
        return self

    def read_message(self):
        data = b""
        while take_message(data) is None:
            data += self.sock.recv(4096)
        whole, at = take_message(data)
        mask = whole[at - 4:at]
        return bytes(b ^ mask[i % 4] for i, b in enumerate(whole[at:]))

    def send(self, frames):
        self.sock.sendall(wire.frame(self.out.seal(frames), mask=False))

    def stop(self):
        self.listener.close()
        self.sock.close()


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
