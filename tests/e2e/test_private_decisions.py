# SPDX-License-Identifier: MIT
"""tunnel service and tunnel endpoint beside clients that publish and use private services at the moment."""

import socket

import pytest

from harness.metrics import scrape
from harness.private import APPROVED, PENDING, PrivateNode, alias_of, refused, status_of
from harness.public import free_port
from harness.wait import PATIENCE, wait_until

HELD = 3  # connections


@pytest.fixture
def node(tunnel):
    return PrivateNode(tunnel, "--workers=2")


class Story:
    """super-api of api-team, used by web at a port of this machine."""

    def __init__(self, node, tunnel, *options):
        self.node = node
        self.owner, self.web = node.create("api-team", "--publish=*"), node.create("web")
        self.echo = tunnel.upstream("")
        self.provider = node.provider("super-api", "tcp://" + self.echo.address, self.owner, "--visibility=web", *options)
        self.port = free_port()
        self.consumer = node.consumer(self.web, "--service=super-api=%d" % self.port)

    def hold(self, n=HELD):
        """So many connections that are under way, which the exit node counts."""
        held = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(n)]
        for s in held:
            s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")  # and goes on, some time
        wait_until(lambda: self.node.endpoint("web")["properties"]["streams"] == n, "%d streams" % n)
        return held

    def ends(self):
        """The consumer has nothing left to wait for."""
        self.consumer.expected_status.add(1)
        assert self.consumer.wait() == 1


def is_cut(s):
    s.settimeout(PATIENCE)
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True


def test_client_states_it(node, tunnel):
    """What a client that is connected says of its private service counts, unless it is managed."""
    owner = node.create("api-team", "--publish=*")
    up = tunnel.upstream("hello")
    provider = node.provider("super-api", up.url, owner, "--visibility=web")
    assert node.json("service", "show", "super-api")["properties"]["alias"] == alias_of(provider)
    status, out, err = node.run("service", "update", "super-api", "--visibility=batch")
    assert (status, out) == (1, "") and "states who may use it" in err and "--managed" in err
    node.ok("service", "update", "super-api", "-d", "for the shop")
    line = node.ok("service", "list").splitlines()[1].split()
    assert (line[0], line[3], line[7]) == ("super-api", "1", "web")
    node.ok("service", "update", "super-api", "--visibility=batch", "--managed")
    provider.stop()
    node.provider("super-api", up.url, owner, "--visibility=web", "--auto-approve=web")
    properties = node.json("service", "show", "super-api")["properties"]
    assert properties["visibility"] == {"subscriptions": ["batch"]} and properties["online"]


def test_pending_of_a_client(node, tunnel):
    """What a client asks for is there as what a command asks for, and says whether it waits."""
    owner, web = node.create("api-team", "--publish=*"), node.create("web")
    node.provider("super-api", tunnel.upstream("hello").url, owner, "--visibility=web")
    port = free_port()
    consumer = node.consumer(web, "--service=super-api=%d" % port, "--message=ticket 4711")
    endpoint = node.wait_endpoint("web", PENDING)
    assert endpoint["properties"]["requestMessage"] == "ticket 4711"
    wait_until(lambda: node.endpoint("web")["properties"]["online"], "the consumer to be online")
    node.ok_over_link(owner, "endpoint", "approve", endpoint["name"])
    consumer.approved()
    consumer.stop()
    wait_until(lambda: not node.endpoint("web")["properties"]["online"], "the consumer to be gone")

def test_cut(node, tunnel):
    """What takes away says how many streams it cut, and they are."""
    story = Story(node, tunnel)
    name = node.wait_endpoint("web", PENDING)["name"]
    assert node.ok("endpoint", "approve", name) == "web may use super-api (link 1)\n"
    story.consumer.approved()
    held = story.hold()
    assert node.json("service", "show", "super-api")["properties"]["streams"] == HELD
    assert node.ok("service", "list").splitlines()[1].split()[3:7] == ["1", "1", "0", str(HELD)]
    assert node.ok("endpoint", "list").splitlines()[1].split()[-2] == str(HELD)
    # Approved once more: nothing happens to them.
    assert node.ok("endpoint", "approve", name, "-d", "still") == "web may use super-api (link 1)\n"
    assert node.endpoint("web")["properties"]["streams"] == HELD
    assert node.ok_over_link(story.owner, "endpoint", "reject", name, "-d", "not this quarter") == (
        "web may not use super-api; cut 3 streams\n")
    assert all(is_cut(s) for s in held)
    assert node.endpoint("web")["properties"]["streams"] == 0
    m = scrape(node.server)
    assert m.of("tunnel_streams_cut_total") == m.of("tunnel_streams_cut_total", why="approval") == HELD
    assert [m.of("tunnel_endpoint_decisions_total", decision=d) for d in ("approved", "rejected", "disconnected")] == [
        1, 1, 0]

    node.ok("endpoint", "approve", name)
    wait_until(lambda: not refused(story.port), "the consumer to listen again")
    held = story.hold(2)
    assert node.ok("endpoint", "delete", name) == "web is disconnected from super-api; cut 2 streams\n"
    assert all(is_cut(s) for s in held)
    story.ends()
    audit = [row["action"] for row in node.json("audit") if row["action"].startswith("endpoint.")]
    assert audit == ["endpoint.request", "endpoint.approve", "endpoint.approve", "endpoint.reject", "endpoint.approve",
                     "endpoint.disconnect"]


def test_service_deleted(node, tunnel):
    """Its streams are cut; and who publishes it goes on asking, so it comes back as another."""
    story = Story(node, tunnel, "--auto-approve=web")
    story.consumer.approved()
    alias, held = alias_of(story.provider), story.hold(1)
    status, out, err = node.run("service", "delete", "super-api")
    assert (status, out) == (0, "super-api is deleted: 1 endpoint disconnected, 1 stream cut\n")
    assert "its client is still there" in err
    assert is_cut(held[0])
    story.ends()
    wait_until(lambda: alias_of(story.provider) != alias, "the client to make it anew", 2 * PATIENCE)
    assert node.run("service", "show", alias)[0] == 4
    assert node.run("service", "show", alias_of(story.provider))[0] == 0


def test_intention_cuts(node, tunnel):
    story = Story(node, tunnel, "--auto-approve=web")
    story.consumer.approved()
    held = story.hold()
    status, out, err = node.run("intention", "create", "--deny", "web", "super-api")
    assert (status, out, err) == (0, "Created: web => super-api (deny)\n", "cut 3 streams\n")
    assert all(is_cut(s) for s in held)
    explained = node.run("intention", "check", "--explain", "web", "super-api")[1].splitlines()
    assert explained == ["Denied", "  intention   web => super-api (deny, precedence 9)", "  endpoint    Approved (auto)",
                         "  grants      consume: *", "  provider    online, 1 session"]


def test_apply_cuts(node, tunnel):
    story = Story(node, tunnel)
    node.ok("endpoint", "approve", node.wait_endpoint("web", PENDING)["name"])
    story.consumer.approved()
    held = story.hold()
    path = tunnel.path / "private.yaml"
    path.write_text("endpoints:\n  - {consumer: web, service: super-api, status: Rejected}\n")
    status, out, err = node.run("apply", path)
    assert status == 0 and err == "cut 3 streams\n" and "(was Approved)" in out
    assert all(is_cut(s) for s in held)


def test_decided_before(node, tunnel):
    """A consumer whose endpoint a file has approved need not wait."""
    path = tunnel.path / "private.yaml"
    path.write_text("identities:\n  - {name: api-team, publish: super-api}\n  - name: web\n"
                    "services:\n  - {name: super-api, owner: api-team}\n"
                    "endpoints:\n  - {consumer: web, service: super-api}\n")
    tokens = {}
    for line in node.ok("apply", path).splitlines()[-2:]:
        name, token = line.split("\t")
        tokens[name] = tunnel.path / (name + ".token")
        tokens[name].write_text(token)
        tokens[name].chmod(0o600)
    node.provider("super-api", tunnel.upstream("hello").url, tokens["api-team"], "--visibility=other")
    consumer = node.consumer(tokens["web"], "--service=super-api=%d" % free_port())
    consumer.approved()
    assert status_of(node.endpoint("web")) == APPROVED
    # The file's lists count, not the client's.
    assert node.json("service", "show", "super-api")["properties"]["visibility"] == {"subscriptions": []}


@pytest.mark.parametrize("verb", ["revoke", "delete"])
@pytest.mark.parametrize("who", ["web", "api-team"])
def test_token_ends(node, tunnel, who, verb):
    """Of either side: what was under way between them ends, each stream counted once."""
    story = Story(node, tunnel, "--auto-approve=web")
    story.consumer.approved()
    held = story.hold()
    for daemon in (story.consumer, story.provider):
        daemon.expected_status |= {1, 3}
    out = node.ok("token", verb, who)
    assert out.splitlines()[0] == "%s is %sd: 1 session ended, 3 streams cut" % (who, verb)
    assert all(is_cut(s) for s in held)


def test_end_to_end_key(node, tunnel):
    """A decision is about the key that was looked at; who has not named one is told which it was."""
    owner, web = node.create("api-team", "--publish=*"), node.create("web")
    node.provider("super-api", tunnel.upstream("hello").url, owner, "--visibility=web", "--end-to-end",
                  "--state-dir=%s" % (tunnel.path / "provider"))
    node.consumer(web, "--service=super-api=%d" % free_port(), "--state-dir=%s" % (tunnel.path / "consumer"))
    name = node.wait_endpoint("web", PENDING)["name"]
    key = node.endpoint("web")["properties"]["endToEndKey"]
    assert node.json("service", "show", "super-api")["properties"]["endToEndKey"] not in (None, key)
    assert "End-to-end key:  %s\n" % key in node.ok("endpoint", "show", name)
    other = "x25519/" + "09" + 31 * "00"
    status, out, err = node.run("endpoint", "approve", name, "--e2e-key", other)
    assert (status, out) == (1, "") and "another than that which is to be decided about: " + key in err
    assert status_of(node.endpoint("web")) == PENDING
    assert node.run("endpoint", "approve", name) == (
        0, "web may use super-api (link 1)\n", "its end-to-end key is %s\n" % key)
    assert node.run("endpoint", "approve", name, "--e2e-key", key.upper().replace("X", "x")) == (
        0, "web may use super-api (link 1)\n", "")
    assert node.run("endpoint", "reject", name, "--e2e-key=x25519/00")[0] == 2
