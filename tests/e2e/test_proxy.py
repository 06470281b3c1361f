# SPDX-License-Identifier: MIT
"""The client through an HTTP proxy: CONNECT, Basic, and curl's rules for when."""

import base64
import pathlib
import socket
import threading

import pytest

from harness.mitm import DOWN, UP, Mitm, Pair
from harness.visitor import split
from harness.wait import quiet_for, wait_until


class Proxy(Mitm):
    """An HTTP proxy that knows CONNECT and nothing else."""

    def __init__(self, authorization=None, answer=None, fields=b""):
        self.authorization = authorization
        self.answer = answer
        self.fields = fields  # of the 200
        self.requests = []
        super().__init__(None)

    def _accept(self):
        while True:
            try:
                client, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(4096)
            if not data:
                return
            head += data
        self.requests.append(head.decode("latin-1"))
        if self.answer is not None:
            client.sendall(self.answer)
            client.close()
            return
        if self.authorization and "\r\nproxy-authorization: basic %s\r\n" % \
                base64.b64encode(self.authorization.encode()).decode().lower() not in \
                head.decode("latin-1").lower():
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                           b"Proxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n")
            client.close()
            return
        target = head.split(b" ")[1].decode()
        if split(target)[0].endswith(".example"):
            target = "127.0.0.1:%d" % split(target)[1]
        client.sendall(b"HTTP/1.1 200 Connection established\r\n" + self.fields + b"\r\n")
        server = socket.create_connection(split(target), 5)
        server.settimeout(None)
        pair = Pair(len(self.pairs), client, server)
        self.pairs.append(pair)
        for direction in (UP, DOWN):
            threading.Thread(target=self._pump, args=(pair, direction), daemon=True).start()


@pytest.fixture
def proxy(tunnel):
    return lambda **kwargs: tunnel.stage.add(Proxy(**kwargs))


def test_option(tunnel, proxy):
    p = proxy(authorization="user:pass word")
    server = tunnel.server()
    client = tunnel.client(server, tunnel.upstream("ok"),
                           "--proxy=http://user:pass%%20word@%s" % p.address)
    assert tunnel.visitor(server).get().body == b"ok"
    assert p.requests[0].startswith("CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % server.port)
    assert "\r\nHost: 127.0.0.1:%d\r\n" % server.port in p.requests[0]
    assert "pass" not in client.log()
    assert b"pass" not in pathlib.Path("/proc/%d/cmdline" % client.pid).read_bytes()


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
def test_environment(tunnel, proxy, name):
    """Names are left to the proxy: the client's machine may not resolve them."""
    p = proxy()
    server = tunnel.server()
    env = dict(tunnel.env, **{name: "http://" + p.address})
    tunnel.client("exit-node.example:%d" % server.port, tunnel.upstream("ok"), env=env)
    assert tunnel.visitor(server).get().body == b"ok"
    assert p.requests[0].startswith("CONNECT exit-node.example:")


def test_loopback_needs_no_proxy(tunnel, proxy):
    p = proxy()
    server = tunnel.server()
    env = dict(tunnel.env, https_proxy="http://" + p.address)
    tunnel.client(server, tunnel.upstream("ok"), env=env)
    assert tunnel.visitor(server).get().body == b"ok"
    assert not p.requests


@pytest.mark.parametrize("value,through", [
    ("*", False), ("exit-node.example", False), (".example", False), ("example", False),
    ("other.example, exit-node.example", False),
    ("node.example", True), ("exit-node.example.org", True), ("", True),
])
def test_no_proxy(tunnel, proxy, value, through):
    p = proxy()
    env = dict(tunnel.env, https_proxy="http://" + p.address, no_proxy=value)
    server = tunnel.server()
    tunnel.client("exit-node.example:%d" % server.port, tunnel.upstream(), env=env, wait=False)
    if through:
        wait_until(lambda: p.requests, "a request at the proxy")
    else:
        quiet_for(0.7, lambda: p.requests, "a request at the proxy")


def test_none_ends_all_of_it(tunnel, proxy):
    p = proxy()
    env = dict(tunnel.env, all_proxy="http://" + p.address)
    tunnel.client("exit-node.example:1", tunnel.upstream(), "--proxy=none", env=env, wait=False)
    quiet_for(0.7, lambda: p.requests, "a request at the proxy")


class FirstRequest(Proxy):
    """Says yes to CONNECT, and keeps the request that follows, over TLS with a certificate."""

    def __init__(self, cert=None):
        self.asked = []
        self.tls = cert.server_context() if cert else None
        super().__init__()

    def _connect(self, client):
        self.requests.append(client.recv(4096).decode("latin-1"))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        if self.tls:
            client = self.tls.wrap_socket(client, server_side=True)
        self.asked.append(client.recv(4096).decode("latin-1"))
        client.close()


@pytest.mark.parametrize("remote,connect,host", [
    ("ws://exit.example", "exit.example:80", "exit.example"),
    ("ws://exit.example.:80", "exit.example.:80", "exit.example"),
    ("ws://[2001:db8::1]", "[2001:db8::1]:80", "[2001:db8::1]"),
    ("ws://exit.example:443", "exit.example:443", "exit.example:443"),
    ("wss://exit.example", "exit.example:443", "exit.example"),
    ("wss://exit.example:80", "exit.example:80", "exit.example:80"),
])
def test_host_of_the_link_request(tunnel, remote, connect, host):
    """Balancers compare Host with names as it stands: no port that the scheme stands for (RFC
    6455, 4.1). CONNECT always names one (RFC 9110, 9.3.6)."""
    ca = tunnel.ca()
    tls = remote.startswith("wss")
    p = tunnel.stage.add(FirstRequest(ca.issue("exit.example") if tls else None))
    tunnel.client(remote, tunnel.upstream(), "--proxy=http://" + p.address,
                  *(["--tls-ca=" + ca.cert] if tls else []), wait=False)
    wait_until(lambda: p.asked, "the link request")
    assert p.requests[0].startswith("CONNECT %s HTTP/1.1\r\n" % connect)
    assert "\r\nHost: %s\r\n" % host in p.asked[0]


def test_wrong_password_is_said_and_tried_again(tunnel, proxy):
    p = proxy(authorization="user:right")
    server = tunnel.server()
    client = tunnel.client(server, tunnel.upstream(), "--proxy=http://user:wrong@" + p.address,
                           wait=False)
    client.log_contains("407")
    assert client.alive() and "wrong" not in client.log()


@pytest.mark.parametrize("fields", [
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\nContent-Length: 6\r\nConnection: Content-Length\r\n",
], ids=["coding", "both", "lengths"])
def test_what_frames_nothing_in_a_proxys_200(tunnel, proxy, fields):
    """RFC 9110, 9.3.6: what stands there about a body means nothing."""
    p = proxy(fields=fields)
    server = tunnel.server()
    tunnel.client(server, tunnel.upstream(), "--proxy=http://" + p.address)
    assert p.requests and tunnel.visitor(server).get().status == 200


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20000,
    b"",
])
def test_odd_proxies(tunnel, proxy, answer):
    p = proxy(answer=answer)
    server = tunnel.server()
    client = tunnel.client(server, tunnel.upstream(), "--proxy=http://" + p.address, wait=False)
    wait_until(lambda: len(p.requests) >= 2, "a second try")
    assert client.alive()


def test_bad_proxy_is_wrong_usage(tunnel):
    status, _, err = tunnel.run("client", "--remote=a:1", "--upstream=http://a", "--token=" + "x" * 20,
                                "--proxy=socks4://user:secret@host:1")
    assert status == 2 and "proxy" in err and "secret" not in err
