# SPDX-License-Identifier: MIT
"""A private service from its request to its end, as private link services are shown to people: asked for by its alias,
approved by its owner on the command line, used by a program that connects to a local port."""

import json
import re
import signal
import subprocess
import time

import jmespath
import pytest

from harness import proxy_protocol
from harness.private import (
    APPROVED,
    AT_ONCE,
    DISCONNECTED,
    PENDING,
    REJECTED,
    PrivateNode,
    alias_of,
    curl,
    link_tlv,
    refused,
    status_of,
    wait_curl,
)
from harness.proxy_protocol import Header
from harness.public import free_port
from harness.upstream import response
from harness.wait import quiet_for, wait_until

HELLO = b"Hello from Super API\n"

# What scripts for az network private-endpoint-connection filter on: the first is of the published walk-through.
JQ = '.[] | select(.properties.provisioningState=="Pending") | .id'
JMESPATH = "[?properties.privateLinkServiceConnectionState.status=='Pending'].id"

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
# Each member and what it has to be; a text is a pattern.
SHAPE = {
    "id": r"/services/super-api/privateEndpointConnections/web\.[0-9a-f]{16}",
    "name": r"web\.[0-9a-f]{16}",
    "type": "tunnel/services/privateEndpointConnections",
    "location": r"\S+",
    "resourceGroup": "api-team",
    "etag": r'W/"\d+"',
    "properties": {
        "privateEndpoint": {"id": "/identities/web/privateEndpoints/web", "resourceGroup": "web"},
        "privateLinkServiceConnectionState": {
            "status": "Pending|Approved|Rejected|Disconnected", "description": "[ -~]*", "actionsRequired": "None"},
        "provisioningState": "Pending|Succeeded",
        "linkIdentifier": r"[1-9]\d*",
        "ipAddresses": list,
        "requestMessage": "[ -~]*",
        "endToEndKey": "None|x25519/[0-9a-f]{64}",
        "createdAt": TIME,
        "updatedAt": TIME,
        "decidedBy": "[a-z-]*",
        "streams": int,
        "online": bool,
    },
}


def misfits(value, shape, where=""):
    """Whatever is not as the shape has it."""
    if isinstance(shape, dict):
        if not isinstance(value, dict) or set(value) != set(shape):
            return ["%s has %s" % (where, sorted(value))]
        return [m for k in shape for m in misfits(value[k], shape[k], where + "." + k)]
    fits = re.fullmatch(shape, str(value)) if isinstance(shape, str) else isinstance(value, shape)
    return [] if fits else ["%s is %r" % (where, value)]


class Scene:
    """super-api by nginx, its owner's team, and web, which asks for it."""

    def __init__(self, tunnel):
        self.tunnel = tunnel
        self.node = PrivateNode(tunnel)
        self.owner = self.node.create("api-team", "--publish=super-api")
        self.web = self.node.create("web")
        self.nginx = tunnel.nginx("""
        location / { return 200 "Hello from Super API\\n"; }
        location /large { root %s; limit_rate 2m; }
        location /who { return 200 "$proxy_protocol_addr\\n"; }
""" % tunnel.path, listen="proxy_protocol", greeting=proxy_protocol.v1())
        self.provider = self.publish("tcp://" + self.nginx.address)
        self.alias = alias_of(self.provider)
        self.port = free_port()
        self.consumer = self.ask()

    def publish(self, upstream):
        return self.node.provider("super-api", upstream, self.owner, "--visibility=*", "--proxy-protocol=v2")

    def ask(self):
        return self.node.consumer(self.web, "--service=%s=%d" % (self.alias, self.port),
                                  "--message=web team, ticket 4711")

    def curl(self, path="/", *options):
        return curl(self.tunnel, self.port, path, *options)

    def decide(self, verb, *options):
        """By the owner, on another machine than the exit node."""
        id = self.node.endpoint("web")["id"]
        return self.node.over_link(self.owner, "endpoint", verb, "--id", id, *options)

    def approved(self):
        self.consumer.log_contains("super-api is pending: ")
        assert self.decide("approve", "--description=Approved")[0] == 0
        wait_curl(self.tunnel, self.port, HELLO)
        return self


@pytest.fixture
def scene(tunnel):
    return Scene(tunnel)


@pytest.fixture
def approved(scene):
    return scene.approved()


def test_pending(scene):
    """It is asked for, and nothing is there until somebody approves."""
    endpoint = scene.node.wait_endpoint("web", PENDING)
    assert misfits(endpoint, SHAPE) == []
    assert endpoint["properties"]["requestMessage"] == "web team, ticket 4711"
    assert endpoint["properties"]["provisioningState"] == PENDING
    listed = scene.node.ok("endpoint", "list", "--json")
    found = subprocess.run(["jq", "-r", JQ], input=listed, text=True, capture_output=True, check=True).stdout.split()
    assert found == jmespath.search(JMESPATH, json.loads(listed)) == [endpoint["id"]]
    assert scene.node.ok("endpoint", "list", "--status=Pending", "-o", "name").split() == [endpoint["name"]]
    # The owner is told by a line with the command, the consumer by another.
    scene.provider.log_contains('web asks for the private service super-api: "web team, ticket 4711"; to approve it: '
                                "tunnel endpoint approve " + endpoint["name"])
    scene.consumer.log_contains("super-api is pending: its owner decides (tunnel endpoint approve %s)"
                                % endpoint["name"])
    quiet_for(0.3, lambda: not refused(scene.port), "that the consumer listens")
    assert scene.curl()[0] == 7  # curl: could not connect


def test_published_script(scene):
    """The loop of the walk-through, over a link, with no other words than the command's name."""
    scene.node.wait_endpoint("web", PENDING)
    way = " ".join(map(str, scene.node.way(scene.owner)))
    script = """
        set -e
        tunnel endpoint list --id /services/super-api --json %s |
            jq -r '%s' | while read -r id; do
                tunnel endpoint approve --id "$id" --description "Approved" %s </dev/null
            done""" % (way, JQ, way)
    bin = scene.tunnel.path / "bin"
    bin.mkdir()
    (bin / "tunnel").symlink_to(scene.provider.argv[0])
    env = dict(scene.tunnel.env, PATH="%s:%s" % (bin, scene.tunnel.env["PATH"]))
    subprocess.run(["bash", "-c", script], env=env, check=True, capture_output=True)
    wait_curl(scene.tunnel, scene.port, HELLO, AT_ONCE)
    endpoint = scene.node.endpoint("web")
    assert status_of(endpoint) == APPROVED
    assert endpoint["properties"]["privateLinkServiceConnectionState"]["description"] == "Approved"
    assert endpoint["properties"]["provisioningState"] == "Succeeded"
    assert endpoint["properties"]["decidedBy"] == "api-team"
    assert misfits(endpoint, SHAPE) == []
    assert scene.curl("/who") == (0, b"127.0.0.1\n")


def test_who_may_decide(scene):
    """The owner and the operator; the consumer may not approve itself."""
    endpoint = scene.node.wait_endpoint("web", PENDING)
    for token in (scene.web, scene.node.create("other")):
        status, out, err = scene.node.over_link(token, "endpoint", "approve", endpoint["name"])
        assert status in (1, 4) and not out and err
    assert status_of(scene.node.endpoint("web")) == PENDING and refused(scene.port)
    assert scene.node.endpoints(scene.node.create("another")) == []
    assert [e["name"] for e in scene.node.endpoints(scene.web)] == [endpoint["name"]]
    scene.node.ok("endpoint", "approve", endpoint["name"][:-8])  # the operator, by what is unique of it
    wait_curl(scene.tunnel, scene.port, HELLO, AT_ONCE)


def test_upstream_learns_who_comes(scene):
    """By PROXY v2: the link id, as Azure writes it, and the consumer's name; the address is the one that the exit node
    saw."""
    heads = []

    def read(conn):
        heads.append(Header(conn))
        while conn.read_request() is not None:
            conn.send(response(HELLO))
    python = scene.tunnel.upstream(read)
    scene.provider.stop()
    scene.publish("tcp://" + python.address)
    scene.approved()
    endpoint = scene.node.endpoint("web")
    head = heads[-1]
    assert (head.version, head.command, head.source) == (2, 1, "127.0.0.1")
    assert head.tlvs[0xEE] == link_tlv(endpoint["properties"]["linkIdentifier"])
    assert head.tlvs[0xE1] == b"web"


@pytest.mark.parametrize("who", ["server", "server -9", "provider -9", "consumer"])
def test_restart(approved, who):
    """Each part in turn: the same alias, the same link, and it works again by itself."""
    link = approved.node.endpoint("web")["properties"]["linkIdentifier"]
    part = {"server": approved.node.server, "provider": approved.provider, "consumer": approved.consumer}[who.split()[0]]
    (part.kill if who.endswith("-9") else part.stop)()
    part.start()
    wait_curl(approved.tunnel, approved.port, HELLO, 3 * AT_ONCE + 15)
    assert alias_of(approved.provider) == approved.alias
    endpoint = approved.node.endpoint("web")
    assert (status_of(endpoint), endpoint["properties"]["linkIdentifier"]) == (APPROVED, link)


def test_reject_cuts(approved):
    """A download under way ends with an error, the next one is not taken; and approved again it works, without the
    consumer doing anything."""
    (approved.tunnel.path / "large").write_bytes(bytes(64 << 20))
    to = approved.tunnel.path / "got"
    download = approved.tunnel.stage.daemon("curl", [
        "curl", "-sS", "--noproxy", "*", "-o", to, "http://127.0.0.1:%d/large" % approved.port])
    download.expected_status = {56}  # curl: failure in receiving network data
    wait_until(lambda: to.exists() and to.stat().st_size > 1 << 20, "the download to be under way")
    assert approved.node.endpoint("web")["properties"]["streams"] == 1
    status, out, err = approved.decide("reject", "-d", "not this quarter")
    began = time.monotonic()
    assert (status, out) == (0, "web may not use super-api; cut 1 stream\n"), err
    assert download.wait(AT_ONCE) == 56 and time.monotonic() - began < AT_ONCE
    assert "reset" in download.log()
    assert approved.curl()[0] in (7, 52, 56)  # refused, or reset
    approved.consumer.log_contains("super-api is rejected: not this quarter")
    endpoint = approved.node.endpoint("web")
    assert status_of(endpoint) == REJECTED and endpoint["properties"]["provisioningState"] == "Succeeded"
    wait_until(lambda: refused(approved.port), "the port to close")
    assert approved.decide("approve")[0] == 0
    wait_curl(approved.tunnel, approved.port, HELLO, AT_ONCE)


def test_delete(approved):
    """The owner removes it: the consumer ends with status 1, and is not let in again until it has deleted its own."""
    endpoint = approved.node.endpoint("web")
    approved.consumer.expected_status = {1}
    status, _, err = approved.decide("delete", "--yes")
    assert status == 0, err
    assert approved.consumer.wait() == 1
    assert "disconnected" in approved.consumer.log()
    mine, = approved.node.endpoints(approved.web)
    assert (mine["name"], status_of(mine)) == (endpoint["name"], DISCONNECTED)
    assert approved.consumer.start().wait() == 1  # it asks again
    status, _, err = approved.node.run("endpoint", "approve", endpoint["name"])
    assert status == 1 and "ask again" in err
    approved.node.ok_over_link(approved.web, "endpoint", "delete", "--yes", endpoint["name"])
    approved.consumer.expected_status = {0}
    approved.consumer.start()
    again = approved.node.wait_endpoint("web", PENDING)
    assert again["properties"]["linkIdentifier"] != endpoint["properties"]["linkIdentifier"]
    approved.node.ok("endpoint", "approve", again["name"])
    wait_curl(approved.tunnel, approved.port, HELLO, AT_ONCE)


def test_auto_approval(tunnel):
    """Who is on that list need not wait; who is not sees as much as of an alias that does not exist."""
    node = PrivateNode(tunnel)
    owner, auto, asks = (node.create(name, *options) for name, options in (
        ("api-team", ["--publish=super-api"]), ("ci", []), ("web", [])))
    up = tunnel.upstream(response(HELLO))
    provider = node.provider("super-api", "tcp://" + up.address, owner, "--visibility=ci,web", "--auto-approve=ci")
    port = free_port()
    node.consumer(auto, "--service=super-api=%d" % port).approved()
    assert curl(tunnel, port) == (0, HELLO)
    endpoint = node.wait_endpoint("ci", APPROVED)
    assert endpoint["properties"]["privateLinkServiceConnectionState"]["description"] == "Auto-Approved"
    node.consumer(asks, "--service=super-api=%d" % free_port())
    node.wait_endpoint("web", PENDING)
    stranger = node.create("stranger")
    said = []
    for alias in (alias_of(provider), "super-api", "super-api.zzzzzzzzzzzz.exit", "nothing"):
        p = node.consumer(stranger, "--service=%s=%d" % (alias, free_port()))
        p.log_contains(" is declined: ")
        said.append(re.search(r" is declined: .*", p.log())[0])
        p.stop()
    assert len(set(said)) == 1
    assert len(node.endpoints()) == 2


def test_wait(scene):
    """--wait gives up with status 6, and the request stays; endpoint wait sees the approval."""
    patient = scene.node.consumer(scene.web, "--service=%s=%d" % (scene.alias, free_port()), "--endpoint=other",
                                  "--wait=3s")
    patient.expected_status = {6}
    assert patient.wait() == 6
    names = [e["properties"]["privateEndpoint"]["id"] for e in scene.node.endpoints()]
    assert sorted(names) == ["/identities/web/privateEndpoints/other", "/identities/web/privateEndpoints/web"]
    name = next(e["name"] for e in scene.node.endpoints() if e["properties"]["privateEndpoint"]["id"].endswith("/web"))
    status, _, err = scene.node.run("endpoint", "wait", name, "--status=Approved", "--timeout=1s")
    assert status == 6 and "is Pending" in err
    scene.node.ok("endpoint", "approve", name)
    scene.node.ok("endpoint", "wait", name, "--status=Approved", "--timeout=1s")


def test_front_door(approved):
    """Another exit node's public front, with the private service behind it: what the owner approved is what the public
    sees, and nothing else."""
    front = approved.tunnel.server()
    approved.tunnel.client(front, "api.example.org=http://127.0.0.1:%d" % approved.port)

    def asked():
        with approved.tunnel.visitor(front) as v:
            r = v.get("/", host="api.example.org")
            return r.status, r.body
    assert asked() == (200, HELLO)
    assert approved.decide("reject")[0] == 0
    assert asked()[0] in (502, 503)
    assert approved.decide("approve")[0] == 0
    wait_until(lambda: asked() == (200, HELLO), "the public to see it again")


def test_signals(approved):
    """It ends in order while nothing is under way, and lets what is under way end."""
    approved.consumer.send_signal(signal.SIGTERM)
    assert approved.consumer.wait() == 0
    assert refused(approved.port)
    wait_until(lambda: not approved.node.endpoint("web")["properties"]["online"], "the endpoint to be offline")
