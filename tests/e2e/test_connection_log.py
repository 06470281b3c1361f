# SPDX-License-Identifier: MIT
"""Lines about one connection have one number, connection=N, whatever writes them and in whatever form."""

import contextlib
import json
import re
import socket

import pytest

from harness.consumer import consume, provide
from harness.http2 import AUTHORITY, Http2Visitor
from harness.public import free_port, port_of
from harness.udp import UdpUpstream
from harness.visitor import Closed, Visitor
from harness.wait import wait_until

NUMBER = re.compile(r"\bconnection=(\d+)\b")


def lines(daemon, text, n=1):
    """The log's lines with this text, once there are so many."""
    def found():
        return [line for line in daemon.log().splitlines() if text in line]
    wait_until(lambda: len(found()) >= n, "%d lines with %r in the log of %s" % (n, text, daemon.name))
    return found()


def numbers(daemon, text, n=1):
    """Their connections."""
    return [int(NUMBER.findall(line)[-1]) for line in lines(daemon, text, n)]


def number(daemon, text):
    found, = numbers(daemon, text)
    return found


@pytest.mark.parametrize("workers", ["1", "4"])
def test_requests_of_a_connection(tunnel, workers):
    """Also where the connection moves to the worker that has the link."""
    server, _, _ = tunnel.through("fine", ["--workers=" + workers])
    one, other = tunnel.visitor(server), tunnel.visitor(server)
    for path in "/a", "/b":
        assert one.get(path).status == 200
    assert other.get("/c").status == 200
    a, b, c = (number(server, " path=%s " % path) for path in ("/a", "/b", "/c"))
    assert a == b != c
    ids = [re.search(r"request_id=(\S+)", lines(server, " path=%s " % path)[0])[1] for path in ("/a", "/b")]
    assert ids[0] != ids[1]


def test_requests_over_http2(tunnel, ca):
    server, _, _ = tunnel.through("fine", ca.issue(AUTHORITY).options())
    with Http2Visitor(server, ca.context()) as visitor:
        for path in "/a", "/b":
            assert visitor.get(path=path).status == 200
    first, second = numbers(server, "protocol=HTTP/2.0", 2)
    assert first == second
    with Http2Visitor(server, ca.context()) as visitor:
        assert visitor.get(path="/c").status == 200
    assert number(server, " path=/c ") != first


def test_a_request_that_is_refused(tunnel):
    """What is said of it at debug, and its line in the access log."""
    server = tunnel.server("--log-level=debug")
    visitor = tunnel.visitor(server)
    assert visitor.send("GET / HTTP/1.1\r\nHost: a\r\nBad Field: x\r\n\r\n").read_response().status == 400
    assert number(server, "refused request") == number(server, " status=400 ")


def test_from_the_first_byte_on(tunnel, ca):
    """A TLS connection, whose first bytes are read before it is known whose it is."""
    cert = ca.issue("a.example")
    server = tunnel.server("--tls-cert=%s" % cert.cert, "--tls-key=%s" % cert.key, "--log-level=debug")
    with Visitor(server.address) as broken:
        broken.send(b"\x16\x03\x01\x00\x05hello")
        with contextlib.suppress(Closed, OSError):
            broken.read_response()
    rejected = number(server, "rejected connection from")
    tunnel.curl("https://a.example/", "--cacert", ca.cert, "--resolve", "a.example:443:127.0.0.1",
                "--connect-to", "::" + server.address)
    assert number(server, " status=503 ") == rejected + 1


@pytest.mark.parametrize("form", ["log", "logfmt", "json"])
def test_forms(tunnel, form):
    """The access log's forms, and those of sentences."""
    server = tunnel.server("--log-level=debug", "--log-format=" + ("json" if form == "json" else "text"),
                           "--access-log-format=" + form)
    tunnel.visitor(server).send("GET / HTTP/1.1\r\nHost: a\r\nBad Field: x\r\n\r\n").read_response()
    sentence, access = lines(server, "refused request")[0], lines(server, "NAME")[-1]
    if form == "json":
        assert json.loads(sentence)["connection"] == json.loads(access)["connection"] > 0
    else:
        assert sentence.endswith(" connection=%s" % NUMBER.search(access)[1])


def test_tcp_and_udp(tunnel):
    tcp, udp = tunnel.upstream(), tunnel.stage.add(UdpUpstream())
    server = tunnel.server("--udp-idle=1s")
    client = tunnel.client(server, ["0=tcp://" + tcp.address, "0=udp://" + udp.address], "--udp-idle=1s",
                           "--log-level=debug")
    for _ in range(2):
        with Visitor(("127.0.0.1", port_of(client, "tcp:"))) as visitor:
            assert visitor.get().status == 200
    first, second = numbers(server, "method=TCP", 2)
    assert first != second
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"x", ("127.0.0.1", port_of(client, "udp:")))
        assert s.recv(10) == b"x"
    assert number(server, "method=UDP") not in (0, first, second)
    assert number(client, "a UDP flow to") > 0


def test_private_stream(tunnel):
    server = tunnel.server()
    _, alias = provide(tunnel, server, "tcp://" + tunnel.upstream().address, "web")
    consumer = consume(tunnel, server, "%s=0" % alias, options=["--log-level=debug"])
    with Visitor(consumer.address("web")) as visitor:
        assert visitor.get().status == 200
    assert number(server, "method=PRIVATE") > 0
    assert number(consumer, "a connection to") > 0


def test_link(tunnel):
    """A client's connection is one, too: from where it is accepted to its end."""
    server = tunnel.server("--log-level=debug")
    client = tunnel.client(server, tunnel.upstream())
    client.stop()
    up = number(server, "is up (")
    assert set(numbers(server, "a link from a client: ", 3)) == {up}
    assert number(server, " ended: ") == up


def test_client(tunnel):
    """The client's lines about a connection to its upstream."""
    port = free_port()
    server = tunnel.server()
    client = tunnel.client(server, "0=tcp://127.0.0.1:%d" % port, "--log-level=debug")
    with contextlib.suppress(Closed, OSError), Visitor(("127.0.0.1", port_of(client))) as visitor:
        visitor.get()
    assert number(client, "cannot be reached") > 0
