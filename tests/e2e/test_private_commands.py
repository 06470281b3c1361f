# SPDX-License-Identifier: MIT
"""tunnel service and tunnel endpoint: what is typed and printed, by operators, owners and consumers."""

import json
import os
import re
import subprocess

import pytest

from harness.private import APPROVED, REJECTED, PrivateNode, status_of
from harness.programs import TUNNEL
from harness.wait import PATIENCE

ID = re.compile(r"web\.[0-9a-f]{16}")


@pytest.fixture
def node(tunnel):
    return PrivateNode(tunnel)


@pytest.fixture(params=["here", "remote"])
def asked(request, node):
    """The same commands at the socket, and over a link with an operator's token."""
    if request.param == "remote":
        operator = node.create("admin", "--operator")
        here = node.run

        def over_the_link(*argv, **kwargs):
            return here(*argv, *node.way(operator), **kwargs)
        node.run = over_the_link
    return node


def team(node, *options):
    """(the owner's token, the consumer's), with super-api made."""
    owner, web = node.create("api-team", "--publish=super-*"), node.create("web")
    node.ok("service", "create", "super-api", "--owner=api-team", "--visibility=web", *options)
    return owner, web


def request(node, token, *options):
    """The id of an endpoint that the consumer asked for."""
    out = node.ok_over_link(token, "endpoint", "create", "--service=super-api", *options)
    return ID.search(out)[0]


# ---- Private services ----

def test_services(asked):
    asked.create("api-team", "--publish=super-*")
    out = asked.ok("service", "create", "Super-API", "--owner=api-team", "--visibility=web,batch",
                   "--auto-approve", "web", "--fqdns=api.example.org", "-d", "for the shop")
    alias = re.fullmatch(r"super-api is private: (super-api\.[0-9a-hjkmnp-tv-z]{12}\.127\.0\.0\.1)\n", out)[1]
    head, row = asked.ok("service", "list", "--owner=api-team", "--all").splitlines()
    assert head.split() == ["NAME", "ALIAS", "OWNER", "ONLINE", "APPROVED", "PENDING", "STREAMS", "VISIBILITY"]
    assert row.split() == ["super-api", alias, "api-team", "0", "0", "0", "0", "batch,web"]
    shown = asked.ok("service", "show", alias)
    for line in ("Name: +Super-API", "Auto-approve: +web", "FQDNs: +api.example.org", "Managed: +no",
                 "Description: +for the shop", "Pending: +0"):
        assert re.search("^%s$" % line, shown, re.M), shown
    service = asked.json("service", "get", "SUPER-api")
    assert service["resourceGroup"] == "api-team" and service["properties"]["alias"] == alias
    assert asked.ok("service", "list", "-o", "name", "--all") == "super-api\n"

    assert asked.ok("service", "update", "super-api", "--visibility=*", "--auto-approve=", "--managed",
                    "--if-match", service["etag"]) == "super-api is changed\n"
    properties = asked.json("service", "show", "super-api")["properties"]
    assert properties["visibility"] == {"subscriptions": ["*"]} and properties["autoApproval"] == {"subscriptions": []}
    assert properties["managed"] and properties["fqdns"] == ["api.example.org"]
    status, out, err = asked.run("service", "update", "super-api", "--managed=false", "--if-match", service["etag"])
    assert (status, out) == (1, "") and "it was changed meanwhile" in err

    status, out, err = asked.run("service", "create", "super-api", "--owner=api-team")
    assert (status, out) == (1, "") and "the name super-api is taken" in err
    status, out, err = asked.run("service", "create", "db", "--owner=api-team")
    assert (status, out) == (1, "") and "tunnel token update api-team --publish" in err
    status, out, err = asked.run("service", "create", "super-db", "--owner=api-team", "--auto-approve=web")
    assert (status, out) == (2, "") and "web" in err
    assert asked.run("service", "show", "none")[0] == 4
    assert asked.run("service", "update", "super-api")[0] == 2
    assert asked.ok("service", "rm", "super-api") == "super-api is deleted: 0 endpoints disconnected, 0 streams cut\n"
    assert asked.run("service", "show", alias)[0] == 4


def test_owner_from_elsewhere(node):
    """Over a link an identity makes and changes what is its own, and sees what shows itself."""
    owner, web = node.create("api-team", "--publish=super-*"), node.create("web")
    over = node.over_link
    assert over(owner, "service", "create", "super-api", "--visibility=@all")[0] == 0
    assert over(owner, "service", "create", "super-secret", "--visibility=*")[0] == 0
    assert over(web, "service", "create", "mine")[0] == 1
    assert over(owner, "service", "create", "other")[0] == 1
    lines = node.ok_over_link(web, "service", "list").splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["super-api"]
    assert lines[0].split()[3:] == ["no", "-", "-", "-", "-"]
    assert over(web, "service", "list", "--all")[0] == 1
    alias = node.json("service", "show", "super-secret")["properties"]["alias"]
    assert over(web, "service", "show", "super-secret")[0] == 4
    assert over(web, "service", "show", alias)[0] == 0
    assert over(web, "service", "delete", alias)[0] == 1
    assert over(owner, "service", "delete", "super-secret")[0] == 0
    # Made-up, invisible and deleted: one answer, but for what was typed.
    answers = {over(web, "service", "show", name)[2].replace(name, "NAME")
               for name in (alias, "super-none", "none.000000000000.exit")}
    assert len(answers) == 1


# ---- Endpoints ----

def test_endpoints(asked):
    _, web = team(asked)
    out = asked.ok("endpoint", "create", "--service=super-api", "--consumer=web", "--message=web team, ticket 4711")
    name = re.fullmatch(r"super-api is pending: its owner decides \(tunnel endpoint approve (web\.[0-9a-f]{16})\)\n", out)[1]
    head, row = asked.ok("endpoint", "list").splitlines()
    assert head.split() == ["ID", "SERVICE", "CONSUMER", "STATE", "LINK", "MESSAGE", "STREAMS", "AGE"]
    assert re.split("  +", row)[:7] == [name, "super-api", "web", "Pending", "1", "web team, ticket 4711", "0"]
    assert asked.ok("endpoint", "approve", name, "-d", "ticket 4711") == "web may use super-api (link 1)\n"
    shown = asked.ok("endpoint", "show", "web")
    for line in ("ID: +" + name, "Owner: +api-team", "State: +Approved", "Description: +ticket 4711", "Link: +1"):
        assert re.search("^%s$" % line, shown, re.M), shown
    assert asked.ok("endpoint", "reject", name[:6]) == "web may not use super-api\n"
    state = asked.json("endpoint", "get", name)["properties"]["privateLinkServiceConnectionState"]
    assert state == {"status": "Rejected", "description": "", "actionsRequired": "None"}
    # By the path, as az names it.
    path = asked.json("endpoint", "show", name)["id"]
    assert path == "/services/super-api/privateEndpointConnections/" + name
    assert asked.run("endpoint", "show", path.replace("super-api", "db"))[0] == 4
    assert asked.run("endpoint", "show", "/services/super-api/" + name)[0] == 2
    approved = json.loads(asked.ok("endpoint", "approve", "--id", path, "--json"))
    assert status_of(approved) == APPROVED and approved["streamsCut"] == 0
    for options, n in (([], 1), (["--status=approved"], 1), (["--status=Pending"], 0), (["--service=super-api"], 1),
                       (["--service=db"], 0), (["--id=/services/super-api"], 1), (["--consumer=web"], 1),
                       (["--consumer=api-team"], 0)):
        assert len(asked.json("endpoint", "list", *options)) == n, options
    assert asked.ok("endpoint", "list", "-o", "tsv").split("\t")[:4] == [name, "super-api", "web", "Approved"]

    assert asked.ok("endpoint", "delete", name) == "web is disconnected from super-api\n"
    status, out, err = asked.run("endpoint", "approve", name)
    assert (status, out) == (1, "") and "removed" in err
    assert asked.ok("endpoint", "rm", name) == "web has no endpoint any more at super-api\n"
    assert asked.run("endpoint", "show", name)[0] == 4
    assert asked.run("endpoint", "list", "--status=new")[0] == 2
    assert asked.run("endpoint", "list", "--id=web")[0] == 2
    assert asked.run("endpoint", "list", "--id=/services/a", "--service=b")[0] == 2
    assert asked.run("endpoint", "create")[0] == 2
    assert asked.run("endpoint", "approve")[0] == 2
    assert asked.run("endpoint", "create", "--service=none", "--consumer=web")[0] == 4


def test_both_sides_from_elsewhere(node):
    """The owner decides and the consumer does not; who is neither is told what he is told of what is not there."""
    owner, web = team(node)
    other = node.create("other")
    name = request(node, web)
    over = node.over_link
    assert over(web, "endpoint", "approve", name)[0] == 1
    assert over(other, "endpoint", "show", name)[0] == 4
    assert over(other, "endpoint", "approve", name)[2].replace(name, "ID") == (
        over(other, "endpoint", "approve", "web.0123456789abcdef")[2].replace("web.0123456789abcdef", "ID"))
    assert over(other, "endpoint", "list")[1].count("\n") == 1
    assert over(other, "endpoint", "create", "--service=super-api")[0] == 4
    assert over(web, "endpoint", "create", "--service=super-api", "--consumer=other")[0] == 1
    assert over(owner, "endpoint", "approve", name)[1] == "web may use super-api (link 1)\n"
    assert re.split("  +", over(web, "endpoint", "list")[1].splitlines()[1])[3] == "Approved"
    assert over(owner, "endpoint", "delete", name)[1] == "web is disconnected from super-api\n"
    assert over(web, "endpoint", "delete", name)[1] == "web has no endpoint any more at super-api\n"
    assert request(node, web) != name
    assert over(owner, "endpoint", "create", "--service=super-api")[1] == "api-team may use super-api (link 3)\n"


def shell(node, line):
    """What people paste: with tunnel and the commands of others on the PATH."""
    bin_dir = node.tunnel.path / "bin"
    bin_dir.mkdir(exist_ok=True)
    if not (bin_dir / "tunnel").exists():
        (bin_dir / "tunnel").symlink_to(TUNNEL)
    env = {**node.env, "PATH": "%s:%s" % (bin_dir, os.environ["PATH"])}
    p = subprocess.run(["bash", "-o", "pipefail", "-c", line], env=env, capture_output=True, text=True, timeout=60)
    assert p.returncode == 0, p.stderr
    return p.stdout


@pytest.mark.parametrize("line", [
    "tunnel endpoint list --json | jq -r '.[] | select(.properties.provisioningState==\"Pending\") | .id'"
    " | xargs -n1 tunnel endpoint approve --description Approved --id",
    "tunnel endpoint list --status Pending -o name | xargs -n1 tunnel endpoint approve --description Approved",
    # As written for az, but for the command's name.
    "for id in $(tunnel endpoint list --id /services/super-api --query"
    " \"[?properties.privateLinkServiceConnectionState.status=='Pending'].id\" -o tsv); do"
    " tunnel endpoint approve --id $id --description \"Approved\"; done",
    "tunnel endpoint approve -d Approved --id $(tunnel endpoint list --query"
    " '[?properties.provisioningState==`Pending`] | [0].id' -o tsv)",
])
def test_published_scripts(node, line):
    owner, web = team(node)
    batch = node.create("batch")
    node.ok("service", "update", "super-api", "--visibility=web,batch")
    decided = ID.sub("batch", request(node, web))
    assert decided
    node.ok_over_link(batch, "endpoint", "create", "--service=super-api")
    node.ok("endpoint", "reject", "batch", "-d", "no")
    assert shell(node, line) == "web may use super-api (link 1)\n"
    web, batch = node.endpoints()
    assert web["properties"]["privateLinkServiceConnectionState"] == {
        "status": "Approved", "description": "Approved", "actionsRequired": "None"}
    assert web["properties"]["provisioningState"] == batch["properties"]["provisioningState"] == "Succeeded"
    assert status_of(batch) == REJECTED


def test_wait(node, tunnel):
    _, web = team(node)
    name = request(node, web)
    status, out, err = node.run("endpoint", "wait", name, "--timeout=100ms")
    assert (status, out) == (6, "") and "%s is Pending, and not Approved" % name in err
    assert node.ok("endpoint", "wait", name, "--status=pending") == name + " is Pending\n"
    with subprocess.Popen([TUNNEL, "endpoint", "wait", name, "-o", "name"], env=node.env, stdout=subprocess.PIPE,
                          text=True) as waiting:
        node.ok("endpoint", "approve", name)
        assert waiting.communicate(timeout=PATIENCE)[0] == name + "\n" and waiting.returncode == 0
    node.ok("endpoint", "delete", name)
    status, out, err = node.run("endpoint", "wait", name)
    assert (status, out) == (1, "") and "Disconnected" in err
    node.ok("endpoint", "delete", name)
    assert node.run("endpoint", "wait", name)[0] == 4


# ---- Beside it ----

def test_without_a_server(node):
    _, web = team(node)
    name = request(node, web)
    node.server.stop()
    assert node.ok("endpoint", "approve", name).startswith("web may use super-api")
    assert "super-api" in node.ok("service", "list")
    assert re.fullmatch(r"db is private: db\.[0-9a-z]{12}\n", node.ok("service", "create", "db"))
    assert node.run("endpoint", "wait", name)[0] == 5
    node.server.start()
    assert status_of(node.endpoint("web")) == APPROVED
    assert [s["name"] for s in node.json("service", "list")] == ["super-api", "db"]


def test_identity_goes(node):
    owner, web = team(node)
    request(node, web)
    shown = node.ok("token", "show", "api-team")
    assert re.search("^Private services: +1$", shown, re.M) and re.search("^Endpoints: +0$", shown, re.M)
    assert node.ok("token", "delete", "api-team") == (
        "api-team is deleted: 0 sessions ended, 0 streams cut\nwith it 1 private service and 1 endpoint\n")
    assert node.endpoints() == [] and node.run("service", "show", "super-api")[0] == 4


def test_explain(node):
    """All that a connection needs, in one answer."""
    owner, web = node.create("api-team", "--publish=*"), node.create("web", "--consume=redis")

    def explained(*way):
        return node.run("intention", "check", "--explain", "web", "redis", *way)[1].splitlines()[1:]
    node.ok("service", "create", "redis", "--owner=api-team")
    assert "  endpoint    none: its visibility does not name the identity" not in explained(*node.way(web))
    assert "  endpoint    none: there is no such private service" in explained(*node.way(web))
    assert "  endpoint    none: its visibility does not name the identity" in explained()
    node.ok("service", "update", "redis", "--visibility=web", "--auto-approve=web")
    assert "  endpoint    none: the identity has not asked for it" in explained(*node.way(web))
    node.ok_over_link(web, "endpoint", "create", "--service=redis")
    node.ok("intention", "create", "--deny", "web", "redis")
    assert explained() == explained(*node.way(owner)) == [
        "  intention   web => redis (deny, precedence 9)",
        "  endpoint    Approved (auto)",
        "  grants      consume: redis",
        "  provider    offline"]
    # Whose the private service is says who may use it.
    assert node.ok_over_link(owner, "intention", "delete", "web", "redis") == "Intention deleted.\n"
    assert node.run("intention", "check", "web", "redis")[0] == 0


FILE = """
identities:
  - {name: api-team, publish: super-api}
  - name: web
services:
  - name: super-api
    owner: api-team
    visibility: [web, batch]
    auto-approve: batch
endpoints:
  - {consumer: web, service: super-api, description: ticket 4711}
intentions:
  - {source: '*', destination: super-api, action: deny}
  - {source: web, destination: super-api}
"""


def test_apply(asked, tunnel):
    path = tunnel.path / "private.yaml"
    path.write_text(FILE)
    dry = asked.ok("apply", path, "--dry-run")
    assert [re.split("  +", line)[:2] for line in dry.splitlines()] == [
        ["create", "api-team"], ["create", "web"], ["create", "service super-api"],
        ["create", "endpoint web at super-api"], ["create", "* => super-api"], ["create", "web => super-api"]]
    assert "auto-approval=batch" in dry and "status=Approved" in dry
    assert asked.json("endpoint", "list") == []
    asked.ok("apply", path)
    assert status_of(asked.json("endpoint", "list")[0]) == APPROVED
    assert asked.json("service", "show", "super-api")["properties"]["managed"]
    assert "everything is as" in asked.ok("apply", path)
    path.write_text("endpoints:\n  - {consumer: web, service: super-api, status: Rejected}\n")
    out = asked.ok("apply", path)
    assert "update  endpoint web at super-api  status=Rejected (was Approved)" in out
    assert status_of(asked.json("endpoint", "list")[0]) == REJECTED
    for text, words in (("services:\n  - owner: a\n", ":2: this private service has no name"),
                        ("services:\n  - {name: a, alias: b}\n", ":2: alias: a private service has nothing of that name"),
                        ("services:\n  - {name: a, managed: perhaps}\n", ":2: managed: true or false belongs here"),
                        ("services:\n  - {name: a, visibility: {b: c}}\n", ":2: visibility: a value or a list belongs here"),
                        ("endpoints:\n  - {consumer: a}\n", ":2: consumer and service belong to each"),
                        ("endpoints:\n  - web\n", ':2: an endpoint is written "consumer: NAME"')):
        path.write_text(text)
        status, out, err = asked.run("apply", path)
        assert (status, out) == (2, "") and "private.yaml" + words in err, err
