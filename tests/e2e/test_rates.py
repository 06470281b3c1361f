# SPDX-License-Identifier: MIT
"""The rate of an identity. How well it holds is the matter of bench/rates: here a rate of a byte a second
lets a little pass and nothing more, and what was held goes on when the rate is changed."""

import json
import os
import threading

import pytest

from harness.admin import ask
from harness.public import free_port, port_of
from harness.upstream import response
from harness.visitor import Visitor
from harness.wait import quiet_for, wait_until

MUCH = os.urandom(100_000)
LITTLE = 4096  # bytes: more than what passes at a byte a second


def make(server, **grants):
    """An identity; its token."""
    grants = dict(name="team", hosts=["*"], ports=["1024-65535"], **grants)
    made = ask(server, "/api/v1/identities", "--json", json.dumps(grants))
    assert made.status == 201, made.body
    return made.json["token"]


def change(server, **grants):
    done = ask(server, "/api/v1/identities/team", "-X", "PATCH", "--json", json.dumps(grants))
    assert done.status == 200, done.body


class Reader:
    """What comes at a visitor."""

    def __init__(self, visitor):
        self.visitor, self.data = visitor, b""
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            while more := self.visitor.sock.recv(65536):
                self.data += more
        except OSError:
            return  # the test is over


def wait_held(data):
    """Something came, but little, and then nothing."""
    wait_until(data, "the first bytes")
    quiet_for(0.5, lambda: len(data()) > LITTLE, "more than the rate passed")


@pytest.fixture
def server(tunnel):
    port = free_port()
    server = tunnel.server("--allow-ports=%d" % port, "--workers=2")
    server.free_port = port
    return server


# Lifted, and raised beyond what a test sees.
@pytest.mark.parametrize("after", [None, 1 << 30])
@pytest.mark.parametrize("way", ["rateUp", "rateDown"])
def test_held_and_let_go(tunnel, server, way, after):
    """TCP; the rate comes while the client is connected."""
    token = make(server)
    upstream = tunnel.upstream(
        lambda conn: (way == "rateUp" and conn.send(MUCH), conn.read_to_end()))
    client = tunnel.client(server, upstream.url.replace("http:", "tcp:"),
                           "--port=%d" % server.free_port, "--links=2", token=token)
    change(server, **{way: 1})
    v = Visitor(("127.0.0.1", port_of(client)))
    if way == "rateUp":
        reader = Reader(v)

        def data():
            return reader.data
    else:
        v.send(MUCH)
        data = upstream.received
    wait_held(data)
    change(server, **{way: after})
    wait_until(lambda: data() == MUCH, "the rest")
    v.close()


def test_http(tunnel, server):
    """A rate that the identity has from the start; an answer, whose head may pass."""
    token = make(server, rateUp=1, rateDown=1)
    tunnel.client(server, tunnel.upstream(response(MUCH)), token=token)
    v = tunnel.visitor(server)
    v.request()
    reader = Reader(v)
    wait_held(lambda: reader.data)
    change(server, rateUp=None)
    wait_until(lambda: reader.data.endswith(MUCH), "the rest")
    v.close()
