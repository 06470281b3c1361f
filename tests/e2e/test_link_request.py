# SPDX-License-Identifier: MIT
"""The link request, right and wrong: what is one, who may send it, and what it names."""

import contextlib
import os

import pytest

from harness import wire
from harness.mitm import UP
from harness.visitor import Closed, Visitor


def link_answer(server, data):
    v = Visitor(server.address)
    v.send(data)
    try:
        return v, v.read_head()
    except Closed:
        return v, None


def test_garbage(bystander):
    server = bystander[0]
    for data in (os.urandom(10000), b"\0" * 10000, b"\xff" * 100, b"\r\n" * 5000, b"\x16\x03\x01",
                 b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(500), b"SSH-2.0-x\r\n",
                 b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET", b"", b"\x81\x05hello"):
        v = Visitor(server.address)
        try:
            v.send(data)
            v.finish()
            v.read_to_end()
        except (OSError, Closed):
            pass
        v.close()


@pytest.mark.parametrize("leave_out", ["upgrade", "connection", "sec_websocket_key",
                                       "sec_websocket_version", "sec_websocket_protocol"])
def test_link_request_with_a_field_missing(bystander, leave_out):
    """Then it is no link request: 400 or 426, or a visitor's request to /tunnel; never 101."""
    _, head = link_answer(bystander[0], wire.link_request(leave_out=[leave_out]))
    assert head is not None and head.status != 101
    assert b"tunnel.hello" not in head.raw_head


@pytest.mark.parametrize("replace", [
    {"sec_websocket_version": "8"},
    {"sec_websocket_key": "short"},
    {"sec_websocket_key": "AAAAAAAAAAAAAAAAAAAAAAAA"},
    {"sec_websocket_protocol": "chat"},
    {"sec_websocket_protocol": "tunnel.v10"},
    {"upgrade": "h2c"},
    {"connection": "close"},
])
def test_link_request_with_a_field_wrong(bystander, replace):
    _, head = link_answer(bystander[0], wire.link_request(**replace))
    assert head is not None and head.status != 101


@pytest.mark.parametrize("replace", [
    {"upgrade": "WebSocket"},
    {"connection": "keep-alive, UPGRADE"},
    {"sec_websocket_protocol": "chat, tunnel.v1"},
    {"sec_websocket_protocol": "Tunnel.V1"},
])
def test_link_request_judged_over_parsed_fields(bystander, replace):
    _, head = link_answer(bystander[0], wire.link_request(**replace))
    assert head.status == 101
    assert head.get("Sec-WebSocket-Protocol") == "tunnel.v1"
    assert not head.all("Sec-WebSocket-Extensions")


def test_link_request_that_offers_extensions(bystander):
    _, head = link_answer(bystander[0], wire.link_request(
        extra=["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"]))
    assert head.status == 101 and not head.all("Sec-WebSocket-Extensions")


def test_link_request_of_a_browser(bystander):
    """Rule 2: any web page may open ws://127.0.0.1:9090/tunnel from a developer's browser."""
    for origin in ("http://evil.example", "null", ""):
        _, head = link_answer(bystander[0], wire.link_request(extra=["Origin: " + origin]))
        assert head.status == 403


def test_bytes_behind_the_head(bystander):
    """Rule 2: nobody has seen our hello yet, so nothing true can follow."""
    v = Visitor(bystander[0].address)
    v.send(wire.link_request() + wire.frame(b"early"))
    with contextlib.suppress(Closed):
        assert v.read_head().status != 101
    assert v.ended()


def test_visitor_asking_for_the_control_path(bystander):
    """Rule 1: without the upgrade it is a visitor's request like any other, and reaches the
    upstream; or is refused. It never gets a hello."""
    v = Visitor(bystander[0].address)
    r = v.get("/tunnel")
    assert r.status in (200, 400, 404, 426)
    assert v.get("/").body == b"fine"


def test_websocket_of_a_visitor_on_the_control_path(bystander):
    """A visitor's own WebSocket application at /tunnel does not speak our protocol."""
    _, head = link_answer(bystander[0], wire.link_request(leave_out=["sec_websocket_protocol"]))
    assert head.status != 101


def test_link_as_the_third_request(bystander):
    """Rule 1: every request is judged, after all earlier responses were written."""
    v = Visitor(bystander[0].address)
    v.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
           + wire.link_request())
    assert v.read_response().body == b"fine"
    assert v.read_response().body == b"fine"
    assert v.read_head().status == 101


def test_link_through_a_kept_connection_of_nginx(tunnel):
    """nginx mixes visitors' requests and link requests on one kept upstream connection."""
    server = tunnel.server("--reconnect-grace=200ms")
    front = tunnel.nginx("""
        location / {
            proxy_pass http://node;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection $up;
            proxy_set_header Upgrade $http_upgrade;
            proxy_read_timeout 60s;
        }""", http="""
    map $http_upgrade $up { default upgrade; "" ""; }
    upstream node { server %s; keepalive 1; }
""" % server.address)
    v = Visitor(front.address)
    for _ in range(2):
        assert v.get(fields=["Accept: */*"]).status in (200, 503)
    tunnel.client("ws://" + front.address, tunnel.upstream("through nginx"))
    for _ in range(5):
        assert Visitor(front.address).get().body == b"through nginx"
        assert Visitor(server.address).get().body == b"through nginx"


def test_the_link_request_names_no_visitor_and_no_service(tunnel):
    server = tunnel.server()
    relay = tunnel.mitm(server)
    tunnel.client(relay.address, "secret.example=" + tunnel.upstream().url)
    head = relay.recorded(UP).split(b"\r\n\r\n")[0]
    assert b"Origin" not in head and b"secret" not in head and b"Authorization" not in head
    assert head.startswith(b"GET /tunnel HTTP/1.1\r\n")
