# SPDX-License-Identifier: MIT
"""The admin API over a link: streams of kind admin, opened by a client of our own making.

What the API answers is the matter of other files; here a path that it does not have is asked for.
"""

import concurrent.futures
import json
import random
import struct

import pytest

from harness import noise
from harness.noise import ADMIN, DATA, FIN, RESET, Link, frame, open_frame
from harness.programs import TOKEN

BUSY, DENIED, UNKNOWN_SERVICE = 5, 11, 12
PATH = "/api/v1/nothing"


def request(path=PATH, method="GET", body=b"", fields=()):
    lines = ["%s %s HTTP/1.1" % (method, path), "Host: exit", *fields]
    if body:
        lines.append("Content-Length: %d" % len(body))
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def open_admin(link, stream, data=b"", end=True):
    link.send(open_frame(stream, service=0, kind=ADMIN)
              + (frame(DATA, stream, data) if data else b"")
              + (frame(FIN, stream, bytes(8)) if end else b""))


def read_answer(link, stream):
    """The bytes of the stream up to its FIN."""
    got = b""
    while True:
        kind, on, payload = link.read_kind(DATA, FIN, RESET)
        if on != stream:
            continue
        assert kind != RESET, "reset: reason %d" % payload[0]
        if kind == FIN:
            return got
        got += payload


def read_reset(link, stream):
    while True:
        _, on, payload = link.read_kind(RESET)
        if on == stream:
            return payload[0]


def check_not_found(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 "), head
    assert b"Content-Type: application/problem+json" in head
    problem = json.loads(body)
    assert (problem["status"], problem["reason"]) == (404, "not_found")


def test_a_link_that_only_asks(node):
    """It publishes nothing, and is no session."""
    with Link(node.address) as link:
        link.up(TOKEN)
        assert "admin" in link.read_control("hello")["features"].split(",")
        for stream in 1, 3, 5:
            open_admin(link, stream, request())
            check_not_found(read_answer(link, stream))
    assert "is up" not in node.log()


def test_beside_what_is_published(bystander):
    """On the link of a session, between its requests."""
    server, _, _ = bystander
    with Link(server.address) as link:
        link.up(TOKEN)
        assert link.publish(host="a.example")["type"] == "granted"
        open_admin(link, 1, request())
        check_not_found(read_answer(link, 1))


def test_one_request_after_another(node):
    with Link(node.address) as link:
        link.up(TOKEN)
        open_admin(link, 1, request() + request(body=b"{}", method="POST"), end=False)
        link.send(frame(DATA, 1, request(fields=["Connection: close"]) + b"what is left"))
        answer = read_answer(link, 1)
        assert answer.count(b"HTTP/1.1 404 ") == 3
        assert answer.count(b"Connection: close") == 1


def test_a_body_beyond_the_bound(node):
    """Answered before it has come."""
    with Link(node.address) as link:
        link.up(TOKEN)
        open_admin(link, 1, request(fields=["Content-Length: 1048577"]), end=False)
        assert read_answer(link, 1).startswith(b"HTTP/1.1 413 ")


def test_a_body_of_the_bound(node):
    """1 MiB, for which the exit node has to give credit."""
    body = json.dumps({"a": "x" * ((1 << 20) - 9)}).encode()
    assert len(body) == 1 << 20
    with Link(node.address) as link:
        link.up(TOKEN)
        data = request(method="POST", body=body)
        open_admin(link, 1, end=False)
        credit, sent = 65536, 0
        while sent < len(data):
            piece = data[sent:sent + min(credit, 16384)]
            if piece:
                link.send(frame(DATA, 1, piece))
                sent += len(piece)
                credit -= len(piece)
            else:
                credit += struct.unpack(">I", link.read_kind(noise.WINDOW)[2])[0]
        link.send(frame(FIN, 1, bytes(8)))
        check_not_found(read_answer(link, 1))


@pytest.mark.parametrize(("kind", "service", "reason"), [
    (noise.TCP, 0, DENIED), (noise.TCP, 1, DENIED), (noise.UDP, 1, DENIED), (noise.HTTP, 1, DENIED),
    (ADMIN + 1, 0, DENIED), (ADMIN, 1, UNKNOWN_SERVICE)])
def test_other_streams_of_a_client(bystander, kind, service, reason):
    server, _, _ = bystander
    with Link(server.address) as link:
        link.up(TOKEN)
        link.send(open_frame(1, service=service, kind=kind))
        assert read_reset(link, 1) == reason
        open_admin(link, 3, request())
        check_not_found(read_answer(link, 3))


def test_so_many_at_once(node):
    with Link(node.address) as link:
        link.up(TOKEN)
        for stream in 1, 3, 5, 7:
            open_admin(link, stream, b"GET / ", end=False)
        open_admin(link, 9, request())
        assert read_reset(link, 9) == BUSY
        link.send(frame(DATA, 1, b"HTTP/1.1\r\nHost: a\r\n\r\n") + frame(FIN, 1, bytes(8)))
        check_not_found(read_answer(link, 1))


def test_links_that_vanish(bystander):
    """At every moment of a request, many at a time; the bystander's connections go on."""
    server, _, _ = bystander
    whole = request(method="POST", body=b"{}" + b" " * 2000)
    dice = random.Random(13)

    def vanish(cut, again):
        with Link(server.address) as link:
            link.up(TOKEN)
            for stream in range(1, 2 * again, 2):
                open_admin(link, stream, whole[:cut], end=cut == len(whole))
                if dice.random() < 0.3:
                    link.reset(stream)

    # Fewer than may be in their handshake from one address: beyond that the oldest is closed.
    with concurrent.futures.ThreadPoolExecutor(max_workers=16) as pool:
        for link in [pool.submit(vanish, dice.choice([3, 100, len(whole)]), n % 6) for n in range(60)]:
            link.result()
    with Link(server.address) as link:
        link.up(TOKEN)
        open_admin(link, 1, request())
        check_not_found(read_answer(link, 1))


def test_a_command_with_another_token(node, tunnel):
    token = tunnel.path / "another"
    token.write_text("another token of some characters\n")
    token.chmod(0o600)
    remote = "--remote=" + node.address
    status, _, err = tunnel.run("status", remote, "--token-from", str(token))
    assert status == 3
    assert "does not know the token" in err


def test_a_command_that_reaches_nobody(tunnel):
    status, _, err = tunnel.run("status", "--remote=127.0.0.1:1", "--token=" + TOKEN)
    assert status == 5
    assert "cannot connect to 127.0.0.1:1" in err
