# SPDX-License-Identifier: MIT
"""Consumers and providers that make their own messages. Whatever they send, nothing reaches an upstream that was not
approved (it counts whoever it accepts: nobody), and nobody learns of what is not theirs."""

import hashlib
import json
import struct

import pytest

from harness import noise
from harness.admin import Connection
from harness.noise import CONTROL, HTTP, OPEN, RESET, TCP, UDP, Link, control, frame, open_frame
from harness.private import APPROVED, PrivateNode, curl
from harness.public import free_port
from harness.upstream import response
from harness.visitor import Closed
from harness.wait import at_once, quiet_for, wait_until

DENIED, UNKNOWN = 11, 12  # reasons of RESET


class Scene:
    """db, which web was approved for and other was not; both make their own messages."""

    def __init__(self, tunnel, workers):
        self.tunnel = tunnel
        self.node = PrivateNode(tunnel, "--workers=" + workers)
        self.owner, web, other = (self.node.create(name, *options) for name, options in (
            ("owner", ["--publish=db,mine-*"]), ("web", []), ("other", [])))
        self.tokens = {name: path.read_text() for name, path in (
            ("owner", self.owner), ("web", web), ("other", other))}
        self.upstream = tunnel.upstream(response(b"reached"))
        self.provider = self.node.provider("db", "tcp://" + self.upstream.address, self.owner, "--visibility=web,other",
                                           "--auto-approve=web")

    def link(self, name, **kwargs):
        return self.tunnel.stage.add(Link(self.node.server.address)).up(self.tokens[name], **kwargs)

    def nothing(self, link):
        """Nothing came through; and the link lives, if it is given."""
        if link:
            link.send(frame(noise.PING, 0, bytes(8)))
            assert link.read_kind(noise.PONG)
        quiet_for(0.1, lambda: self.upstream.connections, "that the upstream is reached")


@pytest.fixture(params=["1", "4"], ids=["1 worker", "4 workers"])
def scene(request, tunnel):
    return Scene(tunnel, request.param)


def attach(link, endpoint=1, service="db", kind="tcp", **more):
    link.send(control(type="attach", endpoint=endpoint, service=service, kind=kind, **more))
    return link.read_control("attached", "declined")


def opened(link, stream=1, service=1, kind=TCP):
    """What comes of it: the reason of its RESET, or the bytes that came."""
    link.send(open_frame(stream, service, kind) + frame(noise.DATA, stream, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
    while True:
        what, on, payload = link.read_kind(noise.DATA, RESET)
        if on == stream:
            return payload[0] if what == RESET else payload


def test_what_an_approved_one_gets(scene):
    """That the others below could be told from it."""
    with scene.link("web") as link:
        answer = attach(link)
        assert (answer["type"], answer["state"], answer["usable"]) == ("attached", "approved", True)
        assert opened(link).endswith(b"reached")
    assert len(scene.upstream.connections) == 1


def test_without_asking(scene):
    with scene.link("other") as link:
        for i, service in enumerate((0, 1, 2, 2 ** 31, 2 ** 32 - 1)):
            assert opened(link, 1 + 2 * i, service) in (DENIED, UNKNOWN)
        scene.nothing(link)


def test_numbers_of_others(scene):
    """The approved one's, the provider's, and those of what was asked for and is not approved."""
    with scene.link("web") as approved, scene.link("other") as link:
        assert attach(approved, 7)["usable"]
        assert attach(link, 1)["state"] == "pending"
        for i, (service, reasons) in enumerate(((7, {UNKNOWN}), (1, {DENIED}), (2, {UNKNOWN}))):
            assert opened(link, 1 + 2 * i, service) in reasons
        # The number of one's own publication is none of an attachment.
        link.publish("mine.example", service=3)
        assert opened(link, 101, 3) in (DENIED, UNKNOWN)
        scene.nothing(link)


def test_before_attached(scene):
    """In one record with its request: it is refused, approved or not, and what came with it reaches nobody."""
    for name in ("web", "other"):
        with scene.link(name) as link:
            link.send(control(type="attach", endpoint=1, service="db", kind="tcp") + open_frame(1, 1) +
                      frame(noise.DATA, 1, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
            reset = link.read_kind(RESET)
            assert (reset[1], reset[2][0] in (DENIED, UNKNOWN)) == (1, True)
            scene.nothing(link)


def test_kinds_that_are_not_its_own(scene):
    with scene.link("web") as link:
        assert attach(link)["usable"]
        for i, kind in enumerate((HTTP, UDP, 0, 5, 255)):
            assert opened(link, 1 + 2 * i, 1, kind) in (DENIED, UNKNOWN)
        scene.nothing(link)


@pytest.mark.parametrize("tail", [
    struct.pack(">IB", 1, 5) + b"owner", struct.pack(">IB", 0, 3) + b"web", b"\0", bytes(68)])
def test_a_tail_of_its_own(scene, tail):
    """Rule 48: who comes is the exit node's to say."""
    with scene.link("web") as link:
        assert attach(link)["usable"]
        whole = open_frame(1, 1)[8:] + tail
        link.send(frame(OPEN, 1, whole))
        assert link.closed()
    scene.nothing(None)


def test_a_joined_link_before_session(scene):
    """It is a link of the session when the exit node says so, and not before; then it opens like the first."""
    with scene.link("web") as first:
        first.send(control(type="attach", endpoint=1, service="db", kind="tcp"))
        session = first.read_control("session")
        assert first.read_control("attached")["usable"]
        with scene.link("web") as second:
            mac = hashlib.blake2b(second.handshake.h, digest_size=32, key=bytes.fromhex(session["resume"])).hexdigest()
            second.send(control(type="join", session=session["session"], mac=mac) + open_frame(1, 1))
            reset = second.read_kind(RESET)
            assert (reset[1], reset[2][0] in (DENIED, UNKNOWN)) == (1, True)
            scene.nothing(second)
            assert opened(second, 3).endswith(b"reached")
        # Another identity's link is none of this session, whatever it knows.
        with scene.link("other") as thief:
            mac = hashlib.blake2b(thief.handshake.h, digest_size=32, key=bytes.fromhex(session["resume"])).hexdigest()
            thief.send(control(type="join", session=session["session"], mac=mac) + open_frame(1, 1))
            assert thief.closed()
    assert len(scene.upstream.connections) == 1


def test_after_its_end(scene):
    """Behind the answer of a reject, of a detach, of a revocation there is no stream and none to come."""
    with scene.link("web") as link:
        assert attach(link)["usable"]
        assert opened(link, 1).endswith(b"reached")
        endpoint = scene.node.wait_endpoint("web", APPROVED)
        scene.node.ok("endpoint", "reject", endpoint["name"])
        assert link.read_kind(RESET)[1] == 1
        assert opened(link, 3) == DENIED
        scene.node.ok("endpoint", "approve", endpoint["name"])
        assert opened(link, 5).endswith(b"reached")
        link.send(control(type="detach", endpoint=1))
        wait_until(lambda: opened(link, next(numbers)) == UNKNOWN, "the attachment's end")
        assert attach(link, 2)["usable"]
        count = len(scene.upstream.connections)
        scene.node.ok("token", "revoke", "web")
        with pytest.raises((Closed, ConnectionError)):
            opened(link, 1001)
        assert len(scene.upstream.connections) == count


numbers = iter(range(101, 1001, 2))


class Racer:
    """One link that opens streams whatever is being decided."""

    def __init__(self, scene):
        self.link = scene.link("web")
        assert attach(self.link)["state"] in ("approved", "rejected")
        self.next = 1
        self.live = set()

    def open(self, n):
        ids = range(self.next, self.next + 2 * n, 2)
        self.next += 2 * n
        self.live.update(ids)
        self.link.send(b"".join(open_frame(i) + frame(noise.DATA, i, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") for i in ids))
        return ids[-1]

    def until(self, stream):
        """Reads until something comes of this stream: what it was. Those that were reset by then are live no more."""
        while True:
            what, on, payload = self.link.read_kind(noise.DATA, RESET)
            if what == RESET:
                self.live.discard(on)
            if on == stream:
                return payload[0] if what == RESET else payload[-7:]


def test_decisions_and_opens(scene):
    """Four links open streams while it is rejected and approved: behind each answer none is left, or each passes."""
    racers = [Racer(scene) for _ in range(4)]
    path = "/api/v1/endpoints/" + scene.node.endpoint("web")["name"]
    with Connection(scene.node.server) as admin:
        for _ in range(50):
            for r in racers:
                r.open(5)
            admin.ok("POST", path + "/reject", {})
            assert [r.until(r.open(1)) for r in racers] == [DENIED] * 4
            assert [r.live for r in racers] == [set()] * 4
            assert admin.ok("GET", path)["properties"]["streams"] == 0
            for r in racers:
                r.open(5)
            admin.ok("POST", path + "/approve", {})
            assert [r.until(r.open(1)) for r in racers] == [b"reached"] * 4


def declined(link, **members):
    link.send(control(**{"type": "attach", "endpoint": 1, "kind": "tcp", **members}))
    while True:
        payload = link.read_kind(CONTROL)[2]
        if json.loads(payload)["type"] in ("attached", "declined"):
            return payload


def test_what_is_not_seen_is_not_there(tunnel):
    """Byte for byte: a name of nobody, a wrong tag, the right alias, for one whom the visibility leaves out."""
    node = PrivateNode(tunnel)
    owner, stranger = node.create("owner", "--publish=*"), node.create("stranger").read_text()
    up = tunnel.upstream("private")
    client = node.provider("db", "tcp://" + up.address, owner, "--visibility=web")
    alias = client.log().split("db is private: ")[1].split()[0]
    name, tag, rest = alias.split(".", 2)
    asked = [alias, "db", "db.%s.%s" % (tag[::-1], rest), "nothing", "nothing.%s.%s" % (tag, rest), "x" * 63]
    with Link(node.server.address) as link:
        link.up(stranger)
        assert len({declined(link, service=service) for service in asked}) == 1
    assert node.endpoints() == []


def test_endpoint_create_tells_no_more(tunnel):
    """The same by the command, over a link."""
    node = PrivateNode(tunnel)
    owner, stranger = node.create("owner", "--publish=*"), node.create("stranger")
    client = node.provider("db", "tcp://" + tunnel.upstream("private").address, owner, "--visibility=web")
    alias = client.log().split("db is private: ")[1].split()[0]
    answers = {node.over_link(stranger, "endpoint", "create", "--service", service)
               for service in (alias, "db", "nothing", "db.zzzzzzzzzzzz.exit")}
    assert len(answers) == 1 and answers.pop()[0] != 0


def test_publications_of_others(tunnel):
    """A name that is on the books, or beyond the grant; and what is no name of a private service."""
    node = PrivateNode(tunnel)
    owner = node.create("owner", "--publish=db")
    up = tunnel.upstream("private")
    node.provider("db", "tcp://" + up.address, owner)
    with Link(node.server.address) as link:
        link.up(node.create("thief", "--publish=d*").read_text())

        def claim(number, **members):
            link.send(control(**{"type": "publish", "service": number, "kind": "tcp", "host": "",
                                 "upstream": "tcp://127.0.0.1:1", **members}))
            answer = link.read_control("granted", "refused")
            return answer.get("reason", "granted")
        assert claim(1, private="db") == "taken"
        assert claim(2, private="redis") == "denied"
        assert claim(3, private="dc") == "granted"
        assert claim(4, private="-x") in ("invalid", "denied")
        assert claim(5, private="dd", visibility="web", auto_approve="web,other") == "invalid"
    assert {s["name"] for s in node.json("service", "list", "--all")} == {"db", "dc"}


@pytest.mark.parametrize("members", [
    dict(kind="http", private="db"), dict(private="db", host="a.example"), dict(private="db", port=0),
    dict(private="db", ports=2), dict(private="db", tls="pass")])
def test_what_would_be_public_beside_private(tunnel, members):
    """It ends the link, as `private` is a promise."""
    node = PrivateNode(tunnel)
    with Link(node.server.address) as link:
        link.up(tunnel.TOKEN)
        link.send(control(**{"type": "publish", "service": 1, "kind": "tcp", "host": "", "upstream": "x", **members}))
        assert link.closed()


def test_asking_without_end(scene):
    """Neither the owner's list nor the memory grows with whoever asks: endpoints an identity, attachments a session."""
    with scene.link("other") as link:
        first = attach(link, 1, name="n1")
        assert first["state"] == "pending"
        link.send(b"".join(control(type="attach", endpoint=n, service="db", kind="tcp", name="n%d" % n)
                           for n in range(2, 200)))
        states = [link.read_control("attached", "declined") for _ in range(198)]
        assert sum(m["type"] == "attached" for m in states) == 63  # and the first
    assert len([e for e in scene.node.endpoints() if e["name"].startswith("other.")]) == 64
    scene.nothing(None)


def test_a_stranger_to_the_owner(scene):
    """A message is a text of a person, and none of a terminal's."""
    with scene.link("other") as link:
        assert attach(link, 1, message="\x1b[31mred\u202e\n$(reboot)")["type"] in ("attached", "declined")
    for text in (scene.provider.log(), scene.node.ok("endpoint", "list")):
        assert "\x1b" not in text and "\u202e" not in text
        assert not any(line.startswith("$(reboot)") for line in text.splitlines())
    scene.nothing(None)


def test_reads_nothing(scene):
    """One that opens all it may and takes no answer, beside another that goes on."""
    port = free_port()
    web = scene.node.tunnel.path / "web.token"
    scene.node.consumer(web, "--service=db=%d" % port).approved()
    with scene.link("web", max_streams=1000) as link:
        assert attach(link)["usable"]
        link.send(b"".join(open_frame(1 + 2 * i, 1) + frame(
            noise.DATA, 1 + 2 * i, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 100) for i in range(200)))
        assert at_once(lambda _: curl(scene.tunnel, port), range(20)) == [(0, b"reached")] * 20
