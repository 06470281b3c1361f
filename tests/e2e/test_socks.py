# SPDX-License-Identifier: MIT
"""The client through a SOCKS 5 proxy: by option and environment, names looked up here or there."""

import contextlib
import socket
import struct
import threading

import pytest

from harness.mitm import DOWN, UP, Mitm, Pair
from harness.visitor import split
from harness.wait import wait_until


class Socks(Mitm):
    """A SOCKS 5 proxy (RFC 1928, 1929). `answers` replaces what it says at a step: "method",
    "login", "reply"; `pieces` says everything byte by byte."""

    def __init__(self, login=None, pieces=False, **answers):
        self.login = login
        self.pieces = pieces
        self.answers = answers
        self.asked = []  # targets, as they were said: "name:port" or "address:port"
        self.accepted = 0
        super().__init__(None)

    def _accept(self):
        while True:
            try:
                client, _ = self.sock.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _say(self, client, step, data):
        data = self.answers.get(step, data)
        if data is None:
            client.close()
            raise OSError("hung up")
        for i in range(0, len(data), 1 if self.pieces else len(data)):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(data[i:] if not self.pieces else data[i:i + 1])

    def _serve(self, client):
        # The client may leave whenever it does not like an answer.
        with contextlib.suppress(OSError, IndexError, struct.error):
            self._converse(client)

    def _converse(self, client):
        def read(n):
            data = client.recv(n, socket.MSG_WAITALL)
            if len(data) < n:
                raise OSError("left")
            return data
        methods = read(read(2)[1])
        self._say(client, "method", b"\5\2" if self.login and 2 in methods else
                  b"\5\xff" if self.login else b"\5\0")
        if self.login:
            user = read(read(2)[1])
            password = read(read(1)[0])
            good = (user + b":" + password).decode() == self.login
            self._say(client, "login", b"\1\0" if good else b"\1\1")
        kind = read(4)[3]
        host = socket.inet_ntoa(read(4)) if kind == 1 else \
            read(read(1)[0]).decode() if kind == 3 else \
            "[%s]" % socket.inet_ntop(socket.AF_INET6, read(16))
        target = "%s:%d" % (host, struct.unpack(">H", read(2))[0])
        self.asked.append(target)
        if host.endswith(".example"):
            target = "127.0.0.1:%d" % split(target)[1]
        server = socket.create_connection(split(target), 5)
        server.settimeout(None)
        self._say(client, "reply", b"\5\0\0\1" + bytes(6))
        pair = Pair(len(self.pairs), client, server)
        self.pairs.append(pair)
        for direction in (UP, DOWN):
            threading.Thread(target=self._pump, args=(pair, direction), daemon=True).start()


@pytest.fixture
def socks(tunnel):
    return lambda **kwargs: tunnel.stage.add(Socks(**kwargs))


@pytest.mark.parametrize("pieces", [False, True])
@pytest.mark.parametrize("login", [None, "user:pass:word"])
def test_option(tunnel, socks, login, pieces):
    p = socks(login=login, pieces=pieces)
    server = tunnel.server()
    who = "user:pass%3aword@" if login else ""
    client = tunnel.client("exit-node.example:%d" % server.port, tunnel.upstream("ok"),
                           "--proxy=socks5h://%s%s" % (who, p.address))
    assert tunnel.visitor(server).get().body == b"ok"
    assert p.asked == ["exit-node.example:%d" % server.port]
    assert "pass" not in client.log()


def test_names_are_looked_up_here_for_socks5(tunnel, socks):
    p = socks()
    server = tunnel.server()
    tunnel.client("localhost:%d" % server.port, tunnel.upstream("ok"),
                  "--proxy=socks5://" + p.address)
    assert tunnel.visitor(server).get().body == b"ok"
    # ::1 has nobody; then the other address of the name is asked for.
    assert p.asked[-1] == "127.0.0.1:%d" % server.port
    assert not any("localhost" in a for a in p.asked)


def test_tls_goes_through(tunnel, socks):
    p = socks()
    server = tunnel.server("--auto-tls")
    tunnel.client("wss://exit-node.example:%d" % server.port, tunnel.upstream("ok"),
                  "--proxy=socks5h://" + p.address)
    assert tunnel.visitor(server).get().body == b"ok"
    assert p.asked == ["exit-node.example:%d" % server.port]


@pytest.mark.parametrize("name,scheme", [
    ("all_proxy", "socks5h"), ("ALL_PROXY", "socks"), ("https_proxy", "socks5h"),
    ("HTTPS_PROXY", "socks5h"), ("http_proxy", "socks5h"), ("HTTP_PROXY", "socks5h")])
def test_environment(tunnel, socks, name, scheme):
    p = socks()
    server = tunnel.server()
    env = dict(tunnel.env, **{name: "%s://%s/" % (scheme, p.address)})
    tunnel.client("exit-node.example:%d" % server.port, tunnel.upstream("ok"), env=env)
    assert tunnel.visitor(server).get().body == b"ok"
    assert p.asked == ["exit-node.example:%d" % server.port]


def test_no_proxy(tunnel, socks):
    p = socks()
    server = tunnel.server()
    env = dict(tunnel.env, all_proxy="socks5h://" + p.address, no_proxy="127.0.0.0/8")
    tunnel.client(server, tunnel.upstream("ok"), env=env)
    assert tunnel.visitor(server).get().body == b"ok"
    assert not p.accepted


@pytest.mark.parametrize("answers,says", [
    ({"login": "u:p"}, "wants a user name and a password"),
    ({"method": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, "does not speak SOCKS 5"),
    ({"method": b"\0\x5b\0\0\0\0\0\0"}, "does not speak SOCKS 5"),
    ({"method": None}, "ended the connection without an answer"),
    ({"method": b"\5\0\5\0\0\1\0\0\0\0\0\0"}, "answers what is not SOCKS 5"),
    ({"reply": b"\5\1\0\1\0\0\0\0\0\0"}, "(1): it failed"),
    ({"reply": b"\5\2\0\1\0\0\0\0\0\0"}, "(2): its rules do not allow"),
    ({"reply": b"\5\3\0\1\0\0\0\0\0\0"}, "(3): the network cannot be reached"),
    ({"reply": b"\5\4\0\1\0\0\0\0\0\0"}, "(4): the host cannot be reached"),
    ({"reply": b"\5\5\0\1\0\0\0\0\0\0"}, "(5): the connection was refused"),
    ({"reply": b"\5\x63"}, "(99): it gives a reason that is not known"),
    ({"reply": b"\5\0\0\1\0\0\0\0\0\0more"}, "answers what is not SOCKS 5"),
    ({"reply": None}, "ended the connection without an answer"),
])
def test_a_proxy_that_does_not_connect(tunnel, socks, answers, says):
    p = socks(**answers)
    server = tunnel.server()
    client = tunnel.client("exit-node.example:%d" % server.port, "http://127.0.0.1:1",
                           "--proxy=socks5h://" + p.address, wait=False)
    client.log_contains(says)
    client.log_contains("cannot connect to exit-node.example")
    client.log_contains(p.address)
    wait_until(lambda: p.accepted > 1, "the next attempt")


def test_a_wrong_login(tunnel, socks):
    p = socks(login="user:right")
    client = tunnel.client("exit-node.example:1", "http://127.0.0.1:1",
                           "--proxy=socks5h://user:wrong@" + p.address, wait=False)
    client.log_contains("does not take the user name and password")
    assert "wrong" not in client.log()


@pytest.mark.parametrize("url", ["socks4://127.0.0.1:1", "ftp://127.0.0.1:1", "https://127.0.0.1:1"])
def test_other_schemes(tunnel, url):
    """An option is wrong usage; a variable of the machine's is a reason not to go on."""
    options = ["client", "--remote=192.0.2.1:9", "--upstream=http://127.0.0.1:1", "--token=t" * 9]
    status, _, stderr = tunnel.run(*options, "--proxy=" + url)
    assert status == 2 and "there are http, socks5" in stderr
    status, _, stderr = tunnel.run(*options, env=dict(tunnel.env, all_proxy=url))
    assert status == 1 and "all_proxy" in stderr and "there are http, socks5" in stderr
